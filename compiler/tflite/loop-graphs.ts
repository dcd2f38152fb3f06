/** The parts of a looped recurrence that are ordinary operations, as graphs of their own. */
import { GraphBuilder } from '../graph/builder.ts';
import { type GruSteps, projectInputs, unrollSteps } from '../graph/expand.ts';
import { type GruMatrices, type GruNode, gruMatrices } from '../graph/gru.ts';
import { at, type Graph, type Shape, type ValueId, valueById } from '../graph/ir.ts';
import { optimise } from '../graph/optimise.ts';

/**
 * Every turn copies what goes around the loop, so several steps share one. Of 1, 4, 5, 8 and 10 this
 * is the fastest at 50 steps, and within 3 % of it at 32 and 100.
 */
const STEPS_PER_TURN = 5;

/** A recurrence of T steps over a batch of B, S steps a turn. */
export interface Loop {
  batch: number;
  steps: number;
  /** H. */
  units: number;
  /** W, the values of a step in the series: 3H, and one more where steps blend by a mask. */
  width: number;
  perTurn: number;
  turns: number;
  /** series [turns, S · B · W]: a row holds what the steps of a turn read. */
  series: readonly [number, number];
  /** states [turns, S · B · H]. */
  states: readonly [number, number];
  matrices: GruMatrices;
}

export function loopOf(graph: Graph, node: GruNode): Loop {
  const { shape } = valueById(graph, at(node.outputs, 0));
  const [batch, steps, units] = shape as [number, number, number];
  const turns = Math.ceil(steps / STEPS_PER_TURN);
  const perTurn = Math.ceil(steps / turns);
  const width = 3 * units + Number(node.attributes.mask === 'blend');
  return {
    ...{ batch, steps, units, width, perTurn, turns },
    series: [turns, perTurn * batch * width],
    states: [turns, perTurn * batch * units],
    matrices: gruMatrices(node.inputs.map((id) => valueById(graph, id))),
  };
}

const float = (shape: Shape) => ({ shape, dtype: 'float32' }) as const;

/** [A, B, W] → [B, A, W]. */
function swapped(builder: GraphBuilder, x: ValueId): ValueId {
  const [a, b, width] = builder.shape(x) as [number, number, number];
  if (a === 1 || b === 1) return builder.reshape(x, [b, a, width]);
  return builder.emit('transpose', [x], { permutation: [1, 0, 2] });
}

/** The node's inputs, without those that are constant → series. Turns may end in idle steps. */
export function seriesGraph(graph: Graph, node: GruNode, loop: Loop): Graph {
  const builder = new GraphBuilder('series');
  const inputs = node.inputs.map((id) => {
    const { data, name, ...type } = valueById(graph, id);
    return data ? builder.constant(type, data) : builder.input(name, type);
  });
  const { steps } = projectInputs(builder, { ...node, inputs }, 'column');
  let { series } = steps;
  if (steps.mask !== undefined) {
    const column = builder.reshape(steps.mask, [loop.batch, loop.steps, 1]);
    series = builder.emit('concat', [series, column], { axis: 2 });
  }
  const idle = loop.turns * loop.perTurn - loop.steps;
  const padding = { before: [0, 0, 0], after: [0, idle, 0], value: 0 };
  const whole = idle > 0 ? builder.emit('pad', [series], padding) : series;
  const rows = builder.reshape(swapped(builder, whole), loop.series);
  return optimise(builder.finish([{ name: 'series', value: rows }]));
}

/** (row of the series, h [B, H]) → (row of the states, h after the turn). */
export function turnGraph({ batch, perTurn, units, width, series, states, matrices }: Loop): Graph {
  const builder = new GraphBuilder('turn');
  const row = builder.input('row', float([1, series[1]]));
  const h = builder.input('h', float([batch, units]));
  const all = swapped(builder, builder.reshape(row, [perTurn, batch, width])); // [B, S, W]
  let steps: GruSteps = { series: all };
  if (width > 3 * units) {
    const sizes = [3 * units, 1];
    const parts = builder.emitAll({ op: 'split', attributes: { axis: 2, sizes } }, [all]);
    steps = { series: at(parts, 0), mask: builder.reshape(at(parts, 1), [batch, perTurn]) };
  }
  const made = unrollSteps(builder, steps, h, matrices);
  const packed = builder.emit('pack', made, { axis: 0 });
  return optimise(
    builder.finish([
      { name: 'made', value: builder.reshape(packed, [1, states[1]]) },
      { name: 'next', value: at(made, perTurn - 1) },
    ]),
  );
}

/** states → [B, T, H]. */
export function resultGraph({ batch, steps, units, perTurn, turns, states }: Loop): Graph {
  const builder = new GraphBuilder('result');
  const rows = builder.input('states', float(states));
  let all = builder.reshape(rows, [turns * perTurn, batch, units]);
  if (turns * perTurn > steps) {
    all = builder.emit('slice', [all], { begin: [0, 0, 0], size: [steps, batch, units] });
  }
  return optimise(builder.finish([{ name: 'result', value: swapped(builder, all) }]));
}
