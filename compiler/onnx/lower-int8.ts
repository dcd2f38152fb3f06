/**
 * The int8 profile: DequantizeLinear → operation → QuantizeLinear, which runtimes fuse into one int8
 * kernel and which means the same where they do not. Operations that only move data run on the int8
 * tensors themselves. The parameters are those of the graph's values, the same as in TFLite.
 */
import { EdgeloomError } from '../../lib/errors.ts';
import {
  at,
  elementCount,
  type Graph,
  type Node,
  type OpName,
  type Quantization,
  type TypedArray,
  type Value,
  type ValueId,
  valueById,
} from '../graph/ir.ts';
import { dataInputs, runsInInt8, sharesParameters } from '../tflite/plan.ts';
import {
  perRow,
  quantizeArray,
  quantizeBias,
  sameQuantization,
  scaleOf,
  symmetric,
} from '../tflite/quantize.ts';
import type { Emitter } from './emitter.ts';
import { lowerNode, transposed } from './lower.ts';

/** Operations whose ONNX kernels take int8 and do not look at the numbers. */
const movesBytes = new Set<OpName>([
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
  'concat',
  'pack',
]);

interface Form {
  name: string;
  quantization: Quantization;
}

export class Int8Lowering {
  readonly #emit: Emitter;
  readonly #graph: Graph;
  /** Int8 tensors that operations wrote; every other value is float32 at first. */
  readonly #made = new Map<ValueId, Form>();
  /** Int8 tensors that were rounded or requantised for a reader. */
  readonly #forms = new Map<ValueId, Form[]>();
  /** Results of softmax. */
  readonly #probabilities = new Set<ValueId>();
  /** Names of float tensors by the int8 tensor that they come from. */
  readonly #widened = new Map<string, string>();

  /** The largest magnitude of a weight in steps. */
  readonly #most: number;

  /** @param graph with the quantisation of its values */
  constructor(emit: Emitter, graph: Graph, weightBits = 8) {
    this.#emit = emit;
    this.#graph = graph;
    this.#most = 2 ** (weightBits - 1) - 1;
  }

  #value(id: ValueId): Value {
    return valueById(this.#graph, id);
  }

