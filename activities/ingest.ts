/** Stage `ingest`: device logs of any format → the lake, with an exact account of rows. */
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { Balance } from '../data/ingest/account.ts';
import { ingest as ingestLogs } from '../data/ingest/ingest.ts';
import { refuseRealUsers } from '../data/ingest/refuse-real-users.ts';
import { userKeyOf } from '../data/ingest/user-keys.ts';
import { eraseFromLake } from '../data/privacy/erase-lake.ts';
import type { ErasedUsers } from '../data/privacy/erased-users.ts';
import { lakeSummary } from '../data/privacy/lake-account.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { SIMULATED_KEY_ID } from './privacy/types.ts';
import { defineStage, type Machine } from './runtime/stage.ts';

const DAY_MS = 86_400_000;

/** @throws EdgeloomError `erased-users-changed` when the list here is not the one that was asked for */
async function erasedAs(
  machine: Machine,
  userKeyId: string,
  asked: string | undefined,
): Promise<ErasedUsers | undefined> {
  const list = await machine.erasedUsers(userKeyId);
  if (list?.id === asked) return list;
  throw new EdgeloomError({
    code: 'erased-users-changed',
    what: 'The list of erased users on this machine is not the one that this run started with',
    where: `keys of ${userKeyId}`,
    fix: 'run again; on another machine, bring its keys/ folder up to date first',
  });
}

/** A lake of nothing would end some later stage, with a reason that nobody could lead back to the logs. */
function refuseEmpty({ rowsIn, rejected, duplicates, stored }: Balance, logsDir: string): void {
  if (stored > 0) return;
  throw new EdgeloomError({
    code: 'empty-log',
    what:
      rowsIn === 0
        ? 'The files in events/ hold no event'
        : `Of ${rowsIn} rows none can be stored: ${rejected} were rejected, ${duplicates} are duplicates`,
    where: logsDir,
    fix: 'bring the day’s logs, or name the folder that has them with --logs; docs/guide/your-own-logs.md shows the format',
  });
}

export const ingest = defineStage({
  name: 'ingest',
  describe:
    'read device logs into the lake: check, hash user ids, drop duplicates, quarantine rejects',
  inputs: ['logs'],
  params: z.strictObject({
    userKeyId: z.string().describe('which secret key user ids are hashed with'),
    erasedUsers: z
      .string()
      .optional()
      .describe('which list of erased users is left out; a run fills it in'),
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
  async run({ inputs, outDir, machine, signal, onProgress }, params) {
    const { userKeyId, erasedUsers, ...limits } = params;
    const userKey = await machine.userKey(userKeyId);
    const gone = await erasedAs(machine, userKeyId, erasedUsers);
    // Taken out as `edgeloom erase` does it, so that both ways lead to the same lake.
    const readDir = gone ? `${outDir}-read` : outDir;
    const logsDir = inputs.logs!;
    if (userKeyId === SIMULATED_KEY_ID) await refuseRealUsers(logsDir, `${outDir}-look`);
    try {
      const read = await ingestLogs({
        ...limits,
        logsDir,
        outDir: readDir,
        userKey,
        signal,
        onProgress,
      });
      refuseEmpty(read, logsDir);
      const account = gone
        ? (
            await eraseFromLake({
              lakeDir: readDir,
              outDir,
              keys: gone.keys,
              keysOf: (id) => [userKeyOf(userKey, id)],
              signal,
            })
          ).account
        : read;
      await erasedAs(machine, userKeyId, erasedUsers);
      return { rows: account.stored, summary: lakeSummary(account) };
    } finally {
      if (gone) await rm(readDir, { recursive: true, force: true });
    }
  },
});
