import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listFiles } from '../../lib/files.ts';
import { sha256File } from '../../lib/hash.ts';
import { type NamedTensor, SafetensorsFile } from '../../lib/safetensors.ts';
import { featureSpec } from '../contracts/feature-spec.ts';
import { type FixtureEvent, type FixtureLake, NOON, writeLake } from '../stitch/lake-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { buildFeatures, type FeaturesSummary } from './build-features.ts';
import { bucketise, source } from './declare.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'features-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const DAY = 86_400_000;
const S = 1000;
const [MONDAY, TUESDAY] = ['2026-03-02', '2026-03-03'];

/** A page, two exposures of which the first is clicked, and a second page that knows them. */
const visit = (user: string, at: number, items: [string, string, string]): FixtureEvent[] => {
  const request_id = `${user}${at}`;
  const common = { user, request_id };
  const [clicked, seen] = items;
  return [
    {
      type: 'request',
      ...common,
      event_id: request_id,
      ts: at,
      scene: 'home',
      candidates: items.map((item_id, position) => ({
        item_id,
        position,
        scores: { ctr: 0.5 / (position + 1) },
      })),
    },
    { type: 'exposure', ...common, item_id: clicked, started: at + S, ended: at + 2 * S, count: 1 },
    { type: 'exposure', ...common, item_id: seen, started: at + S, ended: at + 5 * S, count: 4 },
    { type: 'page_view', ...common, item_id: clicked, started: at + 2 * S, ended: at + 4 * S },
  ];
};

const monday = [
  ...visit('a', NOON, ['i1', 'i2', 'i3']),
  ...visit('a', NOON + 60 * S, ['i2', 'i1', 'i3']),
  ...visit('b', NOON, ['i1', 'i4', 'i3']),
];
const decision: FixtureEvent = {
  type: 'decision',
  user: 'a',
  event_id: 'd',
  decision_id: 'd',
  request_id: `a${NOON + 60 * S}`,
  ts: NOON + 70 * S,
  arm: 'control',
  propensity: 0.25,
  unexposed: ['i3', 'new'],
};
const base: FixtureLake = {
  events: [...monday, decision, ...visit('a', NOON + DAY, ['i1', 'new', 'i2'])],
  items: [
    { item_id: 'i1', category: 'x', price_level: 1, creator: 'k' },
    { item_id: 'i2', category: 'y', price_level: 3 },
    { item_id: 'i2', valid_from: NOON + DAY, category: 'x', price_level: 3 },
    { item_id: 'new', category: 'y' },
    { item_id: 'i4', category: 'z' },
  ],
  history: [{ user: 'b', as_of: NOON, item_ids: ['i2'] }],
};

async function built(
  name: string,
  lake: FixtureLake,
  dates = [MONDAY, TUESDAY],
): Promise<{ dir: string; summary: FeaturesSummary }> {
  const at = (part: string) => join(folder, name, part);
  await writeLake(at('lake'), lake);
  await stitch({
    lakeDir: at('lake'),
    outDir: at('samples'),
    exposuresK: 4,
    pageViewsK: 2,
    candidatesN: 3,
  });
  const summary = await buildFeatures({
    samplesDir: at('samples'),
    outDir: at('tensors'),
    trainDates: [MONDAY],
    dates,
    config: { popularityPrior: 2 },
  });
  return { dir: at('tensors'), summary };
}

async function tensors(path: string): Promise<Record<string, NamedTensor>> {
  const file = await SafetensorsFile.open(path);
  try {
    return await file.readAll();
  } finally {
    await file.close();
  }
}

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as unknown;
const row = (tensor: NamedTensor | undefined, i: number): number[] => {
  const width = tensor!.shape.slice(1).reduce((product, n) => product * n, 1);
  return [...tensor!.data.slice(i * width, (i + 1) * width)];
};