  /** @throws EdgeloomError when calibration saw no such value */
  #parameters(id: ValueId): Quantization {
    const { quantization, name } = this.#value(id);
    if (quantization) return quantization;
    throw new EdgeloomError({
      code: 'needs-calibration',
      what: `The calibration has no range of ${name}`,
      where: `graph ${this.#graph.name}`,
      fix: 'calibrate this very graph, with typed arrays as rows',
    });
  }

  #widen({ name, quantization }: Form, result?: string): string {
    const known = this.#widened.get(name);
    if (known) return known;
    const made = this.#emit.dequantize(name, quantization, result ? { result } : {});
    this.#widened.set(name, made);
    return made;
  }

  /** The name of the value in its own type; an int8 result is widened under the value's name. */
  native(id: ValueId): string {
    const made = this.#made.get(id);
    const { name } = this.#value(id);
    return made ? this.#widen(made, name) : name;
  }

  #int8(id: ValueId, wanted: Quantization): Form {
    const { data, shape } = this.#value(id);
    if (data) {
      const name = this.#emit.int8(shape, quantizeArray(data, wanted), wanted);
      return { name, quantization: wanted };
    }
    const made = this.#made.get(id);
    if (made && sameQuantization(made.quantization, wanted)) return made;
    const forms = this.#forms.get(id) ?? [];
    const known = forms.find(({ quantization }) => sameQuantization(quantization, wanted));
    if (known) return known;
    // ONNX Runtime would merge two roundings in a row into the softmax, whose kernel overflows in
    // steps finer than 1/256. Probabilities are their own magnitudes, and Abs stays where it is.
    const native = this.native(id);
    const source = this.#probabilities.has(id) ? this.#emit.node('Abs', [native]) : native;
    const form = { name: this.#emit.quantize(source, wanted), quantization: wanted };
    this.#forms.set(id, [...forms, form]);
    return form;
  }

  /** An operand of an operation that computes: constants have a symmetric scale of their own. */
  #operand(node: Node, id: ValueId): Form {
    const { data, shape } = this.#value(id);
    if (sharesParameters(node.op)) return this.#int8(id, this.#parameters(at(node.outputs, 0)));
    if (!data) return this.#int8(id, this.#parameters(id));
    const { data: bytes, quantization } = symmetric(data, this.#most);
    return { name: this.#emit.int8(shape, bytes, quantization), quantization };
  }

  /** The float tensor that a form stands for; a result keeps the value's name. */
  #float(node: Node, id: ValueId): string {
    if (!dataInputs(node).includes(id)) return this.native(id);
    const form = this.#operand(node, id);
    return form === this.#made.get(id) ? this.native(id) : this.#widen(form);
  }

  lower(node: Node): void {
    if (!runsInInt8(this.#graph, node)) {
      const names = node.inputs.map((id) => this.native(id));
      lowerNode(this.#emit, this.#graph, node, { names });
    } else if (movesBytes.has(node.op)) this.#move(node);
    else if (node.op === 'dense') this.#dense(node);
    else if (node.op === 'matmul') this.#matmul(node);
    else this.#compute(node);
  }

  #move(node: Node): void {
    const data = dataInputs(node);
    const wanted = this.#parameters(at(node.outputs, 0));
    const names = node.inputs.map((id) =>
      data.includes(id) ? this.#int8(id, wanted).name : this.native(id),
    );
    const results = node.outputs.map(() => this.#emit.fresh());
    lowerNode(this.#emit, this.#graph, node, { names, results });
    node.outputs.forEach((id, i) => {
      this.#made.set(id, { name: at(results, i), quantization: this.#parameters(id) });
    });
  }

  #round(name: string, id: ValueId): Form {
    const quantization = this.#parameters(id);
    return { name: this.#emit.quantize(name, quantization), quantization };
  }

  #compute(node: Node): void {
    const names = node.inputs.map((id) => this.#float(node, id));
    const result = this.#emit.fresh();
    lowerNode(this.#emit, this.#graph, node, { names, results: [result] });
    const output = at(node.outputs, 0);
    if (node.op === 'softmax') this.#probabilities.add(output);
    this.#made.set(output, this.#round(result, output));
  }

  /** Transposes bytes, so that nothing stands between DequantizeLinear and MatMul. */
  #matmul(node: Extract<Node, { op: 'matmul' }>): void {
    const { transposeA, transposeB } = node.attributes;
    const operands = [transposeA, transposeB].map((swap, i) => {
      const id = at(node.inputs, i);
      if (!swap) return this.#float(node, id);
      const form = this.#operand(node, id);
      const name = transposed(this.#emit, form.name, this.#value(id).shape.length);
      return this.#widen({ ...form, name });
    });
    const output = at(node.outputs, 0);
    this.#made.set(output, this.#round(this.#emit.node('MatMul', operands), output));
  }

  /** Gemm takes matrices, and rows of weights with a scale each: other shapes move around it. */
  #dense(node: Extract<Node, { op: 'dense' }>): void {
    const emit = this.#emit;
    const [x, w, b] = node.inputs.map((id) => this.#value(id)) as [Value, Value, Value];
    const output = at(node.outputs, 0);
    const { shape } = this.#value(output);
    const [n, k] = w.shape as [number, number];
    const parameters = this.#parameters(x.id);
    const bias = b.data as TypedArray;
    const weights = perRow(w.data as TypedArray, [n, k], bias, scaleOf(parameters), this.#most);
    const isMatrix = x.shape.length === 2;
    const input = this.#int8(x.id, parameters);
    const matrix = (): Form => {
      const sizes = emit.ints([elementCount(x.shape) / k, k]);
      return { ...input, name: emit.node('Reshape', [input.name, sizes]) };
    };
    const stored = emit.int8([n, k], weights.data, weights.quantization);
    const operands = [
      isMatrix ? this.#float(node, x.id) : this.#widen(matrix()),
      this.#widen({ name: stored, quantization: weights.quantization }),
    ];
    if (bias.some((value) => value !== 0)) {
      const { data, quantization } = quantizeBias(bias, scaleOf(parameters), weights.quantization);
      const shifts = emit.tensor('int32', [n], data);
      operands.push(emit.dequantize(shifts, quantization, { type: 'int32' }));
    }
    let product = emit.node('Gemm', operands, { transB: 1 });
    if (node.attributes.activation === 'relu') product = emit.node('Relu', [product]);
    const form = this.#round(product, output);
    const name = isMatrix ? form.name : emit.node('Reshape', [form.name, emit.ints(shape)]);
    this.#made.set(output, { ...form, name });
  }
}
