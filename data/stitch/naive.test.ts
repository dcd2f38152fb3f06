import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FixtureEvent, type FixtureLake, NOON, writeLake } from './lake-fixture.ts';
import { type NaiveOptions, naiveStitch } from './naive-fixture.ts';
import { readSamples, type SampleRow } from './samples-fixture.ts';
import { stitch } from './stitch.ts';

// Few values everywhere, so that equal times, repeated items and crossing devices are common.
const item = fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5', 'i6');
const requestId = fc.constantFrom('r1', 'r2', 'r3');
const time = fc.integer({ min: 0, max: 60 }).map((s) => NOON + s * 1000);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 5 });
const envelope = {
  user: fc.constantFrom('a', 'b', 'c'),
  device_id: fc.constantFrom('phone', 'phone', 'tablet', null),
  session_id: fc.constantFrom('s1', 's2', null),
};
const behaviour = {
  ...envelope,
  request_id: optional(requestId),
  item_id: item,
  started: time,
  lasts: optional(fc.constantFrom(0, 1000, 2000, 2500, 8000)),
};
const ending = <T extends { started: number; lasts: number | null }>({ lasts, ...rest }: T) => ({
  ...rest,
  ts: rest.started,
  ended: lasts === null ? null : rest.started + lasts,
});
const action = { ...envelope, request_id: requestId, item_id: item, ts: time };
const event: fc.Arbitrary<object> = fc.oneof(
  fc.record({
    type: fc.constant('request'),
    ...envelope,
    request_id: requestId,
    ts: time,
    scene: optional(fc.constantFrom('home', 'search')),
    candidates: fc.array(
      fc.record({
        item_id: item,
        position: optional(fc.integer({ min: 0, max: 5 })),
        scores: fc.constantFrom({ ctr: 0.5, cvr: 0.25 }, { other: 0.75 }, { a: 1, b: 2 }, null),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  }),
  fc.record({
    type: fc.constant('rerank'),
    ...envelope,
    request_id: requestId,
    ts: time,
    order_before: fc.array(item, { minLength: 1, maxLength: 6 }),
    order_after: fc.array(item, { minLength: 1, maxLength: 6 }),
  }),
  {
    weight: 5,
    arbitrary: fc
      .record({ type: fc.constant('exposure'), ...behaviour, count: optional(fc.nat(9)) })
      .map(ending),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({
        type: fc.constant('page_view'),
        ...behaviour,
        actions: optional(
          fc.array(
            fc.record({
              block: fc.constantFrom('cart', 'shop'),
              clicks: optional(fc.nat(3)),
            }),
            { maxLength: 3 },
          ),
        ),
      })
      .map(ending),
  },
  fc.record({
    type: fc.constant('play'),
    ...action,
    watch_ms: fc.constantFrom(1000, 17_999, 18_000),
    duration_ms: fc.constantFrom(1000, 0, null),
  }),
  fc.record({
    type: fc.constant('feedback'),
    ...action,
    kind: fc.constantFrom('like', 'delete', 'hate'),
    reason: fc.constantFrom('seen', 'dull', null),
  }),
  fc.record({ type: fc.constant('order'), ...action }),
  fc.record({
    type: fc.constant('decision'),
    ...envelope,
    ts: time,
    decision_id: fc.constant('d'),
    request_id: optional(requestId),
    arm: fc.constantFrom('control', 'treatment', null),
    propensity: fc.constantFrom(0.5, null),
    unexposed: optional(fc.array(item, { maxLength: 4 })),
  }),
);

const lakes: fc.Arbitrary<FixtureLake> = fc.record({
  events: fc
    .array(event, { minLength: 150, maxLength: 300, size: 'max' })
    // The ids do not follow the order of time.
    .map((events) =>
      events.map((e, i) => ({ ...e, event_id: `e${String((i * 37) % 1009).padStart(4, '0')}` })),
    ) as fc.Arbitrary<FixtureEvent[]>,
  history: fc.array(
    fc.record({
      user: fc.constantFrom('a', 'b'),
      as_of: time,
      item_ids: fc.array(item, { maxLength: 5 }),
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
    matureMs: 10_000,
    labelWindowMs: 20_000,
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
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: 5, endOnFailure: true },
  );
});
