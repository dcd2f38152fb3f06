import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawValue, RawValues } from '../../device/features/columns.ts';
import { FeatureInterpreter } from '../../device/features/interpreter.ts';
import { toFloat32 } from '../../device/features/operators.ts';
import { sha256File } from '../../lib/hash.ts';
import { type NamedTensor, SafetensorsFile } from '../../lib/safetensors.ts';
import { featureSpec } from '../contracts/feature-spec.ts';
import { DuckDb } from '../duckdb.ts';
import { writeLake } from '../stitch/lake-fixture.ts';
import { readSamples, type SampleRow } from '../stitch/samples-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { buildFeatures } from './build-features.ts';
import { compileFeature } from './compile/compile.ts';
import { featuresSql } from './open-samples.ts';
import { statisticsHash } from './statistics-hash.ts';
import { variedLake } from './varied-lake-fixture.ts';

const DATES = ['2026-03-02', '2026-03-03'];
const lake = variedLake();
let folder: string;
let features: FeatureInterpreter;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'device-tensors-'));
  const [lakeDir, samplesDir] = [join(folder, 'lake'), join(folder, 'samples')];
  await writeLake(lakeDir, lake);
  await stitch({ lakeDir, outDir: samplesDir, exposuresK: 6, pageViewsK: 4, candidatesN: 6 });
  await buildFeatures({
    samplesDir,
    outDir: join(folder, 'tensors'),
    trainDates: DATES.slice(0, 1),
    dates: DATES,
    config: { minCount: 1 },
  });
  text = await readFile(join(folder, 'tensors', 'features.json'), 'utf8');
  features = FeatureInterpreter.open(JSON.parse(text));
}, 60_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** An item's attribute at a time, as a phone knows it from the item that came with the request. */
const attribute = (item: unknown, time: number, name: 'duration_ms' | 'price_level' | 'category') =>
  (lake
    .items!.filter(({ item_id, valid_from }) => item_id === item && (valid_from ?? 0) <= time)
    .at(-1)?.[name] ?? null) as RawValue;

/** The raw values of a sample, by the names of features.json. */
function rawOf(row: SampleRow, prefixes: Record<string, string>): RawValues {
  const now = row.decision_ts as number;
  const raw: RawValues = {};
  for (const name of Object.keys(features.spec.sources)) {
    const [family, field] = name.split('.') as [string, string];
    const prefix = prefixes[family];
    if (family === 'moment') raw[name] = (field === 'now' ? now : (row[field] ?? null)) as RawValue;
    else if (prefix && ['category', 'price_level'].includes(field)) {
      raw[name] = (row[`${prefix}_item`] as string[]).map((item) =>
        attribute(item, now, field as 'category'),
      );
    } else if (name === 'candidate.duration_ms' && prefix) {
      raw[name] = (row[`${prefix}_item`] as string[]).map((item) =>
        attribute(item, now, 'duration_ms'),
      );
    } else if (prefix) raw[name] = row[`${prefix}_${field}`] as RawValue[];
  }
  return raw;
}

const RERANK = { candidate: 'cand', exposure: 'exp', page_view: 'pv', cart: 'cart', order: 'ord' };
const ORDER = (a: SampleRow, b: SampleRow) => (key(a) < key(b) ? -1 : 1);
const key = ({ user_key, decision_ts, slate_id, sample_id, part }: SampleRow) =>
  [user_key, decision_ts, slate_id ?? sample_id, part ?? 0].join(' ');

/** Samples of all dates in the order of the tensors, and those tensors. */
async function both(kind: 'rerank' | 'decisions') {
  const rows = (await readSamples(join(folder, 'samples'), kind)).filter(
    ({ label_exposed }) => kind === 'decisions' || (label_exposed as number[]).includes(1),
  );
  const dayOf = ({ decision_ts }: SampleRow) =>
    new Date(decision_ts as number).toISOString().slice(0, 10);
  return Promise.all(
    DATES.map(async (date) => {
      const file = await SafetensorsFile.open(join(folder, 'tensors', kind, `${date}.safetensors`));
      const tensors = await file.readAll();
      await file.close();
      return { tensors, rows: rows.filter((row) => dayOf(row) === date).sort(ORDER) };
    }),
  );
}

const rowOf = ({ shape, data }: NamedTensor, i: number, count = Number.POSITIVE_INFINITY) => {
  const width = shape.slice(1).reduce((product, n) => product * n, 1);
  const perPlace = shape.length > 1 ? width / shape[1]! : 1;
  return [...data.slice(i * width, i * width + Math.min(width, count * perPlace))];
};

