import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { page, S, shown, stitched } from './events-fixture.ts';
import { type FixtureEvent, NOON, writeLake } from './lake-fixture.ts';
import { readSamples, type SampleRow } from './samples-fixture.ts';
import { stitch } from './stitch.ts';
import { randomEvent, withIds } from './test-random-events.ts';
import type { Windows } from './windows.ts';

const KINDS = ['rerank', 'decisions', 'video'] as const;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'matured-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const RUNS = process.env.EDGELOOM_RUNS;
const END = 60_000;
const DAY = 86_400_000;

/** Facts of the whole log, such as whether it has orders, are not what is tested. */
const oneOfEachType = (['page_view', 'play', 'feedback', 'order'] as const).map(
  (type) =>
    ({
      type,
      user: 'z',
      ts: NOON,
      started: NOON,
      ended: NOON,
      request_id: null,
      item_id: 'i1',
      watch_ms: 0,
      kind: 'like',
    }) as unknown as FixtureEvent,
);

/** What comes later: told at `from` or after it, whenever it began. */
const told = (event: FixtureEvent, from: number): FixtureEvent =>
  ({ ...event, ts: from + ((event.ts! - NOON) % 7000) }) as FixtureEvent;

/** Fewer users, requests and items: more comes of each. */
const FEWER: Record<string, string> = { c: 'a', r3: 'r1', i5: 'i1', i6: 'i2', i4: 'i3' };
const denser = (event: FixtureEvent): FixtureEvent =>
  JSON.parse(
    JSON.stringify(event, (_, value) => (typeof value === 'string' && FEWER[value]) || value),
  ) as FixtureEvent;

interface Grown {
  windows: Windows;
  log: FixtureEvent[];
  /** Events that come after the log was stitched; the last one is a day later. */
  more: FixtureEvent[];
}

const event = randomEvent(fc.integer({ min: 0, max: 60 }).map((s) => NOON + s * 1000)).map(denser);

const grown: fc.Arbitrary<Grown> = fc
  .record({
    windows: fc.record({
      labelWindowMs: fc.constantFrom(4000, 10_000, 25_000),
      exposureWindowMs: fc.constantFrom(3000, 12_000, 30_000),
      decisionWindowMs: fc.constantFrom(9000, 20_000, 35_000),
      latenessMs: fc.constantFrom(0, 0, 5000),
    }),
    log: fc.array(event, { minLength: 70, maxLength: 130, size: 'max' }),
    more: fc.array(event, { minLength: 100, maxLength: 160, size: 'max' }),
  })
  .map(({ windows, log, more }) => {
    const first = [...withIds(log), ...oneOfEachType].filter(({ ts }) => ts! <= NOON + END);
    const end = Math.max(...first.map(({ ts }) => ts!));
    const late = withIds(more, 'f').map((event) => told(event, end - windows.latenessMs));
    const last = { ...late[0]!, event_id: 'last', ts: end + DAY } as FixtureEvent;
    return { windows, log: first, more: [...late, last] };
  });

const labelsOf = (row: SampleRow) =>
  Object.fromEntries(Object.entries(row).filter(([name]) => /^(label_|matured$)/.test(name)));

async function rowsOf(folder: string, events: FixtureEvent[], windows: Windows) {
  await writeLake(join(folder, 'lake'), { events });
  const outDir = join(folder, 'samples');
  await stitch({ lakeDir: join(folder, 'lake'), outDir, ...windows, candidatesN: 3, orderedK: 4 });
  const rows = new Map<string, SampleRow>();
  for (const kind of KINDS) {
    for (const row of await readSamples(outDir, kind)) rows.set(`${kind} ${row.sample_id}`, row);
  }
  return rows;
}

const HOUR = 3_600_000;
const order = (item_id: string, at: number): FixtureEvent => ({
  type: 'order',
  request_id: 'r',
  item_id,
  ts: NOON + at,
});

it('a decision keeps its labels when the next session shows more and orders come later', async () => {
  const { log, more } = {
    log: [
      page('r', 0, ['a', 'b']),
      {
        ...{ type: 'decision' as const, event_id: 'd', decision_id: 'd', ts: NOON },
        ...{ arm: 'control' as const, propensity: 0.5 },
      },
      shown('r', 'a', S, 2 * S),
      { ...order('x', 2 * HOUR), user: 'z' },
    ],
    more: [
      order('a', 3 * HOUR),
      shown('r', 'b', 24 * HOUR, 24 * HOUR + S),
      order('b', 24 * HOUR + S),
    ],
  };
  for (const [n, events] of [log, [...log, ...more]].entries()) {
    const { decisions } = await stitched(join(folder, String(n)), { events });
    expect(decisions[0]).toMatchObject({ label_order_n5: 0, label_order_n20: 0, matured: 1 });
  }
});

it('a slate waits for the label window of an exposure that came late', async () => {
  const log = [page('r', 0, ['a']), shown('r', 'a', 20 * HOUR, 21 * HOUR), order('x', 25 * HOUR)];
  const later = [...log, order('a', 30 * HOUR), order('x', 44 * HOUR + 1)];
  for (const [n, [events, matured, label]] of (
    [
      [log, 0, 0],
      [later, 1, 1],
    ] as const
  ).entries()) {
    const { rerank } = await stitched(join(folder, String(n)), { events: [...events] });
    expect(rerank[0]).toMatchObject({ matured, label_order: [label] });
  }
});

it('labels that have matured stay as they are when the log goes on and late events come', async () => {
  const matured = { rerank: 0, decisions: 0, video: 0 };
  const changed = { rerank: 0, decisions: 0, video: 0 };
  await fc.assert(
    fc.asyncProperty(grown, async ({ windows, log, more }) => {
      const root = await mkdtemp(join(folder, 'log-'));
      try {
        const before = await rowsOf(join(root, 'before'), log, windows);
        const after = await rowsOf(join(root, 'after'), [...log, ...more], windows);
        for (const [id, row] of before) {
          const kind = id.split(' ')[0] as (typeof KINDS)[number];
          const [was, is] = [row, after.get(id)!].map(labelsOf);
          if (row.matured === 1) {
            matured[kind]++;
            expect({ id, ...is }).toEqual({ id, ...was });
          } else if (JSON.stringify({ ...is, matured: 0 }) !== JSON.stringify(was)) {
            changed[kind]++;
          }
        }
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    }),
    // Without EDGELOOM_RUNS the same logs every time, of which the counts below are known.
    { ...(RUNS ? { numRuns: Number(RUNS) } : { numRuns: 8, seed: 20 }), endOnFailure: true },
  );
  // It would hold as well if nothing matured, or if nothing ever changed.
  for (const kind of KINDS) {
    expect(matured[kind]).toBeGreaterThan(0);
    expect(changed[kind]).toBeGreaterThan(0);
  }
});
