import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_KINDS, type SampleKind } from '../../device/features/spec.ts';
import { SafetensorsFile, writeSafetensors } from '../../lib/safetensors.ts';
import { buildFeatures } from '../features/build-features.ts';
import { ENCODED_ROWS } from '../features/encoded-rows.ts';
import { lakeWithVideos } from '../features/varied-lake-fixture.ts';
import { opened, page, S, shown } from '../stitch/events-fixture.ts';
import { NOON, writeLake } from '../stitch/lake-fixture.ts';
import { readSamples } from '../stitch/samples-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { findSample, listSampleIds, randomSample } from './find.ts';
import { KINDS, withSamples } from './open.ts';
import { type ShownSample, showSample } from './show-sample.ts';
import { openFitted } from './tensors.ts';

const DATES = ['2026-03-02', '2026-03-03'];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'show-sample-'));
  await writeLake(join(folder, 'lake'), lakeWithVideos());
  await stitch({
    ...{ lakeDir: join(folder, 'lake'), outDir: join(folder, 'samples') },
    ...{ exposuresK: 6, pageViewsK: 4, candidatesN: 6 },
  });
  await buildFeatures({
    ...{ samplesDir: join(folder, 'samples'), outDir: join(folder, 'tensors') },
    ...{ trainDates: DATES.slice(0, 1), dates: DATES, config: { minCount: 1 } },
  });
  await writeLake(join(folder, 'by-hand', 'lake'), {
    events: [
      page('r1', 0, ['x', 'y']),
      shown('r1', 'x', 1 * S, 3 * S),
      opened('r1', 'x', 3 * S, 8 * S, { actions: [{ block: 'cart', clicks: 2, dwell_ms: 700 }] }),
      shown('r1', 'y', 9 * S, 21 * S),
      shown('r1', 'y', 10 * S, 20 * S, { device_id: 'tablet' }),
      page('r2', 20 * S, ['z', 'x'], {
        candidates: [
          { item_id: 'z', position: 0, scores: { ctr: 0.5 } },
          { item_id: 'x', position: 1, scores: { ctr: 0.25 } },
        ],
      }),
      shown('r2', 'z', 22 * S, 23 * S),
      { type: 'order', request_id: 'r2', item_id: 'z', ts: NOON + 30 * S },
    ],
    items: [
      { item_id: 'z', category: 'food', price_level: 2 },
      { item_id: 'z', valid_from: NOON + 21 * S, category: 'later' },
    ],
    history: [{ user: 'a', as_of: NOON - 1, item_ids: ['old'] }],
  });
  await stitch({
    lakeDir: join(folder, 'by-hand', 'lake'),
    outDir: join(folder, 'by-hand', 'samples'),
  });
}, 60_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Every so many samples: each takes a few queries. */
async function showEvery(
  step: number,
  tensors = 'tensors',
  kinds: readonly SampleKind[] = SAMPLE_KINDS,
): Promise<ShownSample[]> {
  const fitted = await openFitted(join(folder, tensors));
  return withSamples(join(folder, 'samples'), async (reader) => {
    const all: ShownSample[] = [];
    for (const kind of kinds) {
      const rows = await readSamples(join(folder, 'samples'), ENCODED_ROWS[kind].folder);
      for (const { sample_id } of rows.filter((_, i) => i % step === 0)) {
        const found = await findSample(reader, sample_id as string, [kind]);
        all.push(await showSample(reader, found, { fitted, lakeDir: null }));
      }
    }
    return all;
  });
}

