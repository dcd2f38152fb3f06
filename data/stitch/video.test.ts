import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { page, S, shown, stitched } from './events-fixture.ts';
import { type FixtureEvent, type FixtureLake, NOON } from './lake-fixture.ts';
import { readSamples } from './samples-fixture.ts';
import type { StitchOptions } from './stitch.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A swipe: an exposure and its play, which is told at its end. */
const swipe = (
  request_id: string,
  item_id: string,
  from: number,
  to: number,
  { event_id, ...more }: { event_id?: string } & Record<string, unknown> = {},
): FixtureEvent[] => [
  shown(request_id, item_id, from, to, { ts: NOON + to, ...(event_id && { event_id }) }),
  {
    type: 'play',
    request_id,
    item_id,
    ts: NOON + to,
    watch_ms: to - from,
    duration_ms: 10 * S,
    ...more,
  },
];
const feedback = (
  kind: 'like' | 'hate',
  request_id: string,
  item_id: string,
  at: number,
): FixtureEvent => ({ type: 'feedback', kind, request_id, item_id, ts: NOON + at });

async function videos(lake: FixtureLake, options: Partial<StitchOptions> = {}) {
  const { summary } = await stitched(folder, lake, options);
  return { summary, rows: await readSamples(join(folder, 'samples'), 'video') };
}

const scored = (item_id: string, position: number, ctr: number) => ({
  item_id,
  position,
  scores: { ctr },
});

it('makes a row per swipe: what was watched by then, what the phone held, and what came of it', async () => {
  const { rows, summary } = await videos({
    events: [
      { type: 'client_state', ts: NOON - S, network_kbps: 900, buffered_ms: 50 },
      page('q', 0, [], { candidates: [scored('a', 0, 0.5), scored('b', 1, 0.25)] }),
      ...swipe('q', 'a', 1 * S, 9 * S, { event_id: 'swipe-a' }),
      feedback('like', 'q', 'a', 5 * S),
      ...swipe('q', 'b', 9.1 * S, 10 * S, { event_id: 'swipe-b' }),
      feedback('hate', 'q', 'b', 28 * S),
      page('r', 20 * S, [], {
        candidates: [
          scored('c', 0, 0.125),
          scored('x', 1, 0.1),
          scored('d', 2, 0.75),
          scored('z', 3, 0.1),
        ],
      }),
      ...swipe('r', 'c', 21 * S, 28 * S, { event_id: 'swipe-c' }),
      { type: 'client_state', ts: NOON + 28 * S, network_kbps: 300, buffered_ms: 20 },
      // Shown, never played: no swipe.
      shown('r', 'x', 28 * S, 28.1 * S),
      ...swipe('r', 'd', 28.1 * S, 30 * S, { event_id: 'swipe-d', duration_ms: 1.9 * S }),
      feedback('like', 'r', 'd', 29 * S),
    ],
  });
  expect(summary.swipes).toBe(4);
  const row = (id: string) => rows.find(({ sample_id }) => sample_id === id)!;
  expect(row('swipe-c')).toMatchObject({
    slate_id: 'r',
    // The swipe, not the page.
    decision_ts: NOON + 21 * S,
    target_item: 'c',
    target_place: 0,
    target_position: 0,
    target_score: 0.125,
    label_has_next: 1,
    label_effective_view: 1,
    label_like: 0,
    watched_item: ['a', 'b'],
    watched_position: [0, 1],
    watched_score: [0.5, 0.25],
    watched_watch_ms: [8 * S, 0.9 * S],
    watched_like: [1, 0],
    // The dislike came later than this swipe.
    watched_hate: [0, 0],
    // All that the phone held, whether it was shown later, played later, or never shown.
    ordered_item: ['c', 'x', 'd', 'z'],
    ordered_position: [0, 1, 2, 3],
    ordered_score: [0.125, 0.1, 0.75, 0.1],
    label_ordered_exposed: [1, 1, 1, 0],
    label_ordered_has_next: [1, 1, 0, null],
    label_ordered_effective_view: [1, null, 1, null],
    label_ordered_like: [0, 0, 1, null],
    network_kbps: 900,
    buffered_ms: 50,
  });
  expect(row('swipe-d')).toMatchObject({
    decision_ts: NOON + 28.1 * S,
    target_item: 'd',
    target_place: 0,
    target_position: 2,
    label_has_next: 0,
    // Two seconds, but to the end.
    label_effective_view: 1,
    watched_item: ['a', 'b', 'c'],
    watched_hate: [0, 1, 0],
    ordered_item: ['d', 'z'],
    network_kbps: 300,
    buffered_ms: 20,
  });
  expect(row('swipe-a')).toMatchObject({ watched_item: [], label_like: 1, network_kbps: 900 });
  expect(row('swipe-b')).toMatchObject({
    label_effective_view: 0,
    watched_item: ['a'],
    ordered_item: ['b'],
  });
});

