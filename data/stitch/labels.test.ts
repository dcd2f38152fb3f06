import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opened, page, S, shown, stitched } from './events-fixture.ts';
import { type FixtureEvent, NOON } from './lake-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('labels', () => {
  it('gives exposures to the latest decision of their request', async () => {
    const { rerank, summary } = await stitched(folder, {
      events: [
        page('r', 0, ['a', 'b', 'c', 'd'], {
          candidates: [
            { item_id: 'b', position: 1, scores: { ctr: 0.2, cvr: 0.9 } },
            { item_id: 'a', position: 0, scores: { other: 0.5 } },
            { item_id: 'c', position: 2 },
            { item_id: 'd', position: 3, scores: { x: 1, y: 2 } },
          ],
        }),
        shown('r', 'a', 1 * S, 2 * S),
        opened('r', 'a', 2 * S, 4 * S),
        {
          type: 'rerank',
          event_id: 'rr',
          request_id: 'r',
          ts: NOON + 5 * S,
          trigger: 'click',
          order_before: ['b', 'c', 'd'],
          order_after: ['d', 'b', 'c'],
        },
        shown('r', 'd', 5 * S, 7 * S),
        shown('r', 'b', 6 * S, 7 * S),
        shown(null, 'c', 6 * S, 7 * S),
        shown('unknown', 'c', 6 * S, 7 * S),
      ],
    });
    const [first, second] = rerank as [(typeof rerank)[0], (typeof rerank)[0]];
    expect(first.cand_item).toEqual(['a', 'b', 'c', 'd']);
    expect(first.cand_score).toEqual([0.5, 0.2, null, null]);
    expect(first.label_exposed).toEqual([1, 0, 0, 0]);
    expect(first.label_click).toEqual([1, null, null, null]);
    expect(second.kind).toBe('rerank');
    expect(second.cand_item).toEqual(['b', 'c', 'd']);
    expect(second.cand_position).toEqual([0, 1, 2]);
    expect(second.cand_score).toEqual([0.2, null, null]);
    expect(second.scene).toBe('home');
    expect(second.label_exposed).toEqual([1, 0, 1]);
    expect(second.label_click).toEqual([0, null, 0]);
    expect(second.exp_item).toEqual(['a']);
    expect(summary).toMatchObject({
      slates: 2,
      reranks: 1,
      exposures: 5,
      exposuresUnattributed: 2,
      exposuresLabelled: 3,
      clicks: 1,
    });
  });

  it('counts a click only for the same request and item, at or after the start', async () => {
    const { rerank } = await stitched(folder, {
      events: [
        page('r', 0, ['a', 'b', 'c', 'd']),
        shown('r', 'a', 5 * S, 6 * S),
        opened('r', 'a', 5 * S, 8 * S),
        shown('r', 'b', 5 * S, 6 * S),
        opened('r', 'b', 4 * S, 8 * S),
        shown('r', 'c', 5 * S, 6 * S),
        opened('other', 'c', 7 * S, 8 * S),
        shown('r', 'd', 5 * S, 6 * S),
        opened('r', 'd', 7 * S, 8 * S, { user: 'b' }),
      ],
    });
    expect(rerank[0]!.label_click).toEqual([1, 0, 0, 0]);
  });

  it('tells long plays, likes and orders, and what the log cannot know', async () => {
    const play = (item_id: string, watch_ms: number, duration_ms: number | null): FixtureEvent => ({
      type: 'play',
      request_id: 'r',
      item_id,
      watch_ms,
      duration_ms,
      ts: NOON + 2 * S,
    });
    const { rerank } = await stitched(folder, {
      events: [
        page('r', 0, ['a', 'b', 'c', 'd', 'e']),
        ...['a', 'b', 'c', 'd'].map((item) => shown('r', item, S, 2 * S)),
        play('a', 18_000, 60_000),
        play('b', 17_999, 60_000),
        play('c', 5_000, 5_000),
        play('d', 17_999, null),
        { type: 'order', request_id: 'r', item_id: 'b', ts: NOON + 3 * S },
        { type: 'order', request_id: 'r', item_id: 'c', ts: NOON },
      ],
    });
    expect(rerank[0]!.label_long).toEqual([1, 0, 1, 0, null]);
    expect(rerank[0]!.label_order).toEqual([0, 1, 0, 0, null]);
    expect(rerank[0]!.label_like).toEqual([null, null, null, null, null]);
    expect(rerank[0]!.label_click).toEqual([null, null, null, null, null]);
  });

  it('cuts a long slate into parts and keeps later ones only for what was exposed', async () => {
    const items = ['a', 'b', 'c', 'd', 'e', 'f', 'a'];
    const { rerank, summary } = await stitched(
      folder,
      {
        events: [
          page('r', 0, [], { candidates: items.map((item_id) => ({ item_id })) }),
          shown('r', 'f', S, 2 * S),
          shown('r', 'f', 3 * S, 4 * S),
        ],
      },
      { candidatesN: 2 },
    );
    expect(rerank.map((row) => [row.sample_id, row.slate_id, row.cand_item])).toEqual([
      ['r', 'r', ['a', 'b']],
      ['r#2', 'r', ['e', 'f']],
    ]);
    expect(summary).toMatchObject({
      candidates: 7,
      candidatesRepeated: 1,
      candidatesCut: 2,
      exposures: 2,
      exposuresDistinct: 1,
      exposuresLabelled: 1,
    });
  });
});
