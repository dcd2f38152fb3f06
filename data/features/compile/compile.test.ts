import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Frame, type RawValue, type RawValues } from '../../../device/features/columns.ts';
import { evaluator } from '../../../device/features/evaluate.ts';
import { AXES, type Axis, type Expression, type Source } from '../../../device/features/spec.ts';
import { type Names, typeOf } from '../../../device/features/type-of.ts';
import { DuckDb, sqlText } from '../../duckdb.ts';
import { featuresSql } from '../open-samples.ts';
import { compileFeature } from './compile.ts';

let db: DuckDb;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compile-'));
  db = await DuckDb.open({ tempDir: folder, threads: 1 });
  await db.run(await featuresSql('compiled'));
});
afterAll(async () => {
  db.close();
  await rm(folder, { recursive: true, force: true });
});

const source = (type: Source['type'], axis: Axis | null): Source => ({ type, axis, what: 'test' });
const ALL: readonly (Axis | null)[] = [null, ...AXES];

const NAMES: Names = {
  sources: Object.fromEntries(
    ALL.flatMap((axis): [string, Source][] => [
      [`${axis ?? 'moment'}.${axis ? 'ended' : 'now'}`, source('number', axis)],
      [`${axis ?? 'moment'}.score`, source('number', axis)],
      [`${axis ?? 'moment'}.reason`, source('text', axis)],
      [`${axis ?? 'moment'}.category`, source('id', axis)],
    ]),
  ),
  tables: { category: ['a', 'b', 'é', "it's"], none: [] },
};

const TEXTS = ['a', 'b', 'é', "it's", '', '日本', '🙂', 'e\u0301', 'A', ' a'];
const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...TEXTS) },
  fc.string({ unit: 'binary', maxLength: 6 }).filter((t) => !t.includes('\0')),
);
const finite = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.constantFrom(-0, 1e-310, 2 ** -54, 2 ** -29, 0.4142136573791504, 1e15, 1e300, -1e300),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 1_650_000_000_000, max: 1_650_000_000_999, noNaN: true }),
);
const number = fc.oneof(
  { weight: 8, arbitrary: finite },
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);
const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { freq: 6 });

/** Raw values of one moment: lists of 0 to 4 behaviours and candidates. */
const rawValues: fc.Arbitrary<RawValues> = fc
  .record(
    Object.fromEntries(AXES.map((axis) => [axis, fc.nat(4)])) as Record<Axis, fc.Arbitrary<number>>,
  )
  .chain((length) => {
    const value = ({ type, axis }: Source): fc.Arbitrary<RawValue | RawValue[]> => {
      const one: fc.Arbitrary<RawValue> = type === 'number' ? orNull(number) : orNull(text);
      if (axis === null) return one;
      return fc.array(one, { minLength: length[axis], maxLength: length[axis] });
    };
    return fc.record(
      Object.fromEntries(Object.entries(NAMES.sources).map(([name, s]) => [name, value(s)])),
    );
  });

const boundaries = fc
  .uniqueArray(finite, { maxLength: 9, comparator: (a, b) => a === b })
  .map((values) => values.map((value) => value + 0).sort((a, b) => a - b));
const values = fc.uniqueArray(text, { maxLength: 5 });

type Axes = readonly Axis[];
const LISTS: Axes[] = [[], ...AXES.map((axis) => [axis])];
const PAIRS: Axes[] = AXES.filter((axis) => axis !== 'candidate').map((axis) => [
  'candidate',
  axis,
]);
const ALL_AXES: Axes[] = [...LISTS, ...PAIRS];

const leaf = (axes: Axes, ...names: string[]): fc.Arbitrary<Expression> =>
  fc.constantFrom(...names).map((name) => ({
    op: 'source',
    name: `${axes[0] ?? 'moment'}.${name === 'ended' && axes.length === 0 ? 'now' : name}`,
  }));

/** Axes of two operands that together have `axes`. */
const parts = (axes: Axes): [Axes, Axes][] => {
  const subsets =
    axes.length === 2 ? [[], [axes[0]!], [axes[1]!], axes] : axes.length ? [[], axes] : [[]];
  return subsets.flatMap((left) =>
    subsets
      .filter((right) => axes.every((axis) => left.includes(axis) || right.includes(axis)))
      .map((right): [Axes, Axes] => [left, right]),
  );
};

const pair = <T>(axes: Axes, of: (axes: Axes) => fc.Arbitrary<T>): fc.Arbitrary<[T, T]> =>
  fc.constantFrom(...parts(axes)).chain(([left, right]) => fc.tuple(of(left), of(right)));

const textOf = (axes: Axes) => leaf(axes, 'reason');
const idOf = (axes: Axes) => leaf(axes, 'category');

