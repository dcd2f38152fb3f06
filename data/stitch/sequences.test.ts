import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opened, page, S, shown, stitched } from './events-fixture.ts';
import { type FixtureEvent, NOON } from './lake-fixture.ts';
import { readSamples } from './samples-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const bought = (item_id: string, at: number, more: object = {}): FixtureEvent => ({
  type: 'order',
  request_id: 'r',
  item_id,
  ts: NOON + at,
  ...more,
});

describe('carts and orders', () => {
  it('are those of the device that came strictly before the decision, the last ones', async () => {
    const cart = { actions: [{ block: 'cart', clicks: 1 }] };
    const { rerank } = await stitched(
      folder,
      {
        events: [
          page('q', 0, ['a']),
          opened('q', 'a', 1 * S, 2 * S, cart),
          opened('q', 'b', 3 * S, 4 * S, cart),
          opened('q', 'c', 5 * S, 6 * S, { actions: [{ block: 'detail', clicks: 1 }] }),
          opened('q', 'd', 7 * S, 10 * S, cart),
          opened('q', 'e', 6 * S, 9 * S, cart),
          bought('a', 5 * S),
          bought('b', 10 * S),
          bought('c', 6 * S, { device_id: 'tablet' }),
          page('r', 10 * S, ['a']),
        ],
      },
      { cartsK: 2 },
    );
    const row = rerank.find(({ sample_id }) => sample_id === 'r')!;
    expect(row.cart_item).toEqual(['b', 'e']);
    expect(row.cart_ended).toEqual([NOON + 4 * S, NOON + 9 * S]);
    expect(row.ord_item).toEqual(['a']);
    expect(row.ord_ts).toEqual([NOON + 5 * S]);
  });
});

describe('scores of exposures', () => {
  it('are those of the slate that showed them, and null where it has none', async () => {
    const scored = (item_id: string, ctr: number) => ({ item_id, position: 0, scores: { ctr } });
    const { rerank } = await stitched(folder, {
      events: [
        page('q', 0, [], { candidates: [scored('a', 0.5), scored('b', 0.25)] }),
        shown('q', 'a', 1 * S, 2 * S),
        shown('q', 'x', 2 * S, 3 * S),
        shown(null, 'b', 3 * S, 4 * S),
        page('r', 5 * S, [], { candidates: [scored('a', 0.75)] }),
        shown('r', 'a', 6 * S, 7 * S),
        page('s', 8 * S, ['b']),
      ],
    });
    const row = rerank.find(({ sample_id }) => sample_id === 's')!;
    expect(row.exp_item).toEqual(['a', 'x', 'b', 'a']);
    expect(row.exp_score).toEqual([0.5, null, null, 0.75]);
  });
});

describe('page blocks', () => {
  it('tell dwell as well as clicks, and null where no entry of the block tells it', async () => {
    const { rerank } = await stitched(folder, {
      events: [
        opened('q', 'a', 0, S, {
          actions: [
            { block: 'detail', dwell_ms: 300, clicks: 1 },
            { block: 'detail', dwell_ms: 200 },
            { block: 'shop', clicks: 2 },
          ],
        }),
        opened('q', 'b', S, 2 * S, { actions: [] }),
        opened('q', 'c', 2 * S, 3 * S, { actions: null }),
        page('r', 10 * S, ['a']),
      ],
    });
    expect(rerank[0]).toMatchObject({
      pv_detail: [2, 0, null],
      pv_detail_dwell_ms: [500, 0, null],
      pv_shop: [2, 0, null],
      pv_shop_dwell_ms: [null, 0, null],
      pv_cart_dwell_ms: [null, null, null],
    });
  });
});

