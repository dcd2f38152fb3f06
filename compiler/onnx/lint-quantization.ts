/** What an ONNX file can get wrong about int8 tensors and still load. */
import type { Finding } from '../finding.ts';
import { DATA_TYPE, type NodeProto, type TensorProto } from './proto.ts';

const { float32: FLOAT32, int8: INT8, uint8: UINT8, int32: INT32 } = DATA_TYPE;

/** Operators that take 8-bit tensors and copy them, with the positions of the data. */
const copying: Readonly<Record<string, (inputs: readonly string[]) => readonly string[]>> = {
  Concat: (inputs) => inputs,
  ...Object.fromEntries(
    [
      'Identity',
      'Reshape',
      'Transpose',
      'Expand',
      'Tile',
      'Split',
      'Slice',
      'Squeeze',
      'Unsqueeze',
      'Gather',
      'GatherND',
    ].map((op) => [op, (inputs: readonly string[]) => inputs.slice(0, 1)]),
  ),
};
const arithmetic = new Set(['QuantizeLinear', 'DequantizeLinear', 'MatMulInteger']);

/** Scales are float32 products of float32 factors. */
const RELATIVE_ERROR = 1e-5;

interface Parameters {
  scale: readonly number[];
  /** Of the type that the quantised tensor has; 0 where the file leaves it out. */
  zeroPoint: readonly number[];
  axis: number;
}

const asArray = (tensor: TensorProto): number[] => {
  const bytes = Uint8Array.from(tensor.rawData ?? []);
  if (tensor.dataType === INT8) return [...new Int8Array(bytes.buffer)];
  if (tensor.dataType === UINT8) return [...bytes];
  const words = bytes.buffer.slice(0, bytes.length - (bytes.length % 4));
  return tensor.dataType === FLOAT32 ? [...new Float32Array(words)] : [...new Int32Array(words)];
};

class QuantizationLint {
  readonly findings: Finding[] = [];
  readonly #constants: ReadonlyMap<string, TensorProto>;
  /** Parameters of quantised tensors, by name. */
  readonly #parameters = new Map<string, Parameters>();
  /** Names of 8-bit tensors. */
  readonly #bytes = new Set<string>();
  /** What a float tensor was dequantised from. */
  readonly #sources = new Map<string, { name: string } & Parameters>();

  constructor(initializers: readonly TensorProto[]) {
    this.#constants = new Map(initializers.map((tensor) => [tensor.name ?? '', tensor]));
    for (const [name, { dataType }] of this.#constants) {
      if (dataType === INT8 || dataType === UINT8) this.#bytes.add(name);
    }
  }

  #find(rule: string, message: string): void {
    this.findings.push({ rule, message });
  }

  visit(node: NodeProto): void {
    const inputs = node.input ?? [];
    const outputs = node.output ?? [];
    const op = node.opType ?? '';
    if (op === 'QuantizeLinear' || op === 'DequantizeLinear') this.#conversion(node, op);
    else if (op === 'DynamicQuantizeLinear') this.#bytes.add(outputs[0] ?? '');
    else if (copying[op]) this.#copy(op, inputs, outputs);
    else if (op === 'Gemm') this.#bias(inputs);
    if (arithmetic.has(op) || copying[op]) return;
    for (const name of inputs) {
      if (this.#bytes.has(name)) this.#find('mixed-types', `${op} reads ${name} in 8 bits`);
    }
  }

  #conversion(node: NodeProto, op: 'QuantizeLinear' | 'DequantizeLinear'): void {
    const [from = '', scale = '', zero = ''] = node.input ?? [];
    const [to = ''] = node.output ?? [];
    const quantised = op === 'QuantizeLinear' ? to : from;
    const axis = Number(node.attribute?.find(({ name }) => name === 'axis')?.i ?? 1);
    const parameters = this.#checked(quantised, scale, zero, axis);
    if (op === 'QuantizeLinear') this.#bytes.add(to);
    if (!parameters) return;
    const known = this.#parameters.get(quantised);
    if (known && parametersKey(known) !== parametersKey(parameters)) {
      const message = `${quantised} is written and read with different scales or zero points`;
      this.#find('same-parameters', message);
    }
    this.#parameters.set(quantised, parameters);
    if (op === 'DequantizeLinear') this.#sources.set(to, { name: from, ...parameters });
  }

  #checked(tensor: string, scale: string, zero: string, axis: number): Parameters | undefined {
    const scales = this.#constants.get(scale);
    const bad = (message: string): undefined => {
      this.#find('quantization-parameters', `${tensor}: ${message}`);
    };
    if (scales?.dataType !== FLOAT32) return bad('the scale is not a constant of float32');
    const values = asArray(scales);
    if (values.some((s) => !(s > 0) || !Number.isFinite(s))) {
      return bad('a scale that is not positive');
    }
    const zeros = this.#constants.get(zero);
    const constant = this.#constants.get(tensor);
    if (constant?.dataType !== INT32 && !zeros) return bad('no zero point: uint8 would be assumed');
    const zeroPoint = zeros ? asArray(zeros) : values.map(() => 0);
    if (zeroPoint.length !== values.length) return bad('scales and zero points differ in number');
    if (constant && zeros && constant.dataType !== zeros.dataType) {
      return bad('the zero point has another type than the tensor');
    }
    if (values.length > 1) {
      const size = Number(constant?.dims?.[axis] ?? 0);
      if (size !== values.length)
        return bad(`${values.length} scales along axis ${axis} of ${size}`);
      if (zeroPoint.some((z) => z !== 0)) return bad('scales per row need zero points of 0');
    }
    return { scale: values, zeroPoint, axis };
  }

  #copy(op: string, inputs: readonly string[], outputs: readonly string[]): void {
    const sources = (copying[op]?.(inputs) ?? []).filter((name) => this.#bytes.has(name));
    if (sources.length === 0) return;
    const known = sources.flatMap((name) => this.#parameters.get(name) ?? []);
    const [first] = known;
    if (known.some((each) => parametersKey(each) !== parametersKey(first as Parameters))) {
      this.#find('same-parameters', `${op} joins int8 tensors of different parameters`);
    }
    for (const name of outputs) {
      this.#bytes.add(name);
      if (first) this.#parameters.set(name, first);
    }
  }

  /** The int32 bias of a fused Gemm is added to products of int8 numbers. */
  #bias(inputs: readonly string[]): void {
    const [x, w, b] = inputs.map((name) => this.#sources.get(name));
    if (!x || !w || !b || this.#constants.get(b.name)?.dataType !== INT32) return;
    const wrong = b.scale.findIndex((scale, i) => {
      const product = (x.scale[0] ?? 0) * (w.scale[i] ?? 0);
      return Math.abs(scale - product) > RELATIVE_ERROR * product;
    });
    if (wrong < 0 && b.scale.length === w.scale.length) return;
    const message = `bias ${b.name}: scale ${wrong} is not input scale · weight scale`;
    this.#find('bias-scale', message);
  }
}

const parametersKey = ({ scale, zeroPoint }: Parameters): string => String([scale, zeroPoint]);

export function quantizationFindings(
  nodes: readonly NodeProto[],
  initializers: readonly TensorProto[],
): Finding[] {
  const lint = new QuantizationLint(initializers);
  for (const node of nodes) lint.visit(node);
  return lint.findings;
}
