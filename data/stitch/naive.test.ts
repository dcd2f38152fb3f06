import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FixtureLake, NOON, writeLake } from './lake-fixture.ts';
import { naiveStitch } from './naive-fixture.ts';
import type { NaiveOptions } from './naive-terms-fixture.ts';
import { readSamples, type SampleRow } from './samples-fixture.ts';
import { stitch } from './stitch.ts';
import { randomEvent, withIds } from './test-random-events.ts';

const time = fc.integer({ min: 0, max: 60 }).map((s) => NOON + s * 1000);
const lakes: fc.Arbitrary<FixtureLake> = fc.record({
  events: fc
    .array(randomEvent(time), { minLength: 150, maxLength: 300, size: 'max' })
    .map((events) => withIds(events)),
  history: fc.array(
    fc.record({
      user: fc.constantFrom('a', 'b'),
      as_of: time,
      item_ids: fc.array(fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5', 'i6'), { maxLength: 5 }),
    }),
    { maxLength: 4 },
  ),
  buckets: fc.constant(2),
});

const bySample = (a: SampleRow, b: SampleRow) =>
  String(a.sample_id) < String(b.sample_id) ? -1 : 1;

/** The columns that the naive form computes, of the rows that the SQL gave. */
function alike(rows: SampleRow[], naive: SampleRow[]): void {
  const expected = [...naive].sort(bySample);
  const found = [...rows]
    .sort(bySample)
    .map((row, i) =>
      Object.fromEntries(Object.keys(expected[i] ?? row).map((key) => [key, row[key]])),
    );
  expect(found).toEqual(expected);
}

it('agrees with a plain restatement of the rules on random logs', async () => {
  const options: NaiveOptions = {
    exposuresK: 4,
    pageViewsK: 3,
    candidatesN: 3,
    sinceK: 2,
    sessionClicksK: 2,
    unexposedK: 2,
    watchedK: 3,
    orderedK: 3,
    effectiveViewMs: 7000,
    labelWindowMs: 20_000,
    exposureWindowMs: 15_000,
    decisionWindowMs: 10_000,
    latenessMs: 3000,
  };
  await fc.assert(
    fc.asyncProperty(lakes, async (random) => {
      // Two rows of history with one time would leave open which counts.
      const times = new Set<string>();
      const history = random.history!.filter(({ user, as_of }) => {
        const key = `${user} ${as_of}`;
        return !times.has(key) && times.add(key);
      });
      const lake = { ...random, history };
      const folder = await mkdtemp(join(tmpdir(), 'stitch-'));
      try {
        await writeLake(join(folder, 'lake'), lake);
        const outDir = join(folder, 'samples');
        await stitch({ lakeDir: join(folder, 'lake'), outDir, ...options });
        const naive = naiveStitch(lake, options);
        alike(await readSamples(outDir, 'rerank'), naive.rerank);
        alike(await readSamples(outDir, 'decisions'), naive.decisions);
        alike(await readSamples(outDir, 'video'), naive.video);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: Number(process.env.EDGELOOM_RUNS ?? 5), endOnFailure: true },
  );
});