/** An expression that is a number along `axes`. */
function numberExpression(axes: Axes, depth: number): fc.Arbitrary<Expression> {
  const raw = (of: Axes) => leaf(of, 'ended', 'score');
  if (depth <= 0 && axes.length < 2) return raw(axes);
  const deeper = (of: Axes = axes) => numberExpression(of, depth - 1);
  const operands = depth > 0 ? pair(axes, deeper) : fc.tuple(raw([axes[0]!]), raw([axes[1]!]));
  const difference = operands.map(([of, minus]): Expression => ({ op: 'difference', of, minus }));
  if (depth <= 0) return difference;
  const unary = (f: (of: Expression) => Expression) => deeper().map(f);
  const known = fc.oneof(deeper(), ...(axes.length > 1 ? [] : [textOf(axes), idOf(axes)]));
  return fc.oneof(
    ...(axes.length > 1 ? [] : [raw(axes)]),
    difference,
    unary((of) => ({ op: 'log1p', of })),
    unary((of) => ({ op: 'logit', of })),
    known.map((of): Expression => ({ op: 'known', of })),
    fc
      .tuple(deeper(), finite, finite)
      .map(
        ([of, a, b]): Expression => ({ op: 'clip', of, low: Math.min(a, b), high: Math.max(a, b) }),
      ),
    fc.tuple(deeper(), finite, finite, finite).map(
      ([of, mean, std, missing]): Expression => ({
        ...{ op: 'standardise', of, mean, missing },
        std: std === 0 ? 1 : Math.abs(std),
      }),
    ),
    fc
      .tuple(operands, finite)
      .map(([[of, by], smoothing]): Expression => ({ op: 'ratio', of, by, smoothing })),
    ...(axes.join() === 'candidate' ? [unary((of) => ({ op: 'relative', of }))] : []),
  );
}

/** An expression that is a category along `axes`. */
function categoryExpression(axes: Axes, depth: number): fc.Arbitrary<Expression> {
  const bucketise = fc
    .tuple(numberExpression(axes, depth - 1), boundaries)
    .map(([of, b]): Expression => ({ op: 'bucketise', of, boundaries: b }));
  const decay = fc
    .tuple(numberExpression(axes, depth - 1), boundaries)
    .map(([ended, b]): Expression => ({ op: 'decay', ended, boundaries: b }));
  const cross = pair(axes, (of) => categoryExpression(of, depth - 1)).map(
    ([left, right]): Expression => ({ op: 'cross', left, right }),
  );
  const numeric = [bucketise, decay, ...(depth > 0 ? [cross] : [])];
  if (axes.length > 1) return fc.oneof(...numeric);
  return fc.oneof(
    ...numeric,
    fc.tuple(textOf(axes), values).map(([of, v]): Expression => ({ op: 'one_hot', of, values: v })),
    fc
      .tuple(idOf(axes), fc.constantFrom('category', 'none'))
      .map(([of, table]): Expression => ({ op: 'id', of, table })),
    fc
      .tuple(fc.oneof(textOf(axes), idOf(axes)), values, fc.integer({ min: 1, max: 1000 }))
      .map(([of, v, buckets]): Expression => ({ op: 'hash', of, values: v, buckets })),
  );
}

const literal = (value: RawValue): string =>
  value === null
    ? 'null'
    : typeof value === 'string'
      ? sqlText(value)
      : `'${Object.is(value, -0) ? '-0' : value}'::double`;

/** The same raw values as a relation: one row per moment. */
function relation(rows: readonly RawValues[]): string {
  const columns = Object.entries(NAMES.sources).map(([name, { type, axis }]) => {
    const sql = type === 'number' ? 'double' : 'varchar';
    const cell = (row: RawValues) => {
      const value = row[name] as RawValue | RawValue[];
      return Array.isArray(value)
        ? `[${value.map(literal).join(', ')}]::${sql}[]`
        : `${literal(value)}::${sql}`;
    };
    return { name: `"${name}"`, cells: rows.map(cell), axis };
  });
  const values = rows.map((_, i) => `(${i}, ${columns.map(({ cells }) => cells[i]).join(', ')})`);
  return `(values ${values.join(', ')}) as raw(i, ${columns.map(({ name }) => name).join(', ')})`;
}

const inSql = async (expression: Expression, rows: readonly RawValues[]): Promise<number[][]> => {
  const sql = compileFeature(expression, NAMES, (name) => ({ sql: `"${name}"`, finite: false }));
  const found = await db.rows<{ v: unknown }>(
    `select ${sql} as v from ${relation(rows)} order by i`,
  );
  return found.map(({ v }) =>
    [v].flat(2).map((value) => (value === null ? Number.NaN : (value as number))),
  );
};

const onDevice = (expression: Expression, rows: readonly RawValues[]): number[][] => {
  const evaluate = evaluator(expression, NAMES);
  return rows.map((raw) => [...evaluate(new Frame(raw)).values]);
};

const rows = fc.array(rawValues, { minLength: 1, maxLength: 5 });
const axes = fc.constantFrom(...ALL_AXES);

describe('DuckDB and the device, on random declarations and values', () => {
  it('give equal indexes', { timeout: 120_000 }, async () => {
    const declared = axes.chain((of) => categoryExpression(of, 2));
    await fc.assert(
      fc.asyncProperty(declared, rows, async (expression, raw) => {
        const { size } = typeOf(expression, NAMES);
        const expected = onDevice(expression, raw);
        expect(await inSql(expression, raw)).toEqual(expected);
        for (const index of expected.flat()) expect(index >= 0 && index < size).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('give numbers with equal bits', { timeout: 120_000 }, async () => {
    const declared = axes.chain((of) => numberExpression(of, 3));
    await fc.assert(
      fc.asyncProperty(declared, rows, async (expression, raw) => {
        const [sql, device] = [await inSql(expression, raw), onDevice(expression, raw)];
        // toEqual tells −0 from 0, so that float64 bits are compared.
        expect(sql).toEqual(device);
        if (!typeOf(expression, NAMES).always) return;
        for (const value of device.flat()) expect(Number.isFinite(value)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
