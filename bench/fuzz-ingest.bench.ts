/** Fuzzed log lines through ingest: every one is stored, rejected or a duplicate. */
import { gzipSync } from 'node:zlib';
import { fuzzedLines } from '../data/ingest/fuzz-lines.ts';
import { LogFixture } from '../data/ingest/ingest-fixture.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { Random } from '../lib/random.ts';
import type { Bench } from './types.ts';

/** For every change; 1,000,000 each night. */
const LINES = 100_000;
const FILES = 10;

/** Lines a file: whole ones, so that no number of lines is rounded away. */
const share = (lines: number, file: number): number =>
  Math.floor((lines * (file + 1)) / FILES) - Math.floor((lines * file) / FILES);

export const bench: Bench = {
  name: 'fuzz-ingest',
  describe:
    'fuzzed log lines: stored + rejected + duplicates = lines, else it fails [-- <seed> <lines>]',
  async run(args) {
    const seed = Number(args[0] ?? 1);
    const lines = Number(args[1] ?? LINES);
    const random = Random.of(seed, 'fuzz');
    const logs = await LogFixture.create();
    try {
      for (let i = 0; i < FILES; i++) {
        const content = fuzzedLines(random, share(lines, i));
        const gzip = i % 2 === 0;
        const name = `events/${i}.ndjson${gzip ? '.gz' : ''}`;
        await logs.write(name, gzip ? gzipSync(content) : content);
      }
      const { rowsIn, stored, rejected, duplicates, rejectsByReason } = await logs.ingest();
      refuseLost({ lines, rowsIn, accounted: stored + rejected + duplicates });
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

/** @throws EdgeloomError `lines-lost` when a line is in none of the three counts, or in two */
function refuseLost(counts: { lines: number; rowsIn: number; accounted: number }): void {
  const { lines, rowsIn, accounted } = counts;
  if (rowsIn === lines && accounted === lines) return;
  throw new EdgeloomError({
    code: 'lines-lost',
    what: `Of ${lines} fuzzed lines ingest read ${rowsIn} and accounted for ${accounted}`,
    fix: 'run it again with the same seed: the lines are the same; fewer lines find the place',
  });
}
