/** Composite operations as the ordinary ones that compute the same, for targets without them. */
import type { GraphBuilder } from './builder.ts';
import {
  GRU_INPUT,
  type GruMatrices,
  type GruNode,
  gruMatrices,
  withPaddingColumn,
} from './gru.ts';
import { at, type Graph, type Node, type Shape, type ValueId, valueById } from './ir.ts';
import { optimise, standardRules } from './optimise.ts';
import type { Rule } from './rules/rule.ts';

/** What the steps of a recurrence read: all of them first, or one at a time. */
export interface GruSteps {
  /** [B, T, 3H]: the inputs' share of reset gates, update gates and candidate. */
  series: ValueId;
  /** [B, T], bool when it is a choice; absent where the series itself closes the padded steps. */
  mask?: ValueId;
}

/**
 * The inputs' share of all steps, in one product. A mask of 0 and 1 can go in here, as a column of
 * the input, or stay a choice in every step: `padding` says which.
 */
export function projectInputs(
  builder: GraphBuilder,
  node: GruNode,
  padding: 'column' | 'choice',
): { steps: GruSteps; matrices: GruMatrices } {
  const constant = (shape: readonly number[], data: Float32Array): ValueId =>
    builder.constant({ shape, dtype: 'float32' }, data);
  const dense = (x: ValueId, { units, width, input, bias }: GruMatrices): ValueId =>
    builder.emit('dense', [x, constant([3 * units, width], input), constant([3 * units], bias)], {
      activation: 'none',
    });
  const matrices = gruMatrices(node.inputs.map((id) => builder.get(id)));
  const x = at(node.inputs, GRU_INPUT.x);
  const kind = node.attributes.mask;
  if (kind === 'none') return { steps: { series: dense(x, matrices) }, matrices };
  const mask = at(node.inputs, GRU_INPUT.mask);
  if (kind === 'choice' && padding === 'column') {
    const [batch, steps] = builder.shape(mask) as [number, number];
    const off = builder.emit('subtract', [builder.scalar(1), mask], {});
    const column = builder.reshape(off, [batch, steps, 1]);
    const wider = withPaddingColumn(matrices);
    const series = dense(builder.emit('concat', [x, column], { axis: 2 }), wider);
    return { steps: { series }, matrices: wider };
  }
  const chosen =
    kind === 'choice' ? builder.emit('greater', [mask, builder.scalar(0.5)], {}) : mask;
  return { steps: { series: dense(x, matrices), mask: chosen }, matrices };
}

/** The states after each step, [B, H] each. */
export function unrollSteps(
  builder: GraphBuilder,
  { series, mask }: GruSteps,
  h0: ValueId,
  { units, gates, candidate }: GruMatrices,
): ValueId[] {
  const batch = at(builder.shape(series), 0);
  const weight = (data: Float32Array): ValueId =>
    builder.constant({ shape: [data.length / units, units], dtype: 'float32' }, data);
  const zeros = (size: number): ValueId =>
    builder.constant({ shape: [size], dtype: 'float32' }, new Float32Array(size));
  const plain = (op: 'add' | 'subtract' | 'multiply', a: ValueId, b: ValueId): ValueId =>
    builder.emit(op, [a, b], {});
  const product = (x: ValueId, w: Float32Array): ValueId =>
    builder.emit('dense', [x, weight(w), zeros(w.length / units)], { activation: 'none' });
  const split = (x: ValueId, axis: number, sizes: number[]): readonly ValueId[] =>
    builder.emitAll({ op: 'split', attributes: { axis, sizes } }, [x]);
  const perStep = (x: ValueId): readonly ValueId[] =>
    builder.emitAll({ op: 'unpack', attributes: { axis: 1 } }, [x]);
  const masked = (m: ValueId, next: ValueId, h: ValueId): ValueId => {
    if (builder.get(m).dtype === 'bool') return builder.emit('select', [m, next, h], {});
    const kept = plain('multiply', h, plain('subtract', builder.scalar(1), m));
    return plain('add', plain('multiply', next, m), kept);
  };
  const parts = split(series, 2, [2 * units, units]);
  const [gateInputs, candidateInputs] = parts.map(perStep) as [ValueId[], ValueId[]];
  const masks = mask === undefined ? [] : perStep(mask);
  const states: ValueId[] = [];
  let h = h0;
  for (const [t, input] of gateInputs.entries()) {
    const both = builder.emit('sigmoid', [plain('add', input, product(h, gates))], {});
    const [r, u] = split(both, 1, [units, units]) as [ValueId, ValueId];
    const reset = product(plain('multiply', r, h), candidate);
    const c = builder.emit('tanh', [plain('add', at(candidateInputs, t), reset)], {});
    const fresh = plain('multiply', plain('subtract', builder.scalar(1), u), c);
    const next = plain('add', plain('multiply', u, h), fresh);
    const m = masks[t];
    h = m === undefined ? next : masked(builder.reshape(m, [batch, 1]), next, h);
    states.push(h);
  }
  return states;
}

const gruStates = (builder: GraphBuilder, { inputs }: GruNode): Shape => {
  const [batch, steps] = builder.shape(at(inputs, GRU_INPUT.x)) as [number, number];
  return [batch, steps, at(builder.shape(at(inputs, GRU_INPUT.h0)), 1)];
};

export interface ExpandOptions {
  /** Which recurrences are expanded; `states` is [B, T, H]. @default all */
  only?: (node: GruNode, states: Shape) => boolean;
  /**
   * Where a mask of 0 and 1 goes: into the inputs as a column, which leaves the steps without it, or
   * into every step as a choice, which keeps padding out of quantised ranges.
   * @default 'choice'
   */
  padding?: 'column' | 'choice';
}

/**
 * An equal graph without composite operations, its rewrite rules applied; the graph itself when it
 * has none. Equal graphs and options give equal graphs, value by value.
 */
export function expandComposites(graph: Graph, options: ExpandOptions = {}): Graph {
  const { only = () => true, padding = 'choice' } = options;
  const isChosen = (node: Node): boolean =>
    node.op === 'gru' && only(node, valueById(graph, at(node.outputs, 0)).shape);
  if (!graph.nodes.some(isChosen)) return graph;
  const expandGru: Rule = (node, { builder }) => {
    if (node.op !== 'gru' || !only(node, gruStates(builder, node))) return undefined;
    const { steps, matrices } = projectInputs(builder, node, padding);
    const states = unrollSteps(builder, steps, at(node.inputs, GRU_INPUT.h0), matrices);
    return [builder.emit('pack', states, { axis: 1 })];
  };
  return optimise(graph, [expandGru, ...standardRules]);
}
