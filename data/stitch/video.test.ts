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
  more: object = {},
): FixtureEvent[] => [
  shown(request_id, item_id, from, to),
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

it('makes a row per swipe: what was watched, what was ordered before it, and what came of it', async () => {
  const scored = (item_id: string, position: number, ctr: number) => ({
    item_id,
    position,
    scores: { ctr },
  });
  const { rows, summary } = await videos({
    events: [
      { type: 'client_state', ts: NOON - S, network_kbps: 900, buffered_ms: 50 },
      page('q', 0, [], { candidates: [scored('a', 0, 0.5), scored('b', 1, 0.25)] }),
      ...swipe('q', 'a', 1 * S, 9 * S),
      feedback('like', 'q', 'a', 5 * S),
      ...swipe('q', 'b', 9 * S, 10 * S),
      feedback('hate', 'q', 'b', 40 * S),
      { type: 'client_state', ts: NOON + 15 * S, network_kbps: 300, buffered_ms: 20 },
      page('r', 20 * S, [], { candidates: [scored('c', 0, 0.125), scored('d', 1, 0.75)] }),
      ...swipe('r', 'c', 21 * S, 28 * S),
      ...swipe('r', 'd', 28 * S, 30 * S, { duration_ms: 2 * S }),
      // Shown, never played: no swipe.
      shown('r', 'x', 30 * S, 31 * S),
    ],
  });
  expect(summary.swipes).toBe(4);
  const c = rows.find((row) => row.sample_id === 'r/0')!;
  const d = rows.find((row) => row.sample_id === 'r/1')!;
  expect(c).toMatchObject({
    slate_id: 'r',
    decision_ts: NOON + 20 * S,
    target_item: 'c',
    target_position: 0,
    target_score: 0.125,
    label_has_next: 1,
    label_effective_view: 1,
    label_like: 0,
    watched_item: ['a', 'b'],
    watched_position: [0, 1],
    watched_score: [0.5, 0.25],
    watched_watch_ms: [8 * S, S],
    watched_like: [1, 0],
    // The dislike came later than this order was made.
    watched_hate: [0, 0],
    ordered_item: [],
    network_kbps: 300,
    buffered_ms: 20,
  });
  expect(d).toMatchObject({
    target_item: 'd',
    label_has_next: 1,
    // Two seconds, but to the end.
    label_effective_view: 1,
    watched_item: ['a', 'b'],
    ordered_item: ['c'],
    ordered_score: [0.125],
  });
  const first = rows.find((row) => row.sample_id === 'q/0')!;
  expect(first).toMatchObject({ watched_item: [], label_like: 1, network_kbps: 900 });
  const second = rows.find((row) => row.sample_id === 'q/1')!;
  expect(second).toMatchObject({ label_effective_view: 0, ordered_item: ['a'] });
});

it('knows of a play that was told late only that the video was shown', async () => {
  const { rows } = await videos({
    events: [
      page('q', 0, ['a']),
      ...swipe('q', 'a', S, 5 * S, { ts: NOON + 12 * S }),
      page('r', 10 * S, ['b']),
      ...swipe('r', 'b', 11 * S, 12 * S),
    ],
  });
  const row = rows.find(({ sample_id }) => sample_id === 'r/0')!;
  expect(row).toMatchObject({ watched_item: ['a'], watched_watch_ms: [null], label_like: null });
  expect(row.label_has_next).toBe(0);
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
