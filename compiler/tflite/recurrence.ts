/**
 * A recurrence as a WHILE: the file holds the operators of a few steps once, not of all of them.
 *
 *     main       series = the inputs' share of all steps, in one product; S steps a row
 *                WHILE (turn, h, series, states)
 *     condition  turn < turns
 *     body       S steps over series[turn] → h, states[turn]; turn + 1
 */
import { GraphBuilder } from '../graph/builder.ts';
import { GRU_INPUT, type GruNode } from '../graph/gru.ts';
import { at, type Graph, valueById } from '../graph/ir.ts';
import { TfliteEmitter } from './emitter.ts';
import { type Loop, loopOf, resultGraph, seriesGraph, turnGraph } from './loop-graphs.ts';
import type { TfliteFunction } from './model.ts';

/** Writes a graph of ordinary operations. */
type Lower = (emit: TfliteEmitter, graph: Graph) => void;

const NO_PLAN = new Map<number, never>();

/** Writes a graph between tensors that exist already. */
function inline(
  emitter: TfliteEmitter,
  part: Graph,
  inputs: readonly number[],
  outputs: readonly number[],
  lower: Lower,
): void {
  lower(new TfliteEmitter(part, NO_PLAN, { into: { emitter, inputs, outputs } }), part);
}

interface Variables {
  turn: number;
  h: number;
  series: number;
  states: number;
}
const listed = ({ turn, h, series, states }: Variables): number[] => [turn, h, series, states];

/** An empty subgraph that takes the loop's variables. */
function subgraph({ batch, units, series, states }: Loop): {
  emit: TfliteEmitter;
  variables: Variables;
} {
  const builder = new GraphBuilder('loop');
  const float = (name: string, shape: readonly number[]): number =>
    builder.input(name, { shape, dtype: 'float32' });
  const ids = [
    builder.input('turn', { shape: [1], dtype: 'int32' }),
    float('h', [batch, units]),
    float('series', series),
    float('states', states),
  ];
  const emit = new TfliteEmitter(builder.finish([]), NO_PLAN);
  const [turn, h, rows, made] = ids.map((id) => emit.native(id)) as [
    number,
    number,
    number,
    number,
  ];
  return { emit, variables: { turn, h, series: rows, states: made } };
}

function finished(
  name: string,
  { tensors, operators }: TfliteEmitter,
  inputs: Variables,
  outputs: number[],
): TfliteFunction {
  return { name, tensors, operators, inputs: listed(inputs), outputs };
}

function conditionOf(loop: Loop): TfliteFunction {
  const { emit, variables } = subgraph(loop);
  const more = emit.temporary('BOOL', [1]);
  emit.operator('LESS', [variables.turn, emit.ints([loop.turns])], [more]);
  return finished('condition', emit, variables, [more]);
}

function bodyOf(loop: Loop, lower: Lower): TfliteFunction {
  const { batch, units, series, states } = loop;
  const { emit, variables } = subgraph(loop);
  const { turn, h } = variables;
  const row = emit.temporary('FLOAT32', [1, series[1]]);
  emit.operator('GATHER', [variables.series, turn], [row], { axis: 0, batchDims: 0 });
  const made = emit.temporary('FLOAT32', [1, states[1]]);
  const next = emit.temporary('FLOAT32', [batch, units]);
  inline(emit, turnGraph(loop), [row, h], [made, next], lower);
  const start = emit.temporary('INT32', [2]);
  emit.operator('CONCATENATION', [turn, emit.ints([0])], [start], { axis: 0 });
  const written = emit.temporary('FLOAT32', states);
  emit.operator('DYNAMIC_UPDATE_SLICE', [variables.states, made, start], [written]);
  const following = emit.temporary('INT32', [1]);
  emit.operator('ADD', [turn, emit.ints([1])], [following]);
  return finished('body', emit, variables, [following, next, variables.series, written]);
}

/** Writes a `gru` node in float32. */
export function lowerRecurrence(
  emit: TfliteEmitter,
  graph: Graph,
  node: GruNode,
  lower: Lower,
): void {
  const loop = loopOf(graph, node);
  const variable = node.inputs.filter((id) => valueById(graph, id).data === undefined);
  const inputs = variable.map((id) => emit.native(id));
  const series = emit.temporary('FLOAT32', loop.series);
  inline(emit, seriesGraph(graph, node, loop), inputs, [series], lower);

  // Every row is written over: what is carried in has the shape only, and takes no bytes this way.
  const zero = emit.constant('FLOAT32', [], Float32Array.of(0));
  const empty = emit.temporary('FLOAT32', loop.states);
  emit.operator('BROADCAST_TO', [zero, emit.ints(loop.states)], [empty]);
  const states = emit.temporary('FLOAT32', loop.states);
  const outputs = {
    turn: emit.temporary('INT32', [1]),
    h: emit.temporary('FLOAT32', [loop.batch, loop.units]),
    series: emit.temporary('FLOAT32', loop.series),
    states,
  };
  const h0 = emit.native(at(node.inputs, GRU_INPUT.h0));
  const condition = emit.function(conditionOf(loop));
  const body = emit.function(bodyOf(loop, lower));
  const carried = listed({ turn: emit.ints([0]), h: h0, series, states: empty });
  emit.operator('WHILE', carried, listed(outputs), { condition, body });
  inline(emit, resultGraph(loop), [states], [emit.native(at(node.outputs, 0))], lower);
}
