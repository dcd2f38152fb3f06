import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFiles } from '../../lib/files.ts';
import { sha256File } from '../../lib/hash.ts';
import { type FixtureEvent, type FixtureLake, NOON, writeLake } from './lake-fixture.ts';
import { readSamples } from './samples-fixture.ts';
import { type StitchOptions, stitch } from './stitch.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function stitched(lake: FixtureLake, options: Partial<StitchOptions> = {}) {
  await writeLake(join(folder, 'lake'), lake);
  const outDir = join(folder, 'samples');
  const summary = await stitch({ lakeDir: join(folder, 'lake'), outDir, ...options });
  return {
    summary,
    rerank: await readSamples(outDir, 'rerank'),
    decisions: await readSamples(outDir, 'decisions'),
  };
}

const S = 1000;
const page = (
  request_id: string,
  at: number,
  items: string[],
  more: object = {},
): FixtureEvent => ({
  type: 'request',
  event_id: request_id,
  request_id,
  ts: NOON + at,
  scene: 'home',
  page_no: 0,
  trigger: 'open',
  candidates: items.map((item_id, position) => ({ item_id, position })),
  ...more,
});
const shown = (
  request_id: string | null,
  item_id: string,
  from: number,
  to: number | null,
  more: object = {},
): FixtureEvent => ({
  type: 'exposure',
  request_id,
  item_id,
  started: NOON + from,
  ended: to === null ? null : NOON + to,
  ...more,
});
const opened = (
  request_id: string,
  item_id: string,
  from: number,
  to: number | null,
  more: object = {},
): FixtureEvent => ({
  type: 'page_view',
  request_id,
  item_id,
  started: NOON + from,
  ended: to === null ? null : NOON + to,
  ...more,
});

