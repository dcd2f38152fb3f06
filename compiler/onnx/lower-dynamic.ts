/**
 * The dynamic profile: products with constant weights in 8 bits, activations quantised when the model
 * runs, everything else in float32. No calibration is needed.
 *
 * Weights are stored as uint8 around 128, not as int8: activations are uint8 here, and x86 processors
 * without VNNI saturate sums of uint8 · int8 products at 16 bits. The numbers are the same elsewhere.
 */
import {
  at,
  elementCount,
  type Graph,
  type Node,
  type TypedArray,
  type Value,
  type ValueId,
  valueById,
} from '../graph/ir.ts';
import { perRow, symmetric } from '../tflite/quantize.ts';
import type { Emitter } from './emitter.ts';
import { lowerNode, transposed } from './lower.ts';

/** Below this the nodes and initializers of the 8-bit form need more bytes than they save. */
const SMALLEST_WEIGHT = 256;

const FLOAT = 1;
const UINT8_ZERO = 128;

/** An activation in uint8, with the names of its scale and zero point. */
interface Rounded {
  name: string;
  scale: string;
  zeroPoint: string;
}

type Product = Extract<Node, { op: 'dense' | 'matmul' }>;

export class DynamicLowering {
  readonly #emit: Emitter;
  readonly #graph: Graph;
  readonly #smallest: number;
  readonly #rounded = new Map<string, Rounded>();

  constructor(emit: Emitter, graph: Graph, smallest = SMALLEST_WEIGHT) {
    this.#emit = emit;
    this.#graph = graph;
    this.#smallest = smallest;
  }

  lower(node: Node): void {
    const emit = this.#emit;
    const result = valueById(this.#graph, at(node.outputs, 0)).name;
    if (isDynamicProduct(this.#graph, node, this.#smallest)) this.#product(node, result);
    else if (isEmbedding(this.#graph, node, this.#smallest)) {
      // First the rows, then their numbers: the table is never widened as a whole.
      const [table, ids] = this.#inputs(node) as [Value, Value];
      const { data, quantization } = symmetric(table.data as TypedArray);
      const names = [emit.int8(table.shape, data, quantization), ids.name];
      const rows = emit.fresh();
      lowerNode(emit, this.#graph, node, { names, results: [rows] });
      emit.dequantize(rows, quantization, { result });
    } else lowerNode(emit, this.#graph, node);
  }

  #inputs(node: Node): Value[] {
    return node.inputs.map((id) => valueById(this.#graph, id));
  }

  #round(name: string): Rounded {
    const known = this.#rounded.get(name);
    if (known) return known;
    const emit = this.#emit;
    const rounded = { name: emit.fresh(), scale: emit.fresh(), zeroPoint: emit.fresh() };
    emit.node('DynamicQuantizeLinear', [name], {}, Object.values(rounded));
    this.#rounded.set(name, rounded);
    return rounded;
  }

  /** MatMulInteger → Cast → Mul by both scales → Add: the chain that runtimes fuse. */
  #product(node: Product, result: string): void {
    const emit = this.#emit;
    const [x, w, b] = this.#inputs(node) as [Value, Value, Value | undefined];
    const swapsInput = node.op === 'matmul' && node.attributes.transposeA;
    const input = swapsInput ? transposed(emit, x.name, x.shape.length) : x.name;
    const rounded = this.#round(input);
    const hasRows = node.op === 'dense' || node.attributes.transposeB;
    const [n, k] = (hasRows ? w.shape : w.shape.toReversed()) as [number, number];
    const rows = hasRows ? (w.data as TypedArray) : swapped(w.data as TypedArray, [k, n]);
    const { data, quantization } = perRow(rows, [n, k], new Float32Array(n), 1);
    const weights = emit.tensor('uint8', [k, n], asUint8(swapped(data, [n, k])));
    const zeros = emit.tensor('uint8', [n], new Uint8Array(n).fill(UINT8_ZERO));
    const operands = [rounded.name, weights, rounded.zeroPoint, zeros];
    const sums = emit.node('Cast', [emit.node('MatMulInteger', operands)], { to: FLOAT });
    const scales = emit.tensor('float32', [n], Float32Array.from(quantization.scale));
    const steps = emit.node('Mul', [rounded.scale, scales]);
    const last = [sums, steps];
    const shifts = b?.data?.some((value) => value !== 0);
    const relu = node.op === 'dense' && node.attributes.activation === 'relu';
    const names = [...(shifts ? [emit.fresh()] : []), ...(relu ? [emit.fresh()] : []), result];
    let made = emit.node('Mul', last, {}, [names.shift() as string]);
    if (b && shifts) made = emit.node('Add', [made, b.name], {}, [names.shift() as string]);
    if (relu) emit.node('Relu', [made], {}, [names.shift() as string]);
  }
}

/** Rows become columns. */
export function swapped<T extends TypedArray | Int8Array>(
  data: T,
  [rows, columns]: [number, number],
): T {
  const result = data.slice() as T;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = at(data, i * columns + j);
  }
  return result;
}

const asUint8 = (data: Int8Array): Uint8Array => Uint8Array.from(data, (x) => x + UINT8_ZERO);

const isLarge = (graph: Graph, id: ValueId | undefined, smallest: number): boolean => {
  const value = id === undefined ? undefined : valueById(graph, id);
  return value?.data !== undefined && elementCount(value.shape) >= smallest;
};

/** True for a product that is computed in 8 bits: its right side is a constant matrix. */
export function isDynamicProduct(
  graph: Graph,
  node: Node,
  smallest = SMALLEST_WEIGHT,
): node is Product {
  if (node.op !== 'dense' && node.op !== 'matmul') return false;
  const right = at(node.inputs, 1);
  return isLarge(graph, right, smallest) && valueById(graph, right).shape.length === 2;
}

/** True for rows of a constant float table. */
export function isEmbedding(graph: Graph, node: Node, smallest = SMALLEST_WEIGHT): boolean {
  const table = at(node.inputs, 0);
  return (
    node.op === 'gather' &&
    valueById(graph, table).dtype === 'float32' &&
    isLarge(graph, table, smallest)
  );
}
