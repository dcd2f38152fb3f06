/** Declared features from a log to tensors, features.json and the device: one declaration, equal bits. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawValue, RawValues } from '../../../device/features/columns.ts';
import { FeatureInterpreter } from '../../../device/features/interpreter.ts';
import { AXES, type Axis, SAMPLE_KINDS, type SampleKind } from '../../../device/features/spec.ts';
import { sha256File } from '../../../lib/hash.ts';
import { type NamedTensor, SafetensorsFile } from '../../../lib/safetensors.ts';
import { DuckDb } from '../../duckdb.ts';
import { writeLake } from '../../stitch/lake-fixture.ts';
import { readSamples, type SampleRow } from '../../stitch/samples-fixture.ts';
import { stitch } from '../../stitch/stitch.ts';
import { bindingOf, kindsOf } from '../bindings.ts';
import { buildFeatures } from '../build-features.ts';
import { compileFeature } from '../compile/compile.ts';
import type { FeaturesSettings } from '../config.ts';
import { ENCODED_ROWS } from '../encoded-rows.ts';
import { lakeWithVideos } from '../varied-lake-fixture.ts';
import { pairsOf } from './pairs.ts';

const DATES = ['2026-03-02', '2026-03-03'];
const OWN: FeaturesSettings = {
  minCount: 1,
  declare: [
    {
      name: 'own_brand_hash',
      expression: {
        ...{ op: 'hash', of: { op: 'source', name: 'candidate.brand' } },
        ...{ values: { most: 2 }, buckets: 3 },
      },
    },
    {
      name: 'own_length',
      expression: {
        op: 'standardise',
        of: {
          op: 'log1p',
          of: {
            ...{ op: 'clip', of: { op: 'source', name: 'candidate.duration_ms' } },
            low: 0,
            high: 40_000,
          },
        },
        ...{ mean: 'fit', std: 'fit', missing: -1 },
      },
    },
  ],
};
const lake = lakeWithVideos();
let folder: string;
let features: FeatureInterpreter;

async function build(name: string, config: FeaturesSettings): Promise<string> {
  const outDir = join(folder, name);
  const samplesDir = join(folder, 'samples');
  await buildFeatures({ samplesDir, outDir, trainDates: DATES.slice(0, 1), dates: DATES, config });
  return outDir;
}
const specOf = async (dir: string) =>
  FeatureInterpreter.open(JSON.parse(await readFile(join(dir, 'features.json'), 'utf8')));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'declared-'));
  await writeLake(join(folder, 'lake'), lake);
  await stitch({
    ...{ lakeDir: join(folder, 'lake'), outDir: join(folder, 'samples') },
    ...{ exposuresK: 7, pageViewsK: 4, candidatesN: 6, watchedK: 5 },
  });
  features = await specOf(await build('tensors', OWN));
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Prefixes of the columns, by hand: nothing of the code under test. */
const PREFIXES: Record<SampleKind, Partial<Record<Axis, string>>> = {
  rerank: { candidate: 'cand', exposure: 'exp', page_view: 'pv', cart: 'cart', order: 'ord' },
  decision: { exposure: 'since_exp', page_view: 'sclk', click: 'clk' },
  video: { candidate: 'target', watched: 'watched', ordered: 'ordered' },
};

/** An item's attribute at a time, as a phone knows it from the item that came with the request. */
const attribute = (item: unknown, time: number, name: string): RawValue => {
  const versions = lake.items!.filter(
    ({ item_id, valid_from }) => item_id === item && (valid_from ?? 0) <= time,
  );
  return ((versions.at(-1) as Record<string, unknown> | undefined)?.[name] ?? null) as RawValue;
};

/** The raw values of a sample, by the names of features.json; only what its kind has. */
function rawOf(kind: SampleKind, row: SampleRow): RawValues {
  const now = row.decision_ts as number;
  const raw: RawValues = {};
  for (const name of Object.keys(features.spec.sources)) {
    const [family, field] = name.split('.') as [Axis | 'moment', string];
    if (family === 'moment') {
      raw[name] = (field === 'now' ? now : (row[field] ?? null)) as RawValue;
      continue;
    }
    const prefix = PREFIXES[kind][family];
    if (!prefix) continue;
    const items = [row[`${prefix}_item`]].flat() as string[];
    const column = row[`${prefix}_${field}`];
    raw[name] =
      column === undefined
        ? items.map((item) => attribute(item, now, field))
        : ([column].flat() as RawValue[]);
  }
  return raw;
}

