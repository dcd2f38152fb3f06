/**
 * Which int8 parameters every value gets. Operations that move data keep their input's parameters;
 * operations that join values (concat, pack, select, maximum) want one set for all: values are put
 * in groups of equal parameters, so that as few requantisations as possible are left.
 */

import { EdgeloomError } from '../../lib/errors.ts';
import type { Calibration, Range } from '../graph/calibrate.ts';
import { expandComposites } from '../graph/expand.ts';
import { fingerprint } from '../graph/fingerprint.ts';
import {
  at,
  type Graph,
  type Node,
  type OpName,
  type Quantization,
  type ValueId,
  valueById,
} from '../graph/ir.ts';
import { keyOf } from '../graph/key.ts';
import { forRange, sameQuantization, TANH_OUTPUT, UNIT_OUTPUT } from './quantize.ts';

const fixedOutputs: Partial<Record<OpName, Quantization>> = {
  softmax: UNIT_OUTPUT,
  sigmoid: UNIT_OUTPUT,
  tanh: TANH_OUTPUT,
};

/** The kernels copy bytes: input 0 and the outputs have the same parameters. */
const moving = new Set<OpName>([
  'identity',
  'reshape',
  'transpose',
  'broadcast',
  'tile',
  'unpack',
  'split',
  'slice',
  'stridedSlice',
  'reverse',
  'gather',
  'max',
  'min',
]);

/** All data inputs and the output have the same parameters. */
const joining = new Set<OpName>(['concat', 'pack', 'select', 'maximum', 'minimum', 'pad']);

const computing = new Set<OpName>([
  'add',
  'subtract',
  'multiply',
  'matmul',
  'dense',
  'softmax',
  'sigmoid',
  'tanh',
  'relu',
  'negate',
  'square',
  'sum',
  'mean',
]);

/** Logits below the smallest real score at which int8 puts a masked one: e^−8 is 0 in 1/256 steps. */
const MASK_MARGIN = 8;

const preciseValues = new WeakMap<Graph, ReadonlySet<ValueId>>();

/**
 * Divisors and what logarithms and inverse roots read, through operations that only move it. Int8
 * rounds an ε that keeps them off 0 to 0.
 */
function readPrecisely(graph: Graph): ReadonlySet<ValueId> {
  const known = preciseValues.get(graph);
  if (known) return known;
  const precise = new Set<ValueId>();
  for (const node of graph.nodes.toReversed()) {
    if (node.op === 'divide') precise.add(at(node.inputs, 1));
    if (node.op === 'log' || node.op === 'rsqrt') precise.add(at(node.inputs, 0));
    if (moving.has(node.op) && node.outputs.some((id) => precise.has(id))) {
      precise.add(at(node.inputs, 0));
    }
  }
  preciseValues.set(graph, precise);
  return precise;
}

/** True when the node runs on int8 in every runtime since 2.14; others run in float32 in between. */
export function runsInInt8(graph: Graph, node: Node): boolean {
  if (node.outputs.some((id) => readPrecisely(graph).has(id))) return false;
  if (node.outputs.some((id) => valueById(graph, id).dtype !== 'float32')) return false;
  return moving.has(node.op) || joining.has(node.op) || computing.has(node.op);
}

/** True when all data inputs of the node are read in its output's parameters. */
export const sharesParameters = (op: OpName): boolean => moving.has(op) || joining.has(op);

/** The inputs that hold data, without conditions and indices. */
export function dataInputs(node: Node): readonly ValueId[] {
  if (node.op === 'select') return node.inputs.slice(1);
  return moving.has(node.op) ? node.inputs.slice(0, 1) : node.inputs;
}

class Groups {
  readonly #parent: number[];
  readonly #fixed = new Map<number, Quantization>();

  constructor(size: number) {
    this.#parent = Array.from({ length: size }, (_, i) => i);
  }

  root(id: ValueId): number {
    let root = id;
    while (this.#parent[root] !== root) root = at(this.#parent, root);
    this.#parent[id] = root;
    return root;
  }

  fixed(id: ValueId): Quantization | undefined {
    return this.#fixed.get(this.root(id));
  }

  fix(id: ValueId, quantization: Quantization): void {
    this.#fixed.set(this.root(id), quantization);
  }

  /** Puts both in one group, unless their fixed parameters differ. */
  join(a: ValueId, b: ValueId): void {
    const [x, y] = [this.root(a), this.root(b)];
    const [fixedX, fixedY] = [this.#fixed.get(x), this.#fixed.get(y)];
    if (x === y || (fixedX && fixedY && !sameQuantization(fixedX, fixedY))) return;
    this.#parent[y] = x;
    const fixed = fixedX ?? fixedY;
    if (fixed) this.#fixed.set(x, fixed);
  }
}

/** The scores and the fill of `select(mask, scores, fill)` with a constant fill. */
function maskedScores(
  graph: Graph,
  node: Node | undefined,
): { scores: ValueId; fill: number } | undefined {
  if (node?.op !== 'select') return undefined;
  const [, yes, no] = node.inputs as [ValueId, ValueId, ValueId];
  for (const [scores, other] of [
    [yes, no],
    [no, yes],
  ] as const) {
    const { data } = valueById(graph, other);
    const fill = data?.[0];
    if (data && fill !== undefined && data.every((x) => x === fill)) return { scores, fill };
  }
  return undefined;
}

/**
 * Ranges of what softmaxes read, without the fill of masks: int8 has 256 steps, and a fill of −20 or
 * −10⁹ must not take them from the real scores. It saturates at −128 instead.
 */
function maskedRanges(graph: Graph, ranges: ReadonlyMap<ValueId, Range>): Map<ValueId, Range> {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((id) => [id, node])));
  const found = new Map<ValueId, Range>();
  for (const node of graph.nodes) {
    if (node.op !== 'softmax') continue;
    const path: ValueId[] = [];
    let id = at(node.inputs, 0);
    let producer = producers.get(id);
    path.push(id);
    while (producer && moving.has(producer.op)) {
      id = at(producer.inputs, 0);
      producer = producers.get(id);
      path.push(id);
    }
    const masked = maskedScores(graph, producer);
    const real = masked && ranges.get(masked.scores);
    if (!masked || !real) continue;
    const min = Math.max(Math.min(masked.fill, real.min), real.min - MASK_MARGIN);
    for (const value of path) found.set(value, { min, max: real.max });
  }
  return found;
}

