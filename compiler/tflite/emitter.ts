/**
 * Collects the tensors and operators of a TFLite model. A float32 value of the graph may exist in two
 * forms, float32 and int8; whichever a reader asks for is made when it is first needed.
 */
import { EdgeloomError } from '../../lib/errors.ts';
import {
  at,
  type Graph,
  type Quantization,
  type Shape,
  type TypedArray,
  type ValueId,
  valueById,
} from '../graph/ir.ts';
import { toFloat16 } from './float16.ts';
import type { OptionValues, TfliteFunction, TfliteOperator, TfliteTensor } from './model.ts';
import type { QuantizationPlan } from './plan.ts';
import { quantizeArray, sameQuantization, scaleOf, symmetric } from './quantize.ts';
import { finestScale } from './resolution.ts';
import type { OperatorName, TensorTypeName } from './schema.ts';
import type { Storage, StoragePlan } from './storage.ts';
import { requiredVersion } from './versions.ts';

const TYPES = { float32: 'FLOAT32', int32: 'INT32', bool: 'BOOL' } as const;

type ConstantData = TypedArray | Int8Array | Uint16Array;

const bytesOf = (data: ConstantData): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Where a graph is written into another one: its ports are tensors that exist already. */
export interface Inlining {
  emitter: TfliteEmitter;
  inputs: readonly number[];
  outputs: readonly number[];
}

export class TfliteEmitter {
  readonly tensors: TfliteTensor[];
  readonly operators: TfliteOperator[];
  /** Subgraphs that the operators call. */
  readonly functions: TfliteFunction[];
  readonly #graph: Graph;
  readonly #plan: QuantizationPlan;
  readonly #storage: StoragePlan;
  /** Tensors in the graph's own type. */
  readonly #native = new Map<ValueId, number>();
  /** Int8 forms, the one in the planned parameters first. */
  readonly #int8 = new Map<ValueId, number[]>();
  /** Values that an operator writes in int8. */
  readonly #computed = new Set<ValueId>();
  readonly #constants: Map<string, number>;
  /** Only the tensors at the edges have names; the others would cost more bytes than their values. */
  readonly #named: ReadonlySet<ValueId>;

  constructor(
    graph: Graph,
    plan: QuantizationPlan,
    { into, storage = new Map() }: { into?: Inlining; storage?: StoragePlan } = {},
  ) {
    this.#graph = graph;
    this.#plan = plan;
    this.#storage = storage;
    this.tensors = into?.emitter.tensors ?? [];
    this.operators = into?.emitter.operators ?? [];
    this.functions = into?.emitter.functions ?? [];
    this.#constants = into ? into.emitter.#constants : new Map();
    const ports = [...graph.inputs, ...graph.outputs];
    this.#named = new Set(into ? [] : ports.map((port) => port.value));
    if (into) {
      const tensors = [...into.inputs, ...into.outputs];
      for (const [i, { value }] of ports.entries()) this.#native.set(value, at(tensors, i));
    } else {
      for (const { value } of graph.inputs) this.#native.set(value, this.#nativeTensor(value));
    }
  }

  /** Adds a subgraph and returns its number in the file. */
  function(made: TfliteFunction): number {
    return this.functions.push(made);
  }

