/** A graph as a picture, in Graphviz's language: `dot -Tsvg` draws it. */
import { type PrintableGraph, type ValueId, valueById } from './ir.ts';
import { printAttributes, printedConstant, printType } from './print.ts';

const EDGES = '#fff2cc';
const OPERATIONS = '#dae8fc';
const CONSTANTS = '#eeeeee';

const quoted = (lines: readonly string[]): string =>
  `"${lines
    .filter((line) => line !== '')
    .map((line) => line.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))
    .join('\\n')}"`;

const box = (id: string, lines: readonly string[], style: string): string =>
  `  ${id} [label=${quoted(lines)}, ${style}];`;

/**
 * Boxes for inputs, operations (with attributes) and outputs; arrows carry name, type, shape and,
 * where the graph has it, quantisation. Large constants are boxes, small ones stand in the operation.
 * Equal graphs give equal text.
 */
export function drawGraph(graph: PrintableGraph): string {
  const lines = [
    `digraph ${quoted([graph.name])} {`,
    '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
    '  edge [fontname="Helvetica", fontsize=9];',
  ];
  const producers = new Map<ValueId, string>();
  const named = (id: ValueId): string[] => [valueById(graph, id).name, printType(graph, id)];
  for (const { value } of graph.inputs) {
    const id = `v${value}`;
    producers.set(value, id);
    lines.push(box(id, named(value), `fillcolor="${EDGES}"`));
  }
  const arrow = (id: ValueId, target: string): string =>
    `  ${producers.get(id)} -> ${target} [label=${quoted(named(id))}];`;
  graph.nodes.forEach((node, i) => {
    const target = `n${i}`;
    const short: string[] = [];
    const arrows: string[] = [];
    for (const id of node.inputs) {
      const value = valueById(graph, id);
      const text = value.data ? printedConstant(graph, id) : '';
      if (value.data && text !== value.name) {
        short.push(text);
        continue;
      }
      // What nothing computes: constants, weights, numbers that depend on open sizes.
      if (!producers.has(id)) {
        producers.set(id, `v${id}`);
        lines.push(box(`v${id}`, named(id), `shape=note, fillcolor="${CONSTANTS}"`));
      }
      arrows.push(arrow(id, target));
    }
    lines.push(
      box(target, [node.op, printAttributes(node), ...short], `fillcolor="${OPERATIONS}"`),
      ...arrows,
    );
    for (const id of node.outputs) producers.set(id, target);
  });
  graph.outputs.forEach(({ name, value }, i) => {
    const target = `out${i}`;
    lines.push(box(target, [name], `fillcolor="${EDGES}"`), arrow(value, target));
  });
  return `${[...lines, '}'].join('\n')}\n`;
}