/** What a gather from a constant table may ever read, not only what the calibration rows read. */
function tableRanges(graph: Graph): Map<ValueId, Range> {
  const found = new Map<ValueId, Range>();
  for (const node of graph.nodes) {
    const { data } = valueById(graph, at(node.inputs, 0));
    if (node.op !== 'gather' || !data) continue;
    let [min, max] = [0, 0];
    for (const x of data) [min, max] = [Math.min(min, x), Math.max(max, x)];
    found.set(at(node.outputs, 0), { min, max });
  }
  return found;
}

function formGroups(graph: Graph): Groups {
  const groups = new Groups(graph.values.length);
  const uses = new Map<ValueId, number>();
  const int8 = graph.nodes.filter((node) => runsInInt8(graph, node));
  for (const node of graph.nodes) {
    for (const id of node.inputs) uses.set(id, (uses.get(id) ?? 0) + 1);
  }
  const isConstant = (id: ValueId): boolean => valueById(graph, id).data !== undefined;
  for (const node of int8) {
    const fixed = fixedOutputs[node.op];
    if (fixed) groups.fix(at(node.outputs, 0), fixed);
  }
  for (const node of int8) {
    const source = at(node.inputs, 0);
    if (!moving.has(node.op) || isConstant(source)) continue;
    for (const id of node.outputs) groups.join(source, id);
  }
  for (const node of int8) {
    if (!joining.has(node.op)) continue;
    const output = at(node.outputs, 0);
    for (const id of dataInputs(node)) {
      // The parts of a concatenation may differ much in size; one with other readers keeps its own.
      const shared = node.op === 'concat' && (uses.get(id) ?? 0) > 1;
      if (isConstant(id) || shared || groups.fixed(id) || groups.fixed(output)) continue;
      groups.join(id, output);
    }
  }
  joinAlike(graph, groups, int8);
  return groups;
}

/**
 * The steps of an unrolled recurrence: nodes with the same operation, attributes and weights whose
 * inputs are in the same groups give outputs of one group. Such values have one distribution, and
 * sharing their parameters saves a quantisation table, and a bias, per step.
 */
function joinAlike(graph: Graph, groups: Groups, nodes: readonly Node[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    const first = new Map<string, Node>();
    for (const node of nodes) {
      const inputs = node.inputs.map((id) =>
        valueById(graph, id).data ? `constant ${id}` : groups.root(id),
      );
      const key = keyOf([node.op, node.attributes, inputs]);
      const twin = first.get(key);
      if (!twin) {
        first.set(key, node);
        continue;
      }
      node.outputs.forEach((id, i) => {
        const other = at(twin.outputs, i);
        if (groups.root(id) === groups.root(other)) return;
        groups.join(other, id);
        changed ||= groups.root(id) === groups.root(other);
      });
    }
  }
}

const needsCalibration = ({ name }: Graph, what: string): EdgeloomError =>
  new EdgeloomError({
    code: 'needs-calibration',
    what,
    where: `graph ${name}`,
    fix: 'pass calibration: calibrate(graph, rows) of this graph, with some hundred rows of training data',
  });

export type QuantizationPlan = ReadonlyMap<ValueId, Quantization>;

/**
 * Parameters of every float32 value that is not constant.
 * @throws EdgeloomError `needs-calibration` when there is none, as callers without types may forget
 *   it, and for that of another graph
 */
export function planQuantization(
  graph: Graph,
  calibration: Calibration | undefined,
): QuantizationPlan {
  if (!calibration) throw needsCalibration(graph, 'The profile int8 needs a calibration');
  if (calibration.graph !== fingerprint(graph)) {
    throw needsCalibration(graph, 'The calibration is of another graph');
  }
  const { ranges } = calibration;
  const groups = formGroups(graph);
  const special = new Map([...tableRanges(graph), ...maskedRanges(graph, ranges)]);
  const unions = new Map<number, Range>();
  const rangeOf = (id: ValueId): Range | undefined => special.get(id) ?? ranges.get(id);
  const variable = graph.values.filter((value) => value.dtype === 'float32' && !value.data);
  for (const { id } of variable) {
    const range = rangeOf(id);
    if (!range) continue;
    const root = groups.root(id);
    const known = unions.get(root) ?? range;
    unions.set(root, {
      min: Math.min(known.min, range.min),
      max: Math.max(known.max, range.max),
    });
  }
  const plan = new Map<ValueId, Quantization>();
  for (const { id } of variable) {
    const range = unions.get(groups.root(id));
    const quantization = groups.fixed(id) ?? (range && forRange(range));
    if (quantization) plan.set(id, quantization);
  }
  return plan;
}

/** The graph as int8 files have it: without composite operations, its values with parameters. */
export function quantizeGraph(recorded: Graph, calibration: Calibration): Graph {
  const graph = expandComposites(recorded);
  const plan = planQuantization(graph, calibration);
  const values = graph.values.map((value) => {
    const quantization = plan.get(value.id);
    return quantization ? { ...value, quantization } : value;
  });
  return { ...graph, values };
}
