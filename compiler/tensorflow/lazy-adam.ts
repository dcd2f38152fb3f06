/**
 * Adam for tables of which a step touches few rows, at the cost of those rows. A row that no batch
 * names still moves under dense Adam: its moments fade and what is left of m carries it on. Here that
 * is made up for when the row is read next, in closed form: after Δ steps without a gradient
 *
 *   m ← β₁^Δ m    v ← β₂^Δ v    w ← (1 − lr·decay)^Δ w − lr(s) c(s) m/(√v + ε') Σ_{k=1…Δ} ρ^k,  ρ = β₁/√β₂
 *   c(s) = √(1 − β₂^s) / (1 − β₁^s),   Σ ρ^k = ρ (1 − ρ^Δ) / (1 − ρ)
 *
 * with the rate and the bias corrections of one step s in the middle of those that count, and the mean
 * rate of all Δ in the decay. So the result follows dense Adam closely, unlike optimisers (tfa.LazyAdam, torch.SparseAdam) that let absent rows rest.
 */

import { BETA1, BETA2, EPSILON, type StepScalars } from './adam.ts';
import { NodeArithmetic } from './arithmetic.ts';
import type { LazyNames } from './lazy-tables.ts';
import { boolAttr, intAttr, type NodeDefs, type TfVariable, typeAttr } from './node-defs.ts';

export interface LazySlots {
  weight: TfVariable;
  /**
   * [rows, 2D + 1] for a table of [rows, …D numbers]: m, v, and the step up to which the row is up to
   * date. Side by side, because in a large table each variable costs another miss of the cache a row.
   */
  moments: TfVariable;
}

interface Rows {
  weight: string;
  m: string;
  v: string;
}

const FLOAT = { T: typeAttr('float32') };
const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** The variable of a table's moments. */
export const momentsOf = (defs: NodeDefs, name: string, { shape }: TfVariable): TfVariable =>
  defs.variable(name, 'float32', [shape[0]!, 2 * sizeOf(shape.slice(1)) + 1]);

/** Reshaped so that rows have the given inner shape; nothing where they are vectors. */
function rowsAs(defs: NodeDefs, node: string, name: string, inner: readonly number[]): string {
  return defs.add(name, 'Reshape', [node, defs.ints([-1, ...inner])], {
    ...FLOAT,
    Tshape: typeAttr('int32'),
  });
}

/** Rows of moments as m and v in the table's shape, and the step as a column. */
export function unpackMoments(
  defs: NodeDefs,
  scope: string,
  { weight: { shape } }: LazySlots,
  rows: string,
): { m: string; v: string; last: string } {
  const inner = shape.slice(1);
  const width = sizeOf(inner);
  const parts = defs.add(
    `${scope}/parts`,
    'SplitV',
    [rows, defs.ints([width, width, 1]), defs.int(1)],
    { ...FLOAT, Tlen: typeAttr('int32'), num_split: intAttr(3) },
  );
  const [m, v, last] = [parts, `${parts}:1`, `${parts}:2`] as const;
  if (inner.length === 1) return { m, v, last };
  return {
    m: rowsAs(defs, m, `${scope}/m`, inner),
    v: rowsAs(defs, v, `${scope}/v`, inner),
    last,
  };
}

/** The inverse. @param last the step of all rows, a scalar */
export function packMoments(
  defs: NodeDefs,
  scope: string,
  { weight: { shape } }: LazySlots,
  { m, v, last }: { m: string; v: string; last: string },
): string {
  const inner = shape.slice(1);
  const flat = (node: string, name: string) =>
    inner.length === 1 ? node : rowsAs(defs, node, `${scope}/flat_${name}`, [sizeOf(inner)]);
  const [flatM, flatV] = [flat(m, 'm'), flat(v, 'v')];
  const column = defs.add(
    `${scope}/column`,
    'Slice',
    [flatM, defs.ints([0, 0]), defs.ints([-1, 1])],
    {
      ...FLOAT,
      Index: typeAttr('int32'),
    },
  );
  const filled = defs.add(
    `${scope}/steps`,
    'Fill',
    [
      defs.add(`${scope}/sizes`, 'Shape', [column], { ...FLOAT, out_type: typeAttr('int32') }),
      last,
    ],
    { T: typeAttr('float32'), index_type: typeAttr('int32') },
  );
  return defs.add(`${scope}/packed`, 'ConcatV2', [flatM, flatV, filled, defs.int(1)], {
    ...FLOAT,
    Tidx: typeAttr('int32'),
    N: intAttr(3),
  });
}

const RHO = BETA1 / Math.sqrt(BETA2);
/** Steps after which what is left of Σ ρ^k weighs little: the middle of these stands for all. */
const MOVING_STEPS = 18;

/** Brings rows from step `last` to step `now`. `last` has one entry per row. */
function broughtUp(
  f: NodeArithmetic,
  rows: Rows,
  rank: number,
  last: string,
  now: string,
  { rateAt, keptBetween }: Pick<StepScalars, 'rateAt' | 'keptBetween'>,
): Rows {
  const one = f.number(1);
  const gap = f.column(f.sub(now, last), rank);
  const start = f.column(last, rank);
  const moving = f.min(gap, f.number(MOVING_STEPS));
  const middle = f.add(start, f.mul(f.number(0.5), f.add(one, moving)));
  const root = f.sqrt(f.sub(one, f.pow(f.number(BETA2), middle)));
  const correction = f.div(root, f.sub(one, f.pow(f.number(BETA1), middle)));
  const series = f.mul(f.number(RHO / (1 - RHO)), f.sub(one, f.pow(f.number(RHO), gap)));
  const size = f.mul(rateAt(f, middle), f.mul(correction, series));
  const direction = f.div(rows.m, f.add(f.sqrt(rows.v), f.mul(f.number(EPSILON), root)));
  const move = f.mul(direction, size);
  // Rows move at first, and what they have moved by then decays like the rest.
  const moved = f.add(start, f.min(gap, f.number(MOVING_STEPS / 2)));
  const end = f.add(start, gap);
  const kept = keptBetween(f, start, end);
  return {
    weight:
      kept === undefined
        ? f.sub(rows.weight, move)
        : f.sub(f.mul(rows.weight, kept), f.mul(move, keptBetween(f, moved, end)!)),
    m: f.mul(rows.m, f.pow(f.number(BETA1), gap)),
    v: f.mul(rows.v, f.pow(f.number(BETA2), gap)),
  };
}

