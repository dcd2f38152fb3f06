/** All nodes of a graph as operators: the table of lower.ts, and loops for recurrences. */
import type { Graph, Node } from '../graph/ir.ts';
import type { TfliteEmitter } from './emitter.ts';
import { TfliteCall, tfliteLowerings } from './lower.ts';
import { runsInInt8 } from './plan.ts';
import { lowerRecurrence } from './recurrence.ts';

/** @param int8 compute in int8 what has an int8 kernel; such a graph holds no composite operation */
export function lowerGraph(emit: TfliteEmitter, graph: Graph, int8: boolean): void {
  for (const node of graph.nodes) {
    if (node.op === 'gru') {
      lowerRecurrence(emit, graph, node, (inner, part) => lowerGraph(inner, part, false));
      continue;
    }
    const call = new TfliteCall(emit, graph, node, int8 && runsInInt8(graph, node));
    // The table is keyed by the operation, so that node and lowering belong together.
    (tfliteLowerings[node.op] as (call: TfliteCall<Node>) => void)(call);
  }
}
