/** A graph as text, for people and for golden tests. */
import { type PrintableGraph, type Quantization, type ValueId, valueById } from './ir.ts';
import { printDim } from './symbolic.ts';

const LONGEST_LIST = 6;

/** A constant's value where it is short, otherwise its name. */
export function printedConstant(graph: PrintableGraph, id: ValueId): string {
  const { data, name } = valueById(graph, id);
  if (!data) return name;
  if (data.length === 1) return String(data[0]);
  return data.length <= LONGEST_LIST ? `[${Array.from(data).join(', ')}]` : name;
}

const SIGNIFICANT_DIGITS = 4;

/** `int8(0.0078, -128)`: scale and zero point, or how many scales along which axis. */
function printedQuantization({ scale, zeroPoint, axis }: Quantization): string {
  if (scale.length > 1) return ` int8(${scale.length} scales along axis ${axis})`;
  return ` int8(${Number(scale[0]?.toPrecision(SIGNIFICANT_DIGITS))}, ${zeroPoint[0]})`;
}

/** Type, shape and, where the graph carries it, quantisation: `float32[1,3] int8(0.01, -28)`. */
export function printType(graph: PrintableGraph, id: ValueId): string {
  const { dtype, shape, quantization } = valueById(graph, id);
  return `${dtype}[${shape.map(printDim).join(',')}]${quantization ? printedQuantization(quantization) : ''}`;
}

export const printAttributes = ({ attributes }: { attributes: object }): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join(', ');

/**
 * One line a node:
 *
 *     graph score(x: float32[1,4])
 *       t5: float32[1,3] = dense(x, weights, bias) { activation: "relu" }
 *       return y
 */
export function printGraph(graph: PrintableGraph): string {
  const typed = (id: ValueId): string => printType(graph, id);
  const inputs = graph.inputs.map(({ name, value }) => `${name}: ${typed(value)}`);
  const lines = [`graph ${graph.name}(${inputs.join(', ')})`];
  for (const node of graph.nodes) {
    const outputs = node.outputs.map((id) => `${valueById(graph, id).name}: ${typed(id)}`);
    const attributes = printAttributes(node);
    const suffix = attributes === '' ? '' : ` { ${attributes} }`;
    const args = node.inputs.map((id) => printedConstant(graph, id));
    lines.push(`  ${outputs.join(', ')} = ${node.op}(${args.join(', ')})${suffix}`);
  }
  lines.push(`  return ${graph.outputs.map((port) => port.name).join(', ')}`);
  return `${lines.join('\n')}\n`;
}

/** How often each operation occurs, most frequent first. */
export function countOperations(graph: Pick<PrintableGraph, 'nodes'>): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b)));
}
