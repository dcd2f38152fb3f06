/**
 * Records a function of tensors into a graph. The function runs once, on the trace backend, with
 * stand-in values; what it computes does not matter, which kernels it calls does.
 */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { GRU_INPUT } from '../graph/gru.ts';
import {
  at,
  type CompositeOp,
  type DType,
  elementCount,
  type Graph,
  type Port,
  sameShape,
  type TensorType,
  type TypedArray,
  type ValueId,
} from '../graph/ir.ts';
import { optimise, standardRules } from '../graph/optimise.ts';
import { maskRules } from '../graph/rules/masks.ts';
import {
  type CompositeCall,
  type KernelCall,
  type KernelListener,
  withListener,
} from './backend.ts';
import { lowerings } from './kernels.ts';
import { callerLocation } from './location.ts';
import { namedOutputs } from './outputs.ts';

export type NamedTensors = Record<string, tf.Tensor>;

export interface InputType {
  shape: readonly number[];
  /** @default 'float32' */
  dtype?: 'float32' | 'int32';
}

export interface RecordOptions {
  /** Name of the graph. @default 'main' */
  name?: string;
  /** Tensors that the function closes over, by the names that they shall have in the graph. */
  weights?: NamedTensors;
  /**
   * Inputs that hold only 0 and 1, so that `a · m + b · (1 − m)` may become a choice: with other
   * numbers in them the result would be wrong.
   * @default none
   */
  masks?: readonly string[] | undefined;
  /** Apply the rewrite rules. @default true */
  optimise?: boolean;
}

/** Positions of the inputs that must be constants of the graph: kernels and biases. */
const CONSTANT_INPUTS: Record<CompositeOp, readonly number[]> = { gru: GRU_INPUT.weights };

const DTYPES = new Set(['float32', 'int32', 'bool']);

class Recorder implements KernelListener {
  readonly builder: GraphBuilder;
  readonly #names = new WeakMap<tf.DataId, string>();
  /** A reshape or a cast may share the data of its input, so a value is data, type and shape. */
  readonly #values = new WeakMap<tf.DataId, Map<string, ValueId>>();
  readonly #traced = new WeakSet<tf.DataId>();
  readonly #read: (dataId: tf.DataId) => tf.backend_util.BackendValues;

  constructor(name: string, weights: NamedTensors) {
    this.builder = new GraphBuilder(name);
    for (const [weight, tensor] of Object.entries(weights)) this.#names.set(tensor.dataId, weight);
    this.#read = (dataId) => tf.backend().readSync(dataId);
  }

  isTraced(dataId: tf.DataId): boolean {
    return this.#traced.has(dataId);
  }

  bind(tensor: tf.TensorInfo, value: ValueId): void {
    const known = this.#values.get(tensor.dataId) ?? new Map<string, ValueId>();
    known.set(typeKey(tensor), value);
    this.#values.set(tensor.dataId, known);
    if (!this.builder.isConstant(value)) this.#traced.add(tensor.dataId);
  }

  /** The value of a tensor; one that no recorded kernel made is a constant. */
  valueOf(tensor: tf.TensorInfo): ValueId {
    const known = this.#values.get(tensor.dataId);
    const exact = known?.get(typeKey(tensor));
    if (exact !== undefined) return exact;
    for (const value of known?.values() ?? []) {
      if (this.builder.get(value).dtype === tensor.dtype) {
        return this.builder.reshape(value, tensor.shape);
      }
    }
    const type = typeOf(tensor);
    const data = copied(type.dtype, this.#read(tensor.dataId));
    const value = this.builder.constant(type, data, this.#names.get(tensor.dataId));
    this.bind(tensor, value);
    return value;
  }

  called({ name, inputs, attributes, outputs }: KernelCall): void {
    const tensors = Object.values(inputs).flat() as (tf.TensorInfo | undefined)[];
    if (!tensors.some((tensor) => tensor && this.isTraced(tensor.dataId))) return;
    const lower = lowerings[name];
    if (!lower)
      throw this.#refused(name, tensors, 'use operations of the table in compiler/README.md');
    let results: ValueId | readonly ValueId[];
    try {
      results = lower({
        builder: this.builder,
        attributes,
        outputs,
        all: () => tensors.flatMap((tensor) => (tensor ? [this.valueOf(tensor)] : [])),
        input: (key) => this.valueOf(inputs[key] as tf.TensorInfo),
        optional: (key) => {
          const tensor = inputs[key] as tf.TensorInfo | null | undefined;
          return tensor ? this.valueOf(tensor) : undefined;
        },
      });
    } catch (error) {
      if (error instanceof EdgeloomError && error.where === undefined) {
        throw this.#refused(name, tensors, error.fix ?? '', error);
      }
      throw error;
    }
    const values = typeof results === 'number' ? [results] : results;
    outputs.forEach((output, i) => {
      this.#bindResult(name, output, at(values, i));
    });
  }

  /** Weights that depend on the inputs have no composite form: the kernels are recorded then. */
  composite({
    op,
    attributes,
    inputs,
  }: CompositeCall): ((output: tf.TensorInfo) => void) | undefined {
    if (!inputs.some((tensor) => this.isTraced(tensor.dataId))) return undefined;
    const weights = inputs.filter((_, i) => CONSTANT_INPUTS[op].includes(i));
    if (weights.some((tensor) => this.isTraced(tensor.dataId))) return undefined;
    const values = inputs.map((tensor) => this.valueOf(tensor));
    const value = this.builder.emit(op, values, attributes);
    return (output) => {
      if (this.#values.has(output.dataId)) {
        throw new Error(`${op}: the fallback returned a tensor that it did not make`);
      }
      this.#bindResult(op, output, value);
    };
  }

  #bindResult(name: string, output: tf.TensorInfo, value: ValueId): void {
    const made = this.builder.get(value);
    if (made.dtype !== output.dtype || !sameShape(made.shape, output.shape)) {
      const got = `${made.dtype}[${made.shape}]`;
      throw new Error(`${name}: recorded ${got}, tfjs made ${output.dtype}[${output.shape}]`);
    }
    this.bind(output, value);
  }

  #refused(
    name: string,
    tensors: (tf.TensorInfo | undefined)[],
    fix: string,
    cause?: EdgeloomError,
  ): EdgeloomError {
    const types = tensors.flatMap((t) => (t ? [`${t.dtype}[${t.shape}]`] : []));
    const where = callerLocation();
    const what = cause?.message ?? 'The tfjs operation cannot be exported';
    return new EdgeloomError(
      {
        code: 'unsupported-op',
        what: `${what} (kernel ${name} of ${types.join(', ')})`,
        ...(where ? { where } : {}),
        fix,
      },
      { cause },
    );
  }
}

