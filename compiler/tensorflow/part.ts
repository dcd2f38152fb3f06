/** A part of a training graph: some of its outputs and what they need. */
import type { TfGraph, TfNode } from './ir.ts';

/** Values keep their ids; inputs that the part does not read are left out. */
export function partOf(graph: TfGraph, wanted: (output: string) => boolean): TfGraph {
  const outputs = graph.outputs.filter(({ name }) => wanted(name));
  const needed = new Set(outputs.map(({ value }) => value));
  const nodes: TfNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    nodes.push(node);
    for (const id of node.inputs) needed.add(id);
  }
  const inputs = graph.inputs.filter(({ value }) => needed.has(value));
  return { ...graph, nodes: nodes.reverse(), inputs, outputs };
}