describe('what a phone computes from raw values with features.json alone', () => {
  it('equals the tensors of training: slates', async () => {
    let behaviours = 0;
    for (const { tensors, rows } of await both('rerank')) {
      expect(rows.length).toBe(tensors.user!.shape[0]);
      for (const [i, row] of rows.entries()) {
        const raw = rawOf(row, RERANK);
        for (const [behaviour, prefix] of [
          ['exposure', 'exp'],
          ['page_view', 'pv'],
        ] as const) {
          const n = (row[`${prefix}_item`] as string[]).length;
          behaviours += n;
          const expected = (name: string) => rowOf(tensors[`${prefix}_${name}`]!, i, n);
          expect([...features.actions(behaviour, raw)]).toEqual(expected('action'));
          expect([...features.decay(behaviour, raw)]).toEqual(expected('decay'));
        }
        const n = (row.cand_item as string[]).length;
        expect([...features.dense(raw)]).toEqual(rowOf(tensors.cand_dense!, i, n));
        expect([...features.context(raw)]).toEqual(rowOf(tensors.context!, i));
      }
    }
    expect(behaviours).toBeGreaterThan(300);
  });

  it('equals the tensors of training: request decisions', async () => {
    for (const { tensors, rows } of await both('decisions')) {
      expect(rows.length).toBe(tensors.user!.shape[0]);
      for (const [i, row] of rows.entries()) {
        const raw = rawOf(row, { exposure: 'since_exp', page_view: 'sclk' });
        for (const [behaviour, prefix] of [
          ['exposure', 'since'],
          ['page_view', 'sclk'],
        ] as const) {
          const n = (raw[`${behaviour}.known`] as number[]).length;
          const expected = (name: string) => rowOf(tensors[`${prefix}_${name}`]!, i, n);
          expect([...features.actions(behaviour, raw)]).toEqual(expected('action'));
          expect([...features.decay(behaviour, raw)]).toEqual(expected('decay'));
        }
        expect([...features.decisionContext(raw)]).toEqual(rowOf(tensors.context!, i));
      }
    }
  });

  it('equals DuckDB for what encoding interprets: dense numbers, and for what is only declared', async () => {
    const db = await DuckDb.open({ tempDir: folder });
    try {
      await db.run(await featuresSql('compiled'));
      const rows = (await both('rerank'))[0]!.rows;
      const raws = rows.map((row) => rawOf(row, RERANK));
      const literal = (value: RawValue) =>
        value === null ? 'null' : `'${String(value).replaceAll("'", "''")}'`;
      const names = Object.entries(features.spec.sources).filter(([name]) => name in raws[0]!);
      const cells = (raw: RawValues) =>
        names.map(([name, { type, axis }]) => {
          const sql = type === 'number' ? 'double' : 'varchar';
          const value = raw[name] as RawValue | RawValue[];
          return Array.isArray(value)
            ? `[${value.map(literal)}]::${sql}[]`
            : `${literal(value)}::${sql}${axis ? '[]' : ''}`;
        });
      const values = raws.map((raw, i) => `(${i}, ${cells(raw).join(', ')})`);
      await db.run(
        `create table raw as select * from (values ${values.join(', ')}) as raw(i, ${names.map(([name]) => `"${name}"`).join(', ')})`,
      );
      const inSql = async (expression: Parameters<typeof compileFeature>[0]) => {
        const sql = compileFeature(expression, features.spec, (name) => ({
          ...{ sql: `"${name}"`, finite: false },
        }));
        const found = await db.rows<{ v: unknown }>(`select ${sql} as v from raw order by i`);
        return found.map(({ v }) => [v].flat(2) as number[]);
      };
      const { dense } = features.spec;
      const declared = features.spec.declared.filter(({ samples }) => samples.includes('rerank'));
      expect(declared.length).toBeGreaterThan(25);
      for (const [f, { expression }] of dense.entries()) {
        const device = raws.map((raw) =>
          [...features.dense(raw)].filter((_, at) => at % dense.length === f),
        );
        expect((await inSql(expression)).map((row) => row.map(toFloat32))).toEqual(device);
      }
      for (const { name, expression } of declared) {
        const device = raws.map((raw) => [...features.declared(name, raw).values]);
        const isNumber = features.declared(name, raws[0]!).values instanceof Float32Array;
        const sql = await inSql(expression);
        expect(isNumber ? sql.map((row) => row.map(toFloat32)) : sql).toEqual(device);
      }
    } finally {
      db.close();
    }
  });
});

describe('features.json', () => {
  it('declares crosses, the click ratio and the differences of videos, and says what is absent', () => {
    const spec = featureSpec.parse(JSON.parse(text));
    expect(spec.declared.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'exposure_feedback_x_category',
        'page_view_bought_x_category',
        'session_click_ratio',
        'score_difference',
        'score_difference_x_category',
        'score_difference_x_feedback',
        'time_difference',
        'time_difference_x_category',
        'time_difference_x_feedback',
        'position_difference',
        'position_difference_x_category',
        'position_difference_x_feedback',
      ]),
    );
    const absent = spec.absent.map(({ name }) => name);
    expect(absent).not.toContain('declared.score_difference');
    // The log has no plays.
    expect(absent).toContain('declared.watched_score_difference_x_like');
    expect(spec.tables).toEqual({ category: [...spec.tables.category!].sort() });
  });

  it('carries a hash of its statistics that anyone can compute again', () => {
    const spec = featureSpec.parse(JSON.parse(text));
    expect(statisticsHash(spec)).toBe(spec.statistics.sha256);
    const changed = { ...spec, utcOffsetMinutes: spec.utcOffsetMinutes + 1 };
    expect(statisticsHash(changed)).not.toBe(spec.statistics.sha256);
  });

  it('leaves the bytes of the tensors as version 1 made them', async () => {
    // From the encoders of FeatureSpec 1, which computed every index in TypeScript; the first decisions with labels as they count today.
    const before = {
      'rerank/2026-03-02': '61adcd9487a6369a01d4d3469312630f6c14e604cde0fb1a1310ce7270b583d2',
      'rerank/2026-03-03': 'b30a448cadb75fd1a842443f4d9970e10987c50f9a443071066ea947adeee481',
      'decisions/2026-03-02': '528bad9f282ce084abe199b9977e76698cdd3426ddb409ca0625845fa1340b4c',
      'decisions/2026-03-03': '45ea1eb094d75543bd114a6b010cc296c64e6f5ec4c6f58998402e53c4020056',
    };
    for (const [name, sha256] of Object.entries(before)) {
      expect(await sha256File(join(folder, 'tensors', `${name}.safetensors`))).toBe(sha256);
    }
  });
});
