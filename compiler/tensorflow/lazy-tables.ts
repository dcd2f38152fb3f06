/**
 * Finds tables of which a step reads and changes only some rows, and rewrites the graph so that it
 * works on those rows alone: gathers take them from a small matrix, the gradient has a row for each.
 * The nodes around the graph (lazy-adam.ts) provide that matrix.
 */
import type { Port, ValueId } from '../graph/ir.ts';
import { TfBuilder } from './builder.ts';
import { gatheredWeight } from './emit.ts';
import type { TfGraph, TfNode, TfValue } from './ir.ts';

/** Names of the nodes that provide what a table's part of the graph needs. */
export interface LazyNames {
  /** [U, …] the rows that the step reads, up to date. */
  rows: string;
  /** U, int32. */
  count: string;
  /** Row of each index, flat, one node per root. */
  positions: string[];
}

export interface LazyTable {
  weight: string;
  /** Inputs whose numbers are rows of the table, each named once. */
  inputs: string[];
  names: LazyNames;
}

export const gradientName = (weight: string): string => `gradient/${weight}`;

interface Plan extends LazyTable {
  roots: ValueId[];
  leaves: Map<ValueId, TfNode>;
}

/**
 * @param graph outputs `gradient/<weight>` for each of `weights`, a table's gradient dense
 * @returns the graph with the gradients of lazy tables per row, and those tables; tables that are used
 *   otherwise than by gathering rows, or whose gradient is no sum over rows, stay as they are
 */
export function lazyTables(
  graph: TfGraph,
  weights: readonly string[],
  scope: string,
): { graph: TfGraph; tables: LazyTable[] } {
  const producers = new Map<ValueId, TfNode>();
  for (const node of graph.nodes) for (const id of node.outputs) producers.set(id, node);
  const plans = weights.flatMap(
    (weight, i) => planOf(graph, producers, weight, `${scope}/lazy/${i}`) ?? [],
  );
  if (plans.length === 0) return { graph, tables: [] };
  return { graph: rewriteTables(graph, plans, producers), tables: plans };
}

/** Indexes before they were reshaped. */
function rootOf(producers: ReadonlyMap<ValueId, TfNode>, id: ValueId): ValueId {
  const node = producers.get(id);
  return node?.op === 'Reshape' ? rootOf(producers, node.inputs[0]!) : id;
}

/** The sums of rows whose sum a gradient is; undefined when it is something else. */
function rowSums(
  producers: ReadonlyMap<ValueId, TfNode>,
  id: ValueId,
): [ValueId, TfNode][] | undefined {
  const node = producers.get(id);
  if (!node) return undefined;
  if (node.op === 'UnsortedSegmentSum') return [[id, node]];
  if (!['Add', 'AddV2', 'AddN'].includes(node.op)) return undefined;
  const parts = node.inputs.map((input) => rowSums(producers, input));
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

function planOf(
  graph: TfGraph,
  producers: ReadonlyMap<ValueId, TfNode>,
  weight: string,
  scope: string,
): Plan | undefined {
  const table = graph.values.find((value) => value.weight === weight);
  const gradient = graph.outputs.find(({ name }) => name === gradientName(weight));
  if (!table || !gradient || table.shape.length < 2) return undefined;
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(table.id));
  if (!readers.every((node) => gatheredWeight(graph, node) === weight)) return undefined;
  const leaves = rowSums(producers, gradient.value);
  if (!leaves) return undefined;
  const roots = [...new Set(readers.map(({ inputs }) => rootOf(producers, inputs[1]!)))];
  const known = leaves.every(([, { inputs }]) => roots.includes(rootOf(producers, inputs[1]!)));
  const inputs = roots.map((root) => graph.inputs.find(({ value }) => value === root)?.name);
  // Rows must be known before anything is computed: indexes are inputs, reshaped at most.
  if (!known || !inputs.every((name) => name !== undefined)) return undefined;
  const names = {
    rows: `${scope}/rows`,
    count: `${scope}/count`,
    positions: roots.map((_, k) => `${scope}/positions:${k}`),
  };
  return { weight, inputs, roots, names, leaves: new Map(leaves) };
}

const RESHAPE = { T: { dtype: 'int32' }, Tshape: { dtype: 'int32' } } as const;

function rewriteTables(
  graph: TfGraph,
  plans: readonly Plan[],
  producers: ReadonlyMap<ValueId, TfNode>,
): TfGraph {
  const builder = new TfBuilder(graph.name);
  const ids = new Map<ValueId, ValueId>();
  const keep = (id: ValueId): ValueId => {
    let made = ids.get(id);
    if (made === undefined) {
      made = builder.take(graph.values[id]!);
      ids.set(id, made);
    }
    return made;
  };
  const provided = (node: string, like: Pick<TfValue, 'dtype' | 'shape'>): ValueId => {
    const known = ids.get(key(node));
    if (known !== undefined) return known;
    const made = builder.take({ id: -1, name: node, provided: node, ...like });
    ids.set(key(node), made);
    return made;
  };
  // Provided values have no id in the old graph: negative numbers stand for them.
  const keys = new Map<string, number>();
  const key = (node: string): number => {
    if (!keys.has(node)) keys.set(node, -1 - keys.size);
    return keys.get(node)!;
  };
  const positionsOf = (plan: Plan, indices: ValueId): ValueId => {
    const place = plan.roots.indexOf(rootOf(producers, indices));
    const flat = provided(plan.names.positions[place]!, { dtype: 'int32', shape: [{ rows: 1 }] });
    const { shape } = graph.values[indices]!;
    const type = { dtype: 'int32', shape } as const;
    return builder.emit('Reshape', RESHAPE, [flat, builder.sizes(shape)], [type])[0]!;
  };
  const inputs = graph.inputs.map(({ name, value }): Port => ({ name, value: keep(value) }));
  for (const node of graph.nodes) {
    const types = node.outputs.map((id) => graph.values[id]!);
    const gathered = plans.find(({ weight }) => gatheredWeight(graph, node) === weight);
    const summed = plans.find(({ leaves }) => leaves.has(node.outputs[0]!));
    let operands = node.inputs.map(keep);
    if (gathered) {
      const width = graph.values[node.inputs[0]!]!.shape.slice(1);
      const rows = provided(gathered.names.rows, {
        dtype: 'float32',
        shape: [{ rows: 1 }, ...width],
      });
      operands = [rows, positionsOf(gathered, node.inputs[1]!), operands[2]!];
    } else if (summed) {
      const count = provided(summed.names.count, { dtype: 'int32', shape: [] });
      operands = [operands[0]!, positionsOf(summed, node.inputs[1]!), count];
    }
    const made = builder.emit(node.op, node.attributes, operands, types);
    node.outputs.forEach((id, i) => {
      ids.set(id, made[i]!);
    });
  }
  const outputs = graph.outputs.map(({ name, value }): Port => ({ name, value: keep(value) }));
  return builder.finish(inputs, outputs);
}