it('knows of no play that was told after the swipe', async () => {
  const { rows } = await videos({
    events: [
      page('q', 0, ['a']),
      ...swipe('q', 'a', S, 5 * S, { ts: NOON + 11 * S }),
      page('r', 10 * S, ['b', 'c']),
      ...swipe('r', 'b', 11 * S, 12 * S, { event_id: 'at' }),
      ...swipe('r', 'c', 12 * S, 13 * S, { event_id: 'after' }),
    ],
  });
  const row = (id: string) => rows.find(({ sample_id }) => sample_id === id)!;
  expect(row('at')).toMatchObject({ watched_item: [], label_like: null, label_has_next: 1 });
  expect(row('after')).toMatchObject({ watched_item: ['a'], label_has_next: 0 });
});

it('follows the reranks on the phone: what they do not name stands behind', async () => {
  const { rows } = await videos(
    {
      events: [
        page('q', 0, [], {
          candidates: ['a', 'b', 'c', 'd', 'e'].map((id, i) => scored(id, i, i / 8)),
        }),
        ...swipe('q', 'a', 1 * S, 3 * S, { event_id: '1' }),
        {
          type: 'rerank',
          event_id: 'k',
          request_id: 'q',
          ts: NOON + 4 * S,
          order_before: ['b', 'c', 'd'],
          order_after: ['d', 'c', 'b'],
        },
        ...swipe('q', 'd', 5 * S, 6 * S, { event_id: '2' }),
        // The user jumped past one.
        ...swipe('q', 'b', 7 * S, 8 * S, { event_id: '3' }),
        // And went back to what had been shown.
        ...swipe('q', 'a', 9 * S, 10 * S, { event_id: '4' }),
      ],
    },
    { orderedK: 3 },
  );
  const lists = rows.map((row) => [
    ...[row.sample_id, row.slate_id, row.target_place, row.target_position],
    ...[row.ordered_item, row.ordered_position, row.ordered_score],
  ]);
  expect(lists).toEqual([
    ['1', 'q', 0, 0, ['a', 'b', 'c'], [0, 1, 2], [0, 0.125, 0.25]],
    ['2', 'k', 0, 2, ['d', 'c', 'b'], [2, 1, 0], [0.375, 0.25, 0.125]],
    ['3', 'k', 1, 0, ['c', 'b', 'e'], [1, 0, 4], [0.25, 0.125, 0.5]],
    ['4', 'k', null, null, ['c', 'e'], [1, 4], [0.25, 0.5]],
  ]);
});

it('has matured when the windows of the swipe and of the candidates shown have ended', async () => {
  const events = [
    page('q', 0, ['a', 'b', 'c']),
    ...swipe('q', 'a', 1 * S, 2 * S, { event_id: '1' }),
    ...swipe('q', 'b', 5 * S, 6 * S, { event_id: '2' }),
    // Told after the play's window: no play of it, so no swipe.
    ...swipe('q', 'c', 7 * S, 18 * S),
  ];
  const windows = { exposureWindowMs: 8 * S, labelWindowMs: 10 * S };
  const { rows, summary } = await videos({ events }, windows);
  // `a` waits for `b`, which was shown at 5 s: until 15 s. `c` was told after the exposure windows.
  expect(rows.map((row) => [row.sample_id, row.matured])).toEqual([
    ['1', 1],
    ['2', 1],
  ]);
  expect(rows[0]!.label_ordered_exposed).toEqual([1, 1, 0]);
  expect(summary.maturedSwipes).toBe(2);
  const longer = await stitched(
    join(folder, 'longer'),
    { events },
    { ...windows, latenessMs: 3 * S },
  );
  expect(longer.summary.maturedSwipes).toBe(0);
});

it('tells scores also when the samples of slates are written without them', async () => {
  const { rows } = await videos(
    {
      events: [
        page('q', 0, [], { candidates: [{ item_id: 'a', position: 0, scores: { ctr: 0.5 } }] }),
        ...swipe('q', 'a', S, 9 * S),
      ],
    },
    { columns: { rerank: ['sample_id'], decisions: ['sample_id'] } },
  );
  expect(rows[0]).toMatchObject({ target_item: 'a', target_position: 0, target_score: 0.5 });
});