describe('labels', () => {
  it('count within the window after the exposure, and the sample says whether it is over', async () => {
    const { rerank, summary } = await stitched(
      folder,
      {
        events: [
          page('r', 0, ['a', 'b']),
          shown('r', 'a', S, 2 * S),
          shown('r', 'b', S, 2 * S),
          bought('a', 11 * S),
          bought('b', 11 * S + 1),
          // No exposure: nothing is waited for but its own window.
          page('unseen', 2 * S, ['c']),
          page('late', 7 * S, ['c']),
        ],
      },
      { labelWindowMs: 10 * S, exposureWindowMs: 5 * S },
    );
    const rows = new Map(rerank.map((row) => [row.sample_id, row]));
    expect(rows.get('r')!.label_order).toEqual([1, 0]);
    expect(rows.get('r')!.matured).toBe(1);
    expect(rows.get('unseen')!.matured).toBe(1);
    expect(rows.get('late')!.matured).toBe(0);
    expect(summary).toMatchObject({ labelWindowMs: 10 * S, exposureWindowMs: 5 * S });
  });

  it('wait for the windows of the exposures, and for events that come late', async () => {
    const lake = {
      events: [page('r', 0, ['a']), shown('r', 'a', 5 * S, 6 * S), bought('a', 16 * S)],
    };
    const windows = { labelWindowMs: 10 * S, exposureWindowMs: 6 * S };
    const maturedOf = async (name: string, more: object) =>
      (await stitched(join(folder, name), lake, { ...windows, ...more })).rerank[0]!.matured;
    // The exposure's window ends at 15 s, the log at 16 s.
    expect(await maturedOf('end', {})).toBe(1);
    expect(await maturedOf('lateness', { latenessMs: S - 1 })).toBe(1);
    expect(await maturedOf('more-lateness', { latenessMs: S })).toBe(0);
    expect(await maturedOf('window', { labelWindowMs: 11 * S })).toBe(0);
  });

  it('hold no exposure that was told after the window of its slate', async () => {
    const lake = {
      events: [
        page('r', 0, ['a', 'b']),
        shown('r', 'a', S, 2 * S),
        shown('r', 'b', S, 9 * S, { ts: NOON + 9 * S }),
      ],
    };
    const { rerank, summary } = await stitched(folder, lake, { exposureWindowMs: 8 * S });
    expect(rerank[0]!.label_exposed).toEqual([1, 0]);
    expect(summary).toMatchObject({ exposuresLate: 1, exposuresDistinct: 1 });
  });

  it.each([
    { labelWindowMs: 0 },
    { decisionWindowMs: 1.5 },
    { exposureWindowMs: Number.NaN },
    { latenessMs: -1 },
  ])('have windows of whole milliseconds: %o is refused', async (windows) => {
    const lake = { events: [page('r', 0, ['a'])] };
    await expect(stitched(folder, lake, windows)).rejects.toMatchObject({ code: 'bad-config' });
  });
});

describe('a user with too many events', () => {
  it('is stitched from the latest ones, and counted', async () => {
    const events = Array.from({ length: 20 }, (_, i) => [
      page(`r${i}`, i * 10 * S, [`i${i}`]),
      shown(`r${i}`, `i${i}`, i * 10 * S + S, i * 10 * S + 2 * S),
    ]).flat();
    const { rerank, summary } = await stitched(
      folder,
      { events: [...events, page('other', 0, ['a'], { user: 'b' })] },
      { maxUserEvents: 6 },
    );
    expect(rerank.map((row) => row.sample_id)).toEqual(['r17', 'r18', 'r19', 'other']);
    expect(rerank[2]!.exp_item).toEqual(['i17', 'i18']);
    expect(summary).toMatchObject({ usersCapped: 1, eventsCapped: 34 });
  });
});

describe('long-term clicks', () => {
  it('stand before a request decision whatever their session', async () => {
    const { decisions } = await stitched(
      folder,
      {
        events: [
          opened('q', 'a', 0, S, { session_id: 'older' }),
          opened('q', 'b', 2 * S, 3 * S, { session_id: 'older' }),
          opened('q', 'c', 4 * S, 5 * S),
          opened('q', 'd', 6 * S, 10 * S),
          {
            type: 'decision',
            event_id: 'd',
            decision_id: 'd',
            ts: NOON + 10 * S,
            arm: 'control',
            propensity: 0.5,
          },
        ],
      },
      { clicksK: 2 },
    );
    expect(decisions[0]!.clk_item).toEqual(['b', 'c']);
    expect(decisions[0]!.sclk_item).toEqual(['c']);
  });
});

describe('columns', () => {
  it('can be chosen; one that samples do not have is refused', async () => {
    const events = [page('r', 0, ['a']), shown('r', 'a', S, 2 * S), page('s', 9 * S, ['a'])];
    await stitched(folder, { events }, { columns: { rerank: ['sample_id', 'exp_item'] } });
    expect(await readSamples(join(folder, 'samples'), 'rerank')).toEqual([
      { sample_id: 'r', exp_item: [] },
      { sample_id: 's', exp_item: ['a'] },
    ]);
    const wrong = stitched(join(folder, 'x'), { events }, { columns: { rerank: ['exp_itme'] } });
    await expect(wrong).rejects.toMatchObject({ code: 'bad-config' });
  });
});
