import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opened, page, S, shown, stitched } from './events-fixture.ts';
import { NOON } from './lake-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('what a device feature knows', () => {
  it('sees only what had ended strictly before the decision', async () => {
    const { rerank } = await stitched(folder, {
      events: [
        page('r0', 0, ['a', 'b', 'c', 'd', 'e']),
        shown('r0', 'ended-before', 1 * S, 9_999),
        shown('r0', 'ended-at', 1 * S, 10 * S),
        shown('r0', 'ends-after', 1 * S, 11 * S),
        shown('r0', 'unfinished', 2 * S, null),
        shown('r0', 'future', 12 * S, 13 * S),
        opened('r0', 'seen', 3 * S, 9 * S),
        opened('r0', 'still-open', 3 * S, 10 * S),
        opened('r0', 'never-closed', 3 * S, null),
        page('r1', 10 * S, ['x']),
      ],
    });
    const now = rerank.find((row) => row.sample_id === 'r1')!;
    expect(now.exp_item).toEqual(['ended-before']);
    expect(now.exp_duration_ms).toEqual([8_999]);
    expect(now.pv_item).toEqual(['seen']);
    expect(now.session_exposures).toBe(1);
    expect(now.session_clicks).toBe(1);
    const first = rerank.find((row) => row.sample_id === 'r0')!;
    expect(first.exp_item).toEqual([]);
  });

  it('uses an event that the cloud heard of late, because the device knew it', async () => {
    const { rerank } = await stitched(folder, {
      events: [
        shown(null, 'late', 0, S, { received_ts: NOON + 3_600_000 }),
        page('r', 2 * S, ['x'], { received_ts: NOON + 2 * S }),
      ],
    });
    expect(rerank[0]!.exp_item).toEqual(['late']);
  });

  it('ignores other devices and other users', async () => {
    const { rerank } = await stitched(folder, {
      events: [
        shown(null, 'tablet', 0, S, { device_id: 'tablet' }),
        shown(null, 'stranger', 0, S, { user: 'b' }),
        shown(null, 'nameless', 0, S, { device_id: null }),
        shown(null, 'mine', 0, S),
        page('r', 2 * S, ['x']),
        page('n', 2 * S, ['x'], { device_id: null }),
      ],
    });
    expect(rerank.find((row) => row.sample_id === 'r')!.exp_item).toEqual(['mine']);
    expect(rerank.find((row) => row.sample_id === 'n')!.exp_item).toEqual(['nameless']);
  });

  it('keeps the last K, oldest first, whatever block they lie in', async () => {
    const events = Array.from({ length: 11 }, (_, i) => shown(null, `i${i}`, i * S, i * S + 500));
    const { rerank } = await stitched(
      folder,
      {
        events: [...events, ...[1, 3, 4, 5, 8, 11].map((n) => page(`r${n}`, n * S - 100, ['x']))],
      },
      { exposuresK: 4, pageViewsK: 2, sinceK: 2, sessionClicksK: 1, candidatesN: 4, unexposedK: 2 },
    );
    const last = (n: number) =>
      Array.from({ length: Math.min(n, 4) }, (_, i) => `i${n - Math.min(n, 4) + i}`);
    for (const n of [1, 3, 4, 5, 8, 11]) {
      expect(rerank.find((row) => row.sample_id === `r${n}`)!.exp_item).toEqual(last(n));
    }
  });

  it('fills only the room that is left with the undated history, without actions', async () => {
    const { rerank } = await stitched(
      folder,
      {
        events: [
          shown(null, 'x', 0, S, { count: 3 }),
          page('r1', 2 * S, ['c']),
          shown(null, 'y', 3 * S, 4 * S),
          shown(null, 'z', 5 * S, 6 * S),
          page('r2', 7 * S, ['c']),
          page('early', -2 * S, ['c']),
        ],
        history: [
          { user: 'a', as_of: NOON - S, item_ids: ['h1', 'h2', 'h3'] },
          { user: 'a', as_of: NOON + 3_600_000, item_ids: ['h9'] },
          { user: 'b', as_of: NOON - S, item_ids: ['other'] },
        ],
      },
      { exposuresK: 3 },
    );
    const of = (id: string) => rerank.find((row) => row.sample_id === id)!;
    expect(of('r1').exp_item).toEqual(['h2', 'h3', 'x']);
    expect(of('r1').exp_known).toEqual([0, 0, 1]);
    expect(of('r1').exp_count).toEqual([null, null, 3]);
    expect(of('r1').exp_ended).toEqual([null, null, NOON + S]);
    expect(of('r2').exp_item).toEqual(['x', 'y', 'z']);
    expect(of('early').exp_item).toEqual([]);
  });

  it('knows a deletion and a purchase only from their moment on', async () => {
    const { rerank } = await stitched(folder, {
      events: [
        page('r0', 0, ['a']),
        shown('r0', 'a', 1 * S, 2 * S),
        opened('r0', 'a', 2 * S, 3 * S, {
          actions: [
            { block: 'cart', clicks: 2 },
            { block: 'shop', clicks: null },
          ],
        }),
        page('r1', 10 * S, ['c']),
        {
          type: 'feedback',
          request_id: 'r0',
          item_id: 'a',
          kind: 'delete',
          reason: 'seen',
          ts: NOON + 10 * S,
        },
        { type: 'order', request_id: 'r0', item_id: 'a', ts: NOON + 10 * S },
        page('r2', 20 * S, ['c']),
      ],
    });
    const of = (id: string) => rerank.find((row) => row.sample_id === id)!;
    expect(of('r1').exp_delete_reason).toEqual([null]);
    expect(of('r1').pv_bought).toEqual([0]);
    expect(of('r2').exp_delete_reason).toEqual(['seen']);
    expect(of('r2').pv_bought).toEqual([1]);
    expect([of('r2').pv_cart, of('r2').pv_shop, of('r2').pv_detail]).toEqual([[2], [1], [null]]);
  });

  it('takes a page block that no page view of the log names for unknown, not for unused', async () => {
    const view = (item: string, at: number, actions: object[] | null, user = 'a') =>
      opened('r', item, at, at + S, { actions, user });
    const { rerank } = await stitched(folder, {
      buckets: 2,
      events: [
        view('used', 1 * S, [{ block: 'comment', dwell_ms: 400 }]),
        view('unused', 3 * S, []),
        view('untold', 5 * S, null),
        page('r', 10 * S, ['x']),
        // One entry of another user is enough to know that the app has the block.
        view('elsewhere', 20 * S, [{ block: 'cart', clicks: 0 }], 'b'),
      ],
    });
    const row = rerank.find(({ sample_id }) => sample_id === 'r')!;
    expect(row.pv_item).toEqual(['used', 'unused', 'untold']);
    expect(row.pv_comment).toEqual([1, 0, null]);
    expect(row.pv_cart).toEqual([0, 0, null]);
    expect(row.pv_shop).toEqual([null, null, null]);
  });
});