const KEYS: Record<SampleKind, string[]> = {
  rerank: ['user_key', 'decision_ts', 'slate_id', 'part'],
  decision: ['user_key', 'decision_ts', 'sample_id'],
  video: ['user_key', 'decision_ts', 'sample_id'],
};

/** Encoded samples of a date in the order of the tensors, and those tensors. */
async function both(kind: SampleKind, date: string) {
  const order = (a: SampleRow, b: SampleRow): number => {
    const differing = KEYS[kind].find((name) => a[name] !== b[name]);
    return differing === undefined ? 0 : a[differing]! < b[differing]! ? -1 : 1;
  };
  const { folder: under } = ENCODED_ROWS[kind];
  const rows = (await readSamples(join(folder, 'samples'), under))
    .filter((row) => (row.date as Date).toISOString().startsWith(date))
    .filter((row) => kind !== 'rerank' || (row.label_exposed as number[]).includes(1))
    .sort(order);
  const path = join(folder, 'tensors', 'declared', under, `${date}.safetensors`);
  const file = await SafetensorsFile.open(path);
  const tensors = await file.readAll();
  await file.close();
  return { rows, tensors };
}

const rowOf = ({ shape, data }: NamedTensor, i: number, count: number): number[] => {
  const width = shape.slice(1).reduce((product, n) => product * n, 1);
  return [...data.slice(i * width, i * width + Math.min(width, count))];
};

describe('declared features', () => {
  it('run along every axis, use every operator, and are absent with a reason', () => {
    const { declared, sources } = features.spec;
    const text = JSON.stringify(declared);
    for (const axis of AXES) expect(text).toContain(`"name":"${axis}.`);
    for (const op of ['hash', 'clip', 'cross', 'decay', 'difference', 'ratio', 'id', 'one_hot']) {
      expect(text).toContain(`"op":"${op}"`);
    }
    expect(new Set(declared.flatMap(({ samples }) => samples))).toEqual(new Set(SAMPLE_KINDS));
    expect(Object.keys(sources)).toContain('page_view.cart_dwell_ms');
  });

  it.each(SAMPLE_KINDS)(
    'are in the tensors what a phone computes from raw values: %s',
    async (kind) => {
      const declared = features.spec.declared.filter(({ samples }) => samples.includes(kind));
      const seen = new Map<string, Set<number>>(declared.map(({ name }) => [name, new Set()]));
      let pairs = 0;
      for (const date of DATES) {
        const { rows, tensors } = await both(kind, date);
        expect(tensors['row.user']!.shape).toEqual([rows.length]);
        const made = new Map<string, ReturnType<typeof pairsOf>>();
        for (const [i, row] of rows.entries()) {
          const raw = rawOf(kind, row);
          for (const { name } of declared) {
            const { axes, lengths, values } = features.declared(name, raw);
            for (const value of values) seen.get(name)!.add(value);
            if (axes.length < 2) {
              expect(rowOf(tensors[name]!, i, values.length)).toEqual([...values]);
              const rest = rowOf(tensors[name]!, i, Number.POSITIVE_INFINITY).slice(values.length);
              const padding = values instanceof Int32Array ? -1 : 0;
              expect(rest.every((value) => value === padding)).toBe(true);
              continue;
            }
            const tensor = made.get(name) ?? pairsOf(features, kind, name, tensors);
            made.set(name, tensor);
            const [, N, K] = tensor.shape;
            const of = [...tensor.data.slice(i * N * K, (i + 1) * N * K)];
            const expected = new Array<number>(N * K).fill(-1);
            values.forEach((value, at) => {
              expected[Math.floor(at / lengths[1]!) * K + (at % lengths[1]!)] = value;
            });
            expect(of).toEqual(expected);
            pairs += values.length;
          }
        }
      }
      const constant = [...seen].filter(([, values]) => values.size < 2).map(([name]) => name);
      // What was shown since the last request is younger than the first boundary, which is that of slates.
      expect(constant).toEqual(kind === 'decision' ? ['time_difference'] : []);
      expect(pairs > 500).toBe(kind !== 'decision');
    },
  );

  it.each(SAMPLE_KINDS)(
    'are what DuckDB computes from the columns of the samples: %s',
    async (kind) => {
      const db = await DuckDb.open({ tempDir: folder });
      try {
        const { openSamples } = await import('../open-samples.ts');
        await openSamples(db, join(folder, 'samples'), DATES, DATES.slice(0, 1));
        const rows = await db.rows<SampleRow>(`select * from ${kind} order by user_key, sample_id`);
        expect(rows.length).toBeGreaterThan(40);
        let compiled = 0;
        for (const { name, expression, samples } of features.spec.declared) {
          if (!samples.includes(kind) || !kindsOf(expression).includes(kind)) continue;
          // Attributes of items are not in the samples: the same expressions over raw values are elsewhere.
          if (
            /\.(category|brand|creator|price_level)"|candidate.duration_ms/.test(
              JSON.stringify(expression),
            )
          )
            continue;
          compiled++;
          const sql = compileFeature(expression, features.spec, bindingOf(kind));
          const found = await db.rows<{ v: unknown }>(
            `select ${sql} as v from ${kind} order by user_key, sample_id`,
          );
          const device = rows.map((row) => [...features.declared(name, rawOf(kind, row)).values]);
          const isNumber = device.flat().some((value) => !Number.isInteger(value));
          const inSql = found.map(({ v }) => {
            const values = [v].flat(2) as number[];
            return isNumber ? values.map(Math.fround) : values;
          });
          expect([name, inSql]).toEqual([name, device]);
        }
        expect(compiled).toBeGreaterThan(12);
      } finally {
        db.close();
      }
    },
  );

  it('of a settings file are fitted on training days and shipped with the others', () => {
    const own = features.spec.declared.filter(({ name }) => name.startsWith('own_'));
    expect(own).toMatchObject([
      {
        name: 'own_brand_hash',
        expression: { op: 'hash', buckets: 3 },
        samples: ['rerank', 'video'],
      },
      { name: 'own_length', expression: { missing: -1 }, samples: ['rerank', 'video'] },
    ]);
    const [{ expression }] = own as unknown as [{ expression: { values: string[] } }];
    expect(expression.values).toHaveLength(2);
    expect(expression.values).toEqual([...expression.values].sort());
  });
});

