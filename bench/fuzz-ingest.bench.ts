/** Fuzzed log lines through ingest: every one is stored, rejected or a duplicate. */
import { gzipSync } from 'node:zlib';
import { fuzzedLines } from '../data/ingest/fuzz-lines.ts';
import { LogFixture } from '../data/ingest/ingest-fixture.ts';
import { Random } from '../lib/random.ts';
import type { Bench } from './types.ts';

/** For every change; 1,000,000 each night. */
const LINES = 100_000;
const FILES = 10;

export const bench: Bench = {
  name: 'fuzz-ingest',
  describe: 'fuzzed log lines: stored + rejected + duplicates = lines [-- <seed> <lines>]',
  async run(args) {
    const seed = Number(args[0] ?? 1);
    const lines = Number(args[1] ?? LINES);
    const random = Random.of(seed, 'fuzz');
    const logs = await LogFixture.create();
    try {
      for (let i = 0; i < FILES; i++) {
        const content = fuzzedLines(random, lines / FILES);
        const gzip = i % 2 === 0;
        const name = `events/${i}.ndjson${gzip ? '.gz' : ''}`;
        await logs.write(name, gzip ? gzipSync(content) : content);
      }
      const { rowsIn, stored, rejected, duplicates, rejectsByReason } = await logs.ingest();
      return {
        figure: 'fuzzed lines accounted for',
        value: stored + rejected + duplicates,
        unit: 'lines',
        target: `${lines}`,
        data: `fuzzed, seed ${seed}`,
        n: rowsIn,
        extra: { stored, rejected, duplicates, rejectsByReason },
      };
    } finally {
      await logs.remove();
    }
  },
};
