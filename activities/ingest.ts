/** Stage `ingest`: device logs of any format → the lake, with an exact account of rows. */
import { z } from 'zod';
import { ingest as ingestLogs } from '../data/ingest/ingest.ts';
import { defineStage } from './runtime/stage.ts';

const DAY_MS = 86_400_000;

export const ingest = defineStage({
  name: 'ingest',
  describe:
    'read device logs into the lake: check, hash user ids, drop duplicates, quarantine rejects',
  inputs: ['logs'],
  params: z.strictObject({
    userKeyId: z.string().describe('which secret key user ids are hashed with'),
    buckets: z.int().min(1).max(256).default(8).describe('user buckets'),
    maxRejectShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe('above this share of rejected rows the run fails'),
    maxLateMs: z
      .int()
      .min(0)
      .default(14 * DAY_MS)
      .describe('a row that arrived later than this after its time is rejected'),
    maxAheadMs: z
      .int()
      .min(0)
      .default(3_600_000)
      .describe('a row whose time is further ahead of its arrival is rejected'),
  }),
  module: import.meta.url,
  async run({ inputs, outDir, machine, signal, onProgress }, { userKeyId, ...limits }) {
    const userKey = await machine.userKey(userKeyId);
    const account = await ingestLogs({
      ...limits,
      logsDir: inputs.logs!,
      outDir,
      userKey,
      signal,
      onProgress,
    });
    const { rowsIn, stored, rejected, duplicates, byDate, rejectsByReason } = account;
    const summary = { rowsIn, stored, rejected, duplicates, byDate, rejectsByReason };
    return { rows: stored, summary };
  },
});