describe('tensors of a small log', () => {
  let dir: string;
  let summary: FeaturesSummary;
  beforeAll(async () => {
    ({ dir, summary } = await built('base', base));
  });

  it('gives rows to items shown at least twice in training, row 0 to others', async () => {
    // Shown on Monday: i1 three times, i2 twice, i4 once; i3 never.
    expect(await json(join(dir, 'vocabulary.json'))).toMatchObject({
      item: ['i1', 'i2'],
      category: ['x', 'y'],
      brand: [],
      creator: ['k'],
    });
    const items = await tensors(join(dir, 'items.safetensors'));
    expect([...items.category!.data]).toEqual([0, 1, 2]);
    expect([...items.creator!.data]).toEqual([0, 1, 0]);
    const rerank = await tensors(join(dir, `rerank/${TUESDAY}.safetensors`));
    expect(row(rerank.cand_item, 0)).toEqual([1, 0, 2]);
    // Attributes as of the decision: i2 has changed by Tuesday noon, and `new` has a category.
    expect(row(rerank.cand_category, 0)).toEqual([1, 2, 1]);
  });

  it('holds labels, masks and the popularity of training', async () => {
    const rerank = await tensors(join(dir, `rerank/${MONDAY}.safetensors`));
    expect(rerank.user!.shape).toEqual([3]);
    expect([...rerank.user!.data]).toEqual([0, 0, 1]);
    expect([...rerank.slate!.data]).toEqual([0, 1, 2]);
    expect(row(rerank.label_mask, 0)).toEqual([1, 1, 0]);
    expect(row(rerank.label_click, 0)).toEqual([1, 0, 0]);
    expect(row(rerank.cand_mask, 0)).toEqual([1, 1, 1]);
    expect(row(rerank.cand_position, 0)).toEqual([0, 1, 2]);
    // Monday: 6 exposures, 3 clicks; i1 2 of 3, i2 1 of 2, i3 none; prior 2 exposures at 0.5.
    expect(row(rerank.popularity, 0)).toEqual([Math.fround(3 / 5), 0.5, 0.5]);
    expect(summary.rerank[MONDAY]).toEqual({
      rows: 3,
      exposures: 6,
      clicks: 3,
      longs: 0,
      likes: 0,
    });
  });

  it('encodes behaviours oldest first, with what the spec says', async () => {
    const spec = featureSpec.parse(await json(join(dir, 'features.json')));
    const rerank = await tensors(join(dir, `rerank/${MONDAY}.safetensors`));
    expect(row(rerank.exp_item, 1)).toEqual([1, 2, 0, 0]);
    expect(row(rerank.exp_mask, 1)).toEqual([1, 1, 0, 0]);
    const [duration, count] = spec.actions.exposure;
    // In training: durations 1000 and 4000, counts 1 and 4, each once.
    expect(duration).toMatchObject({ name: 'duration_ms', offset: 0, size: 3 });
    expect(duration!.expression).toEqual(bucketise(source('exposure.duration_ms'), [4000]));
    expect(count).toMatchObject({ name: 'count', offset: 3, size: 3 });
    expect(count!.expression).toEqual(bucketise(source('exposure.count'), [4]));
    expect(row(rerank.exp_action, 1)).toEqual([0, 3, 1, 4, -1, -1, -1, -1]);
    // 58 s and 55 s ago; each known once, so that the only boundary is the larger.
    expect(spec.decay.exposure.expression).toMatchObject({ op: 'decay', boundaries: [58_000] });
    expect(row(rerank.exp_decay, 1)).toEqual([1, 0, -1, -1]);
    expect(row(rerank.pv_item, 1)).toEqual([1, 0]);
    // The undated history of b: there, but its actions and its time are unknown.
    expect(row(rerank.exp_item, 2)).toEqual([2, 0, 0, 0]);
    expect(row(rerank.exp_mask, 2)).toEqual([1, 0, 0, 0]);
    expect(row(rerank.exp_known, 2)).toEqual([0, 0, 0, 0]);
    expect(row(rerank.exp_action, 2).every((index) => index === -1)).toBe(true);
    expect(row(rerank.exp_decay, 2)[0]).toBe(spec.decay.exposure.size - 1);
  });

  it('says which features the source lacks', async () => {
    const spec = featureSpec.parse(await json(join(dir, 'features.json')));
    const absent = spec.absent.map(({ name }) => name);
    expect(absent).toEqual(
      expect.arrayContaining([
        'items.brand',
        'exposure.scroll_speed',
        'page_view.bought',
        'dense.duration',
      ]),
    );
    expect(absent).not.toContain('exposure.count');
    expect(spec.sizes).toMatchObject({
      candidates: 3,
      exposures: 4,
      pageViews: 2,
      dense: spec.dense.length,
    });
  });

  it('encodes request decisions', async () => {
    const decisions = await tensors(join(dir, `decisions/${MONDAY}.safetensors`));
    expect(decisions.arm!.shape).toEqual([1]);
    expect([...decisions.propensity!.data]).toEqual([0.25]);
    expect(row(decisions.since_item, 0).slice(0, 3)).toEqual([2, 1, 0]);
    expect(row(decisions.unexposed_category, 0).slice(0, 2)).toEqual([0, 2]);
    expect(row(decisions.unexposed_mask, 0).slice(0, 3)).toEqual([1, 1, 0]);
    expect([...(await tensors(join(dir, `decisions/${TUESDAY}.safetensors`))).arm!.shape]).toEqual([
      0,
    ]);
  });

  it('knows of each user only the days before', async () => {
    const before = await tensors(join(dir, `user_stats/${MONDAY}.safetensors`));
    expect([...before.exposures!.data]).toEqual([0, 0]);
    const tuesday = await tensors(join(dir, `user_stats/${TUESDAY}.safetensors`));
    expect([...tuesday.exposures!.data]).toEqual([4, 2]);
    expect([...tuesday.clicks!.data]).toEqual([2, 1]);
  });

  it('fits nothing on later days', async () => {
    const other = await built('later', {
      ...base,
      events: [
        ...monday,
        decision,
        ...visit('c', NOON + DAY, ['i3', 'i4', 'i9']),
        ...visit('c', NOON + DAY + 60 * S, ['i3', 'i4', 'i9']),
      ],
      items: [...base.items!, { item_id: 'i1', valid_from: NOON + 2 * DAY, category: 'later' }],
    });
    const hash = (folderOf: string, file: string) => sha256File(join(folderOf, file));
    for (const file of ['features.json', 'vocabulary.json', 'items.safetensors']) {
      expect(await hash(other.dir, file)).toBe(await hash(dir, file));
    }
    const rerank = `rerank/${TUESDAY}.safetensors`;
    expect(await hash(other.dir, rerank)).not.toBe(await hash(dir, rerank));
  });

  it('has equal bytes when made again with one thread', async () => {
    await buildFeatures({
      samplesDir: join(folder, 'base/samples'),
      outDir: join(folder, 'again'),
      trainDates: [MONDAY],
      dates: [MONDAY, TUESDAY],
      config: { popularityPrior: 2 },
      threads: 1,
    });
    for (const file of await listFiles(dir)) {
      expect(`${file} ${await sha256File(join(folder, 'again', file))}`).toBe(
        `${file} ${await sha256File(join(dir, file))}`,
      );
    }
  });

  it('refuses dates without samples and folders without any', async () => {
    const options = { outDir: join(folder, 'none'), trainDates: ['2020-01-01'], dates: [MONDAY] };
    await expect(
      buildFeatures({ ...options, samplesDir: join(folder, 'base/samples') }),
    ).rejects.toMatchObject({
      code: 'no-training-samples',
    });
    await expect(buildFeatures({ ...options, samplesDir: folder })).rejects.toMatchObject({
      code: 'not-samples',
    });
    expect((await listFiles(folder)).some((path) => path.startsWith('none'))).toBe(false);
  });
});