describe('a sample made by hand', () => {
  const show = () =>
    withSamples(join(folder, 'by-hand', 'samples'), async (reader) =>
      showSample(reader, await findSample(reader, 'r2'), {
        fitted: null,
        lakeDir: join(folder, 'by-hand', 'lake'),
      }),
    );

  it('tells candidates with labels and the attributes of the moment', async () => {
    const { lists, moment, kind } = await show();
    expect(kind).toBe('rerank');
    expect(moment).toMatchObject({ kind: 'request', trigger: 'open', session_exposures: 1 });
    expect(lists.candidates).toMatchObject([
      {
        ...{ item: 'z', position: 0, score: 0.5 },
        attributes: { category: 'food', price_level: 2, brand: null },
        labels: { exposed: 1, click: 0, order: 1, like: null },
      },
      { item: 'x', labels: { exposed: 0, click: null, order: null } },
    ]);
  });

  it('tells of a swipe what the phone held, and what came of each', async () => {
    const dir = join(folder, 'swipes');
    await writeLake(join(dir, 'lake'), {
      events: [
        page('r', 0, ['x', 'y']),
        shown('r', 'x', 2 * S, 9 * S, { event_id: 'swipe' }),
        { type: 'play', request_id: 'r', item_id: 'x', ts: NOON + 9 * S, watch_ms: 7 * S },
        page('late', 60 * 60 * S, ['z']),
      ],
    });
    const windows = { labelWindowMs: S * 60, exposureWindowMs: S * 60 };
    await stitch({ lakeDir: join(dir, 'lake'), outDir: join(dir, 'samples'), ...windows });
    const { decision_ts, labels, lists } = await withSamples(join(dir, 'samples'), async (reader) =>
      showSample(reader, await findSample(reader, 'swipe'), { fitted: null, lakeDir: null }),
    );
    expect(decision_ts).toBe(NOON + 2 * S);
    expect(labels).toMatchObject({ label_effective_view: 1, label_has_next: 0, matured: 1 });
    expect(lists.target).toMatchObject([{ item: 'x' }]);
    expect(lists.ordered).toMatchObject([
      { item: 'x', labels: { exposed: 1, effective_view: 1, has_next: 0, like: null } },
      { item: 'y', labels: { exposed: 0, effective_view: null, has_next: null } },
    ]);
  });

  it('tells what the cloud knew of the user before the day, which is nothing on the first', async () => {
    expect((await show()).user_before).toBeNull();
    const next = await withSamples(join(folder, 'samples'), async (reader) => {
      const { rows } = await listSampleIds(reader, { kind: 'rerank', date: DATES[1]!, limit: 1 });
      const found = await findSample(reader, rows[0]!.id, ['rerank']);
      return showSample(reader, found, { fitted: null, lakeDir: null });
    });
    expect(next.user_before).toMatchObject({ window_days: 7, active_days: 1 / 7 });
  });

  it('tells what the phone knew, with ages, and marks the undated history', async () => {
    const { knew } = await show();
    expect(knew.exposures).toMatchObject([
      { item: 'old', dated: false, age_ms: null },
      { item: 'x', dated: true, age_ms: 17 * S, duration_ms: 2 * S },
    ]);
    expect(knew.page_views!.at(-1)).toMatchObject({
      ...{ item: 'x', age_ms: 12 * S },
      blocks: { cart: { clicks: 2, dwell_ms: 700 } },
    });
    expect(knew.carts).toMatchObject([{ item: 'x', age_ms: 12 * S }]);
  });

  it('tells what it did not know, and why', async () => {
    const { not_known } = await show();
    expect(not_known!.events).toEqual([
      { type: 'exposure', item: 'y', began_ms: -11 * S, ended_ms: 1 * S, why: 'not ended yet' },
      { type: 'exposure', item: 'y', began_ms: -10 * S, ended_ms: 0, why: 'on another device' },
      { type: 'exposure', item: 'z', began_ms: 2 * S, ended_ms: 3 * S, why: 'not begun yet' },
      { type: 'order', item: 'z', began_ms: 10 * S, ended_ms: null, why: 'not begun yet' },
    ]);
  });
});