/** The rows of this step: which they are and their state. */
export interface LazyRows {
  slots: LazySlots;
  unique: string;
  rows: Rows;
}

/**
 * Nodes that find the rows a batch names and bring them up to date, under the names that the graph
 * expects.
 * @param indices nodes of the index tensors, in the order of `names.positions`
 */
export function lazyRows(
  defs: NodeDefs,
  scope: string,
  slots: LazySlots,
  indices: readonly string[],
  names: LazyNames,
  scalars: StepScalars,
): LazyRows {
  const int = { T: typeAttr('int32') };
  const node = (name: string, op: string, inputs: string[], attributes = {}) =>
    defs.add(`${scope}/${name}`, op, inputs, { ...int, ...attributes });
  const flat = indices.map((index, k) =>
    node(`flat_${k}`, 'Reshape', [index, defs.ints([-1])], { Tshape: typeAttr('int32') }),
  );
  const all =
    flat.length === 1
      ? flat[0]!
      : node('all', 'ConcatV2', [...flat, defs.int(0)], {
          N: intAttr(flat.length),
          Tidx: typeAttr('int32'),
        });
  const unique = node('unique', 'Unique', [all], { out_idx: typeAttr('int32') });
  defs.add(names.count, 'Size', [unique], { ...int, out_type: typeAttr('int32') });
  const sizes = flat.map((from, k) =>
    node(`size_${k}`, 'Size', [from], { out_type: typeAttr('int32') }),
  );
  const packed = node('sizes', 'Pack', sizes, { N: intAttr(sizes.length), axis: intAttr(0) });
  defs.add(names.positions[0]!.replace(/:0$/, ''), 'SplitV', [`${unique}:1`, packed, defs.int(0)], {
    ...int,
    Tlen: typeAttr('int32'),
    num_split: intAttr(flat.length),
  });
  const gather = (variable: TfVariable) =>
    defs.add(`${scope}/gather/${variable.name}`, 'ResourceGather', [variable.name, unique], {
      dtype: typeAttr('float32'),
      Tindices: typeAttr('int32'),
      batch_dims: intAttr(0),
      validate_indices: boolAttr(true),
    });
  const { weight, moments } = slots;
  const f = new NodeArithmetic(defs, scope, 'float32');
  const rank = weight.shape.length;
  const { last, ...stored } = unpackMoments(defs, scope, slots, gather(moments));
  const old = { weight: gather(weight), ...stored };
  const rows = broughtUp(f, old, rank, last, scalars.before, scalars);
  defs.add(names.rows, 'Identity', [rows.weight], { T: typeAttr('float32') });
  return { slots, unique, rows };
}

/** This step's update of the rows. @returns the writes */
export function lazyUpdate(
  defs: NodeDefs,
  scope: string,
  { slots, unique, rows }: LazyRows,
  gradient: string,
  scalars: StepScalars,
  barrier: string,
): string[] {
  const f = new NodeArithmetic(defs, scope, 'float32');
  const mixed = (old: string, beta: number, addend: string) =>
    f.add(f.mul(old, f.number(beta)), f.mul(addend, f.number(1 - beta)));
  const m = mixed(rows.m, BETA1, gradient);
  const v = mixed(rows.v, BETA2, f.square(gradient));
  const direction = f.div(m, f.add(f.sqrt(v), scalars.combinedEpsilon));
  const old = scalars.kept === undefined ? rows.weight : f.mul(rows.weight, scalars.kept);
  const weight = f.sub(old, f.mul(direction, scalars.combinedRate));
  const scatter = (variable: TfVariable, values: string) =>
    defs.add(
      `${scope}/scatter/${variable.name}`,
      'ResourceScatterUpdate',
      [variable.name, unique, values, barrier],
      { dtype: typeAttr('float32'), Tindices: typeAttr('int32') },
    );
  const packed = packMoments(defs, scope, slots, { m, v, last: scalars.step });
  return [scatter(slots.weight, weight), scatter(slots.moments, packed)];
}

/** Brings whole tables up to date. @returns the writes */
export function settleTable(
  defs: NodeDefs,
  scope: string,
  slots: LazySlots,
  scalars: StepScalars,
): string[] {
  const f = new NodeArithmetic(defs, scope, 'float32');
  const { weight, moments } = slots;
  const { last, ...stored } = unpackMoments(defs, scope, slots, defs.read(moments));
  const old = { weight: defs.read(weight), ...stored };
  const now = broughtUp(f, old, weight.shape.length, last, scalars.before, scalars);
  const packed = packMoments(defs, scope, slots, { ...now, last: scalars.before });
  const after = [`^${now.weight}`, `^${packed}`];
  return [
    defs.write(`${scope}/write/${weight.name}`, weight, now.weight, after),
    defs.write(`${scope}/write/${moments.name}`, moments, packed, after),
  ];
}