const typeKey = ({ dtype, shape }: tf.TensorInfo): string => `${dtype}[${shape}]`;

function typeOf({ dtype, shape }: tf.TensorInfo): TensorType {
  if (!DTYPES.has(dtype)) {
    throw new EdgeloomError({
      code: 'unsupported-op',
      what: `A tensor of type ${dtype} cannot be exported`,
      fix: 'use float32, int32 or bool',
    });
  }
  return { dtype: dtype as DType, shape: [...shape] };
}

function copied(dtype: DType, values: tf.backend_util.BackendValues): TypedArray {
  const numbers = values as unknown as ArrayLike<number>;
  if (dtype === 'float32') return Float32Array.from(numbers);
  return dtype === 'int32' ? Int32Array.from(numbers) : Uint8Array.from(numbers);
}

/** Runtimes take an empty name for none, and LiteRT's package loses that of a prototype. */
function checkPortName(port: string, graph: string): void {
  if (port !== '' && port !== '__proto__' && !port.includes('\0')) return;
  throw new EdgeloomError({
    code: 'bad-names',
    what: `${JSON.stringify(port)} cannot name an input or an output`,
    where: `graph ${graph}`,
    fix: 'choose another name',
  });
}

function checkInputType(input: string, { shape, dtype }: InputType, graph: string): void {
  checkPortName(input, graph);
  const refuse = (what: string, fix: string) => {
    const where = `graph ${graph}`;
    return new EdgeloomError({
      code: 'bad-inputs',
      what: `The input ${input} ${what}`,
      where,
      fix,
    });
  };
  const wrong = shape.find((size) => !Number.isInteger(size) || size < 1);
  if (wrong !== undefined || shape.some((size) => size === undefined)) {
    const fix = 'exported shapes are fixed: whole numbers from 1, the batch too';
    throw refuse(`has the size ${wrong} in its shape`, fix);
  }
  if (dtype === undefined || dtype === 'float32' || dtype === 'int32') return;
  throw refuse(`is declared as ${dtype}`, 'take float32 or int32 and cast it inside the function');
}

/** Float inputs are not 0, which would make quotients undefined. */
function standIn({ shape, dtype }: TensorType): tf.Tensor {
  const size = elementCount(shape);
  if (dtype === 'int32') return tf.tensor(new Int32Array(size), [...shape], 'int32');
  return tf.tensor(new Float32Array(size).fill(0.5), [...shape], 'float32');
}

/**
 * Records `run` for inputs of these types. Tensors that it reads besides its inputs are constants
 * of the graph. Runs synchronously and puts the former tfjs backend back.
 * @throws EdgeloomError `unsupported-op` (operation and source line), `read-while-recording`,
 *   `random-while-recording`, `assign-while-recording`, `bad-names`, `bad-inputs`, `bad-outputs`
 */
export function record(
  run: (inputs: NamedTensors) => NamedTensors,
  inputs: Record<string, InputType>,
  options: RecordOptions = {},
): Graph {
  const { name = 'main', weights = {}, masks = [] } = options;
  for (const [input, type] of Object.entries(inputs)) checkInputType(input, type, name);
  const recorder = new Recorder(name, weights);
  const ports: Port[] = [];
  withListener(recorder, () => {
    const tensors: NamedTensors = {};
    for (const [input, { shape, dtype = 'float32' }] of Object.entries(inputs)) {
      const type = { shape, dtype };
      const tensor = standIn(type);
      recorder.bind(tensor, recorder.builder.input(input, type));
      tensors[input] = tensor;
    }
    for (const [output, tensor] of namedOutputs(run(tensors), `graph ${name}`)) {
      checkPortName(output, name);
      if (Object.hasOwn(inputs, output)) {
        throw new EdgeloomError({
          code: 'bad-names',
          what: `${output} names both an input and an output`,
          where: `graph ${name}`,
          fix: 'give the output a name of its own',
        });
      }
      ports.push({ name: output, value: recorder.valueOf(tensor) });
    }
    return [];
  });
  const graph = recorder.builder.finish(ports);
  if (options.optimise === false) return graph;
  return optimise(graph, [...standardRules, ...maskRules(graph, masks)]);
}