  #add(tensor: TfliteTensor): number {
    return this.tensors.push(tensor) - 1;
  }

  #nativeTensor(id: ValueId): number {
    const value = valueById(this.#graph, id);
    const { shape, dtype, data } = value;
    const name = this.#named.has(id) ? value.name : '';
    return this.#add({ name, shape, type: TYPES[dtype], ...(data ? { data: bytesOf(data) } : {}) });
  }

  operator(
    op: OperatorName,
    inputs: readonly number[],
    outputs: readonly number[],
    options: OptionValues = {},
  ): void {
    const tensors = (ids: readonly number[]): TfliteTensor[] =>
      ids.map((id) => this.tensors[id] as TfliteTensor);
    const use = { op, inputs: tensors(inputs), outputs: tensors(outputs), options };
    const [result] = use.outputs;
    const finest = finestScale(op, use.inputs);
    if (result?.type === 'INT8' && result.quantization && scaleOf(result.quantization) <= finest) {
      // What is this fine has cancelled in the inputs: computed coarser, then put into its steps.
      const wider = { ...result.quantization, scale: [Math.fround(2 * finest)] };
      const between = this.temporary('INT8', result.shape, wider);
      this.operator(op, inputs, [between], options);
      this.operator('QUANTIZE', [between], outputs);
      return;
    }
    this.operators.push({ op, version: requiredVersion(use), inputs, outputs, options });
  }

  /** A constant that is not a value of the graph; equal ones are shared. */
  constant(
    type: TensorTypeName,
    shape: Shape,
    data: ConstantData,
    quantization?: Quantization,
  ): number {
    const bytes = bytesOf(data);
    const parameters = quantization ? `${quantization.scale} ${quantization.zeroPoint}` : '';
    const key = `${type}[${shape}] ${parameters} ${Buffer.from(bytes).toString('base64')}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const tensor = this.#add({
      name: '',
      shape,
      type,
      data: bytes,
      ...(quantization ? { quantization } : {}),
    });
    this.#constants.set(key, tensor);
    return tensor;
  }

  quantizedConstant(shape: Shape, data: TypedArray, quantization: Quantization): number {
    return this.constant('INT8', shape, quantizeArray(data, quantization), quantization);
  }

  ints(values: readonly number[], shape: Shape = [values.length]): number {
    return this.constant('INT32', shape, Int32Array.from(values));
  }

  /** @throws EdgeloomError when calibration saw no such value */
  parameters(id: ValueId): Quantization {
    const quantization = this.#plan.get(id);
    if (quantization) return quantization;
    throw new EdgeloomError({
      code: 'needs-calibration',
      what: `The calibration has no range of ${valueById(this.#graph, id).name}`,
      where: `graph ${this.#graph.name}`,
      fix: 'calibrate this very graph, with typed arrays as rows',
    });
  }

  /** How a constant is stored; undefined for the graph's own type. */
  storage(id: ValueId): Storage | undefined {
    return this.#storage.get(id);
  }

  /** A constant in its stored form, which is not float32. */
  stored(id: ValueId): number {
    const { shape, data } = valueById(this.#graph, id);
    if (!data) throw new Error(`value ${id} is not constant`);
    if (this.storage(id) === 'float16') return this.constant('FLOAT16', shape, toFloat16(data));
    const { data: bytes, quantization } = symmetric(data);
    return this.constant('INT8', shape, bytes, quantization);
  }

  /** The value in the graph's own type. */
  native(id: ValueId): number {
    const known = this.#native.get(id);
    if (known !== undefined) return known;
    const packed = this.storage(id);
    const tensor = packed
      ? this.temporary('FLOAT32', valueById(this.#graph, id).shape)
      : this.#nativeTensor(id);
    this.#native.set(id, tensor);
    if (packed) this.operator('DEQUANTIZE', [this.stored(id)], [tensor]);
    const int8 = this.#int8.get(id)?.[0];
    if (int8 !== undefined) this.operator('DEQUANTIZE', [int8], [tensor]);
    return tensor;
  }

  /** The value in int8; a constant saturates where the parameters do not hold it. */
  int8(id: ValueId, parameters?: Quantization): number {
    const { data, shape } = valueById(this.#graph, id);
    const wanted = parameters ?? this.parameters(id);
    if (data) return this.quantizedConstant(shape, data, wanted);
    const forms = this.#int8.get(id) ?? [];
    const fits = forms.find((form) => {
      const own = this.tensors[form]?.quantization;
      return own && sameQuantization(own, wanted);
    });
    if (fits !== undefined) return fits;
    // Rounded once: what was computed in float32 is not taken from another int8 form.
    const source = (this.#computed.has(id) ? forms[0] : undefined) ?? this.native(id);
    const tensor = this.#int8Tensor(id, wanted);
    this.operator('QUANTIZE', [source], [tensor]);
    return tensor;
  }

  #int8Tensor(id: ValueId, quantization: Quantization): number {
    const { shape } = valueById(this.#graph, id);
    const tensor = this.#add({ name: '', shape, type: 'INT8', quantization });
    this.#int8.set(id, [...(this.#int8.get(id) ?? []), tensor]);
    return tensor;
  }

  /** The tensor that the producer of a value writes, in the planned parameters. */
  int8Result(id: ValueId): number {
    this.#computed.add(id);
    return this.#int8Tensor(id, this.parameters(id));
  }

  /** A tensor between two operators that is no value of the graph. */
  temporary(type: TensorTypeName, shape: Shape, quantization?: Quantization): number {
    return this.#add({ name: '', shape, type, ...(quantization ? { quantization } : {}) });
  }
}