describe('what a device feature knows', () => {
  it('sees only what had ended strictly before the decision', async () => {
    const { rerank } = await stitched({
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
    const { rerank } = await stitched({
      events: [
        shown(null, 'late', 0, S, { received_ts: NOON + 3_600_000 }),
        page('r', 2 * S, ['x'], { received_ts: NOON + 2 * S }),
      ],
    });
    expect(rerank[0]!.exp_item).toEqual(['late']);
  });

  it('ignores other devices and other users', async () => {
    const { rerank } = await stitched({
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
    const { rerank } = await stitched({
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
    expect([of('r2').pv_cart, of('r2').pv_shop, of('r2').pv_detail]).toEqual([[2], [1], [0]]);
  });
});

describe('labels', () => {
  it('gives exposures to the latest decision of their request', async () => {
    const { rerank, summary } = await stitched({
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
    const { rerank } = await stitched({
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
    const { rerank } = await stitched({
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

describe('request decisions', () => {
  const decide = (id: string, at: number, more: object = {}): FixtureEvent => ({
    type: 'decision',
    event_id: id,
    decision_id: id,
    request_id: 'r',
    ts: NOON + at,
    arm: 'treatment',
    propensity: 0.3,
    unexposed: ['u1', 'u2', 'u3'],
    depth: 2,
    ...more,
  });

  it('looks back to the last request and ahead to the next exposures', async () => {
    const later = Array.from({ length: 12 }, (_, i) =>
      shown('r', `n${i}`, (20 + i) * S, (21 + i) * S),
    );
    const { decisions, summary } = await stitched(
      {
        events: [
          page('q', 0, ['p']),
          shown('q', 'p', S, 2 * S),
          page('r', 3 * S, ['a', 'b', ...Array.from({ length: 12 }, (_, i) => `n${i}`)]),
          shown('q', 'p', 4 * S, 5 * S),
          shown('r', 'a', 5 * S, 6 * S),
          shown('r', 'b', 6 * S, 12 * S),
          opened('q', 'p', 2 * S, 4 * S),
          opened('r', 'a', 6 * S, 8 * S),
          opened('r', 'b', 6 * S, 8 * S, { session_id: 'older' }),
          decide('d', 10 * S),
          page('s', 10 * S, ['z'], { trigger: 'insert' }),
          ...later,
          { type: 'order', request_id: 'r', item_id: 'n7', ts: NOON + 60 * S },
          opened('r', 'n9', 33 * S, 34 * S),
          { type: 'order', request_id: 'r', item_id: 'a', ts: NOON + 60 * S },
        ],
      },
      { matureMs: 50 * S },
    );
    expect(decisions).toHaveLength(1);
    expect(decisions[0]).toMatchObject({
      decision_id: 'd',
      arm: 1,
      propensity: 0.3,
      scene: 'home',
      depth: 2,
      since_exp_item: ['p', 'a'],
      sclk_item: ['p', 'a'],
      unexposed_item: ['u1', 'u2', 'u3'],
      unexposed_count: 3,
      session_exposures: 3,
      session_clicks: 2,
      hour: 12,
      label_order_n5: 0,
      label_order_n10: 1,
      label_order_n15: 1,
      label_order_n20: 1,
      label_click_n10: 1,
      matured: 1,
    });
    expect(summary).toMatchObject({ decisions: 1, randomisedDecisions: 1, maturedDecisions: 1 });
  });

  it('marks decisions at the end of the log as not matured', async () => {
    const { decisions } = await stitched(
      {
        events: [
          page('r', 0, ['a']),
          decide('d', S),
          decide('e', 2 * S, { arm: null, propensity: null }),
        ],
      },
      { matureMs: S },
    );
    expect(decisions.map((row) => [row.decision_id, row.arm, row.matured])).toEqual([
      ['d', 1, 1],
      ['e', null, 0],
    ]);
    expect(decisions[0]!.label_order_n5).toBeNull();
  });
});

describe('the folder', () => {
  const busy: FixtureLake = {
    buckets: 3,
    dataset: { utc_offset_minutes: 480 },
    items: [
      { item_id: 'a', category: 'x', price_level: 2 },
      { item_id: 'a', valid_from: NOON, category: 'y' },
    ],
    events: Array.from({ length: 40 }, (_, i) => [
      page(`r${i}`, i * 3_600_000, ['a', 'b', 'c'], { user: `u${i % 4}` }),
      shown(`r${i}`, 'b', i * 3_600_000 + S, i * 3_600_000 + 2 * S, { user: `u${i % 4}` }),
      opened(`r${i}`, 'b', i * 3_600_000 + S, i * 3_600_000 + 2 * S, { user: `u${i % 4}` }),
    ]).flat(),
  };

  it('has equal bytes when made again, by more threads and in less memory', async () => {
    await writeLake(join(folder, 'lake'), busy);
    const lakeDir = join(folder, 'lake');
    const hashes = async (outDir: string) =>
      Promise.all(
        (await listFiles(outDir)).map(async (path) => [path, await sha256File(join(outDir, path))]),
      );
    await stitch({ lakeDir, outDir: join(folder, 'one') });
    await stitch({ lakeDir, outDir: join(folder, 'two'), threads: 1, memoryLimitMb: 200 });
    const one = await hashes(join(folder, 'one'));
    expect(one).toEqual(await hashes(join(folder, 'two')));
    expect(one.map(([path]) => path)).toContain('rerank/date=2026-03-03/bucket=01/part-0.parquet');
    expect(one.map(([path]) => path)).not.toContain('.work');
  });

  it('holds the versions of items and one row per user and day', async () => {
    const { summary } = await stitched(busy);
    const items = await readSamples(join(folder, 'samples'), 'items.parquet');
    expect(items.map((row) => [row.item_id, row.valid_from, row.category])).toEqual([
      ['a', 0, 'x'],
      ['a', NOON, 'y'],
      ['b', 0, null],
      ['c', 0, null],
    ]);
    const days = await readSamples(join(folder, 'samples'), 'user_days.parquet');
    expect(days).toHaveLength(12);
    expect(days.reduce((sum, row) => sum + (row.clicks as number), 0)).toBe(40);
    expect(summary).toMatchObject({
      dates: ['2026-03-02', '2026-03-03', '2026-03-04'],
      users: 4,
      items: 3,
      decisions: 0,
    });
  });

  it('is not left behind when the work fails or is stopped', async () => {
    await writeLake(join(folder, 'lake'), busy);
    const outDir = join(folder, 'samples');
    const stop = new AbortController();
    const work = stitch({
      lakeDir: join(folder, 'lake'),
      outDir,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(work).rejects.toThrow();
    expect((await listFiles(folder)).filter((path) => path.startsWith('samples'))).toEqual([]);
    await expect(stitch({ lakeDir: join(folder, 'nowhere'), outDir })).rejects.toMatchObject({
      code: 'not-a-lake',
    });
    await expect(
      stitch({ lakeDir: join(folder, 'lake'), outDir, exposuresK: 0 }),
    ).rejects.toMatchObject({ code: 'bad-config' });
  });
});