describe('what models read', () => {
  it('does not change when a feature is declared', async () => {
    const without = await build('without', { minCount: 1, shipped: false });
    for (const date of DATES) {
      for (const kind of ['rerank', 'decisions']) {
        const [a, b] = await Promise.all(
          ['tensors', 'without'].map((dir) =>
            sha256File(join(folder, dir, kind, `${date}.safetensors`)),
          ),
        );
        expect(a).toBe(b);
      }
    }
    const { spec } = await specOf(without);
    expect(spec.declared).toEqual([]);
    expect(features.spec.dense).toEqual(spec.dense);
    expect(features.spec.actions).toEqual(spec.actions);
    expect(features.spec.context).toEqual(spec.context);
  });

  it('has declared features at the end of the groups that the settings name', async () => {
    const dir = await build('inputs', {
      ...OWN,
      inputs: {
        exposure: ['exposure_feedback_x_category'],
        dense: ['own_length'],
        context: ['trigger_hash'],
        decisionContext: ['scene_hash', 'session_click_ratio'],
      },
    });
    const { spec } = await specOf(dir);
    const before = features.spec;
    expect(spec.dense.slice(0, -1)).toEqual(before.dense);
    expect(spec.dense.at(-1)!.name).toBe('own_length');
    expect(spec.context.slice(0, -1)).toEqual(before.context);
    const last = before.actions.exposure.at(-1)!;
    expect(spec.actions.exposure.at(-1)).toMatchObject({
      name: 'exposure_feedback_x_category',
      offset: last.offset + last.size,
    });
    // Every input, attributes of items included, is what a phone computes.
    const interpreter = await specOf(dir);
    const { rows } = await both('rerank', DATES[1]!);
    const file = await SafetensorsFile.open(join(dir, 'rerank', `${DATES[1]}.safetensors`));
    const tensors = await file.readAll();
    await file.close();
    rows.forEach((row, i) => {
      const raw = rawOf('rerank', row);
      const actions = interpreter.actions('exposure', raw);
      expect(rowOf(tensors.exp_action!, i, actions.length)).toEqual([...actions]);
      const dense = interpreter.dense(raw);
      expect(rowOf(tensors.cand_dense!, i, dense.length)).toEqual([...dense]);
      const context = interpreter.context(raw);
      expect(rowOf(tensors.context!, i, context.length)).toEqual([...context]);
    });
  });

  it('cannot be what the training days do not have', async () => {
    const config: FeaturesSettings = {
      declare: [
        {
          name: 'creator_id',
          expression: {
            ...{ op: 'known', of: { op: 'source', name: 'candidate.creator' } },
          },
        },
      ],
      inputs: { dense: ['creator_id'] },
    };
    await expect(build('absent', config)).rejects.toMatchObject({
      code: 'absent-input',
      message: expect.stringContaining('no item of the training dates has a creator'),
    });
  });
});