describe('features of a sample', () => {
  it('are those of the tensors, of every sample that was encoded', async () => {
    const all = await showEvery(9);
    const encoded = all.filter((one) => one.encoded && 'row' in one.encoded);
    expect(encoded.length).toBeGreaterThan(12);
    for (const { id, features } of encoded) {
      expect(features.length).toBeGreaterThan(20);
      const wrong = features.filter(({ differs }) => differs === null || differs.length > 0);
      expect([id, wrong]).toEqual([id, []]);
    }
    expect(new Set(encoded.map(({ kind }) => kind)).size).toBe(3);
  });

  it('carry raw value, column and rule', async () => {
    const one = (await showEvery(50)).find(
      ({ kind, encoded }) => kind === 'rerank' && encoded && 'row' in encoded,
    )!;
    const hour = one.features.find(({ group, name }) => group === 'context' && name === 'hour')!;
    // Noon is the fifth bucket: 3, 6, 9 and 12 are at or below it.
    expect(hour).toMatchObject({
      ...{ values: [4], tensor: 'context', kind: 'index' },
      rule: 'bucket of moment.hour, boundaries 3, 6, 9, 12, 15, 18, 21; unknown: 8',
      sources: [{ source: 'moment.hour', column: 'hour', raw: 12 }],
    });
    const price = one.features.find(({ name }) => name === 'price_level')!;
    expect(price.sources[0]!.column).toBe('items.price_level of cand_item');
    expect(one.fitted!.train_dates).toEqual(['2026-03-02']);
  });

  it('tell of a video what was watched, what was in the order and the state of the phone', async () => {
    const videos = await showEvery(9, 'tensors', ['video']);
    expect(videos.length).toBeGreaterThan(5);
    const one = videos.findLast(({ knew }) => knew.watched!.length > 1)!;
    const named = (name: string) => one.features.find((feature) => feature.name === name)!;
    expect(named('network_kbps').sources[0]).toMatchObject({ column: 'network_kbps' });
    expect(named('ordered_category').sources[0]!.column).toBe('items.category of ordered_item');
    const difference = named('watched_score_difference_x_category');
    expect(difference.axes).toEqual(['candidate', 'watched']);
    expect(difference.lengths).toEqual([1, one.knew.watched!.length]);
    expect(difference.sources.map(({ column }) => column)).toEqual([
      ...['target_score', 'watched_score', 'items.category of watched_item'],
    ]);
    expect(difference.tensor).toMatch(/^declared\/part\.\d+ & part\.\d+ & part\.\d+$/);
  });

  it('are marked where the tensors hold something else', async () => {
    const at = join(folder, 'tensors', 'rerank', '2026-03-02.safetensors');
    const file = await SafetensorsFile.open(at);
    const tensors = await file.readAll();
    await file.close();
    tensors.cand_dense!.data[0]! += 1;
    await cp(join(folder, 'tensors'), join(folder, 'bent'), { recursive: true });
    await writeSafetensors(join(folder, 'bent', 'rerank', '2026-03-02.safetensors'), tensors);
    const bent = (await showEvery(50, 'bent')).flatMap(({ features, encoded }) =>
      features
        .filter(({ differs }) => differs && differs.length > 0)
        .map(({ name, differs }) => ({ name, places: differs!.map((d) => d.at), encoded })),
    );
    expect(bent).toEqual([
      {
        name: 'score',
        places: [0],
        encoded: { row: 0, file: 'rerank/2026-03-02.safetensors' },
      },
    ]);
  });
});

describe('finding samples', () => {
  const inFolder = <T>(read: Parameters<typeof withSamples<T>>[1]) =>
    withSamples(join(folder, 'samples'), read);

  it('names ids that look alike when there is none', async () => {
    const asked = inFolder((reader) => findSample(reader, 'a1x'));
    await expect(asked).rejects.toMatchObject({
      code: 'no-such-sample',
      fix: expect.stringMatching(/look alike: a1\b/),
    });
  });

  it('draws the same sample for a seed, others for others', async () => {
    const draw = (seed: number) => inFolder((reader) => randomSample(reader, seed, KINDS));
    const ids = await Promise.all([1, 1, 2, 3, 4].map(draw));
    expect(ids[0]).toEqual(ids[1]);
    expect(new Set(ids.map(({ row }) => row.sample_id)).size).toBeGreaterThan(2);
  });

  it('lists samples of a day with clicks, and counts beyond the limit', async () => {
    const rows = await readSamples(join(folder, 'samples'), 'rerank');
    const clicked = rows.filter(
      ({ date, label_click }) =>
        (date as Date).toISOString().startsWith('2026-03-03') &&
        (label_click as (number | null)[]).includes(1),
    );
    const { rows: listed, total } = await inFolder((reader) =>
      listSampleIds(reader, { kind: 'rerank', date: '2026-03-03', clicked: true, limit: 2 }),
    );
    expect(total).toBe(clicked.length);
    expect(listed).toHaveLength(2);
    expect(listed.every((row) => row.date === '2026-03-03' && row.clicked! > 0)).toBe(true);
  });

  it('refuses a folder that holds no samples', async () => {
    await expect(withSamples(folder, async () => 0)).rejects.toMatchObject({ code: 'not-samples' });
  });
});