it('works on a log that has requests and exposures only', async () => {
  const { dir, summary } = await built('bare', {
    events: [
      {
        type: 'request',
        ts: NOON,
        request_id: 'r',
        candidates: Array.from({ length: 7 }, (_, i) => ({ item_id: `i${i}` })),
      },
      ...[0, 1, 6].map(
        (i): FixtureEvent => ({
          type: 'exposure',
          request_id: 'r',
          item_id: `i${i}`,
          started: NOON + S,
          ended: NOON + 2 * S,
        }),
      ),
    ].map((event) => ({ ...event, device_id: null, session_id: null }) as FixtureEvent),
  });
  // The slate of 7 is two parts of one slate: 0–2 and 6; 3–5 were not exposed.
  const rerank = await tensors(join(dir, `rerank/${MONDAY}.safetensors`));
  expect([...rerank.slate!.data]).toEqual([0, 0]);
  expect([...rerank.sample!.data]).toEqual([0, 1]);
  expect(row(rerank.cand_mask, 1)).toEqual([1, 0, 0]);
  expect(row(rerank.cand_position, 0)).toEqual([-1, -1, -1]);
  expect(rerank.cand_dense!.shape).toEqual([2, 3, 1]);
  expect(summary.decisions).toEqual({});
  const spec = featureSpec.parse(await json(join(dir, 'features.json')));
  expect(spec.actions.page_view).toEqual([
    {
      name: 'duration_ms',
      expression: bucketise(source('page_view.duration_ms'), []),
      offset: 0,
      size: 2,
    },
  ]);
});
