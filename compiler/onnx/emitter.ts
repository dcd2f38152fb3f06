/** Collects the nodes and initializers of an ONNX graph. */
import { sha256 } from '../../lib/hash.ts';
import { at, type Quantization, type Shape } from '../graph/ir.ts';
import type { OnnxEmitter } from './lower.ts';
import { type NodeProto, nodeProto, type TensorProto, tensorProto } from './proto.ts';

export class Emitter implements OnnxEmitter {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #taken: Set<string>;
  readonly #shared = new Map<string, string>();
  /** Names of int8 constants. */
  readonly #stored = new Set<string>();

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  fresh(): string {
    let number = this.#taken.size;
    while (this.#taken.has(`n${number}`)) number++;
    const name = `n${number}`;
    this.#taken.add(name);
    return name;
  }

  node: OnnxEmitter['node'] = (op, inputs, attributes = {}, outputs = [this.fresh()]) => {
    this.nodes.push(nodeProto(op, inputs, outputs, attributes));
    return at(outputs, 0);
  };

  #initializer(key: string, make: (name: string) => TensorProto): string {
    const known = this.#shared.get(key);
    if (known) return known;
    const name = this.fresh();
    this.initializers.push(make(name));
    this.#shared.set(key, name);
    return name;
  }

  ints(values: readonly number[], shape: Shape = [values.length]): string {
    return this.#initializer(`int64[${shape}] ${values}`, (name) =>
      tensorProto(name, 'int64', shape, BigInt64Array.from(values, BigInt)),
    );
  }

  tensor: OnnxEmitter['tensor'] = (dtype, shape, data) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.#initializer(`${dtype}[${shape}] ${sha256(bytes)}`, (name) =>
      tensorProto(name, dtype, shape, data),
    );
  };

  /**
   * An int8 constant. It has a zero point to itself, and equal bytes of other parameters are another
   * constant: where a processor prefers uint8, ONNX Runtime rewrites them, each once.
   */
  int8(shape: Shape, data: Int8Array, { scale, zeroPoint }: Quantization): string {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.#initializer(`int8[${shape}] ${scale} ${zeroPoint} ${sha256(bytes)}`, (name) => {
      this.#stored.add(name);
      return tensorProto(name, 'int8', shape, data);
    });
  }

  /** Initializers of one scale, or one a row. */
  scales({ scale }: Quantization): string {
    return this.tensor('float32', scale.length > 1 ? [scale.length] : [], Float32Array.from(scale));
  }

  #zeroPoints(tensor: string, { zeroPoint }: Quantization): string {
    const shape = zeroPoint.length > 1 ? [zeroPoint.length] : [];
    const data = Int8Array.from(zeroPoint);
    if (!this.#stored.has(tensor)) return this.tensor('int8', shape, data);
    return this.#initializer(`zero points of ${tensor}`, (name) =>
      tensorProto(name, 'int8', shape, data),
    );
  }

  /** To int8; values beyond the range saturate. */
  quantize(name: string, quantization: Quantization): string {
    const parameters = [this.scales(quantization), this.#zeroPoints('', quantization)];
    return this.node('QuantizeLinear', [name, ...parameters]);
  }

  /** Of an int8 tensor, or an int32 one (a bias), whose zero points are left out because they are 0. */
  dequantize(
    name: string,
    quantization: Quantization,
    { result = this.fresh(), type = 'int8' }: { result?: string; type?: 'int8' | 'int32' } = {},
  ): string {
    const attributes = quantization.scale.length > 1 ? { axis: quantization.axis } : {};
    const zeroPoints = type === 'int8' ? [this.#zeroPoints(name, quantization)] : [];
    const inputs = [name, this.scales(quantization), ...zeroPoints];
    return this.node('DequantizeLinear', inputs, attributes, [result]);
  }
}
