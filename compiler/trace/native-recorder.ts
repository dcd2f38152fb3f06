/**
 * Listens to what a function asks of TensorFlow: a hook on tfjs-node's backend, where calls already
 * carry TensorFlow's operation names, attributes and axis tensors, gradients included. One recording
 * is one run at known sizes; tensorflow/merge.ts makes a graph of several.
 */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import type { DType, TypedArray } from '../graph/ir.ts';
import { callerLocation, stackText } from './location.ts';
import { type NativeBackend, nativeBackend, type OpAttribute } from './raw-op.ts';
import { type Fixes, READ_FIX, refuse, refuseDrawn, refuseSideEffects } from './refuse.ts';

/** Where an operation's input comes from. */
export type Source =
  | { kind: 'operation'; operation: number; output: number }
  | { kind: 'input'; name: string }
  | { kind: 'weight'; name: string }
  | { kind: 'constant'; dtype: DType; shape: readonly number[]; data: TypedArray };

export interface RecordedOperation {
  op: string;
  attributes: readonly OpAttribute[];
  inputs: readonly Source[];
  outputs: readonly { shape: readonly number[]; dtype: DType }[];
}

export interface RecordedOutput {
  source: Source;
  shape: readonly number[];
  dtype: DType;
}

export interface Recording {
  operations: readonly RecordedOperation[];
  outputs: Readonly<Record<string, RecordedOutput>>;
}

export interface RecordingInput {
  /** Stand-ins for the batch. */
  inputs: Record<string, tf.Tensor>;
  /** Tensors (variables too) that are weights, by name. */
  weights: Record<string, tf.Tensor>;
  run(inputs: Record<string, tf.Tensor>): Record<string, tf.Tensor>;
  /** Operation whose source line is wanted; finding lines is too slow to do it for all. */
  locate?: number;
}

/** @throws EdgeloomError `needs-tensorflow` */
export function requireNative(): NativeBackend {
  const backend = nativeBackend();
  if (backend) return backend;
  throw new EdgeloomError({
    code: 'needs-tensorflow',
    what: `Compiled training needs the tensorflow backend, not ${tf.getBackend() || 'none'}`,
    fix: 'import @tensorflow/tfjs-node and call tf.setBackend("tensorflow"), or train in eager mode',
    exitCode: 3,
  });
}

/**
 * Runs the function once under the hook. tfjs's graph of gradients is part of what it calls.
 * @throws EdgeloomError `read-while-recording`, `random-while-recording`, `assign-while-recording`,
 *   `unknown-variable`, each with the caller's line
 */
export function recordNative(input: RecordingInput): Recording & { where?: string } {
  return new NativeRecorder(requireNative(), input).record();
}

/** tfjs's gather reads its indices to check them, which decides nothing. */
const KERNEL = /tfjs-node(?:-gpu)?\/dist\/kernels\//;

class NativeRecorder {
  readonly #backend: NativeBackend;
  readonly #input: RecordingInput;
  readonly #sources = new Map<tf.DataId, Source>();
  readonly #foreign: Map<tf.DataId, string>;
  readonly #operations: RecordedOperation[] = [];
  #where: string | undefined;

  constructor(backend: NativeBackend, input: RecordingInput) {
    this.#backend = backend;
    this.#input = input;
    for (const [name, { dataId }] of Object.entries(input.weights)) {
      this.#sources.set(dataId, { kind: 'weight', name });
    }
    for (const [name, { dataId }] of Object.entries(input.inputs)) {
      this.#sources.set(dataId, { kind: 'input', name });
    }
    const variables = Object.values<tf.Variable>(tf.engine().registeredVariables);
    this.#foreign = new Map(variables.map(({ dataId, name }) => [dataId, name]));
  }

  record(): Recording & { where?: string } {
    const restore = this.#hook();
    const outputs: Record<string, RecordedOutput> = {};
    try {
      tf.tidy(() => {
        for (const [name, tensor] of Object.entries(this.#input.run(this.#input.inputs))) {
          const { shape, dtype } = tensor;
          outputs[name] = { source: this.#source(tensor), shape: [...shape], dtype: known(dtype) };
        }
      });
    } finally {
      restore();
    }
    const where = this.#where;
    return { operations: this.#operations, outputs, ...(where === undefined ? {} : { where }) };
  }

  /** Replaces methods of this one backend object; prototypes stay as they are. */
  #hook(): () => void {
    const backend = this.#backend;
    const recorder = this;
    const { executeSingleOutput, executeMultipleOutputs, readSync, write } = backend;
    Object.assign(backend, {
      executeSingleOutput(op: string, attributes: OpAttribute[], inputs: tf.Tensor[]) {
        const sources = inputs.map((tensor) => recorder.#source(tensor));
        const output = executeSingleOutput.call(backend, op, attributes, inputs);
        recorder.#called(op, attributes, sources, [output]);
        return output;
      },
      executeMultipleOutputs(
        op: string,
        attributes: OpAttribute[],
        inputs: tf.Tensor[],
        n: number,
      ) {
        const sources = inputs.map((tensor) => recorder.#source(tensor));
        const outputs = executeMultipleOutputs.call(backend, op, attributes, inputs, n);
        recorder.#called(op, attributes, sources, outputs);
        return outputs;
      },
      readSync(dataId: tf.DataId) {
        recorder.#refuseRead(dataId);
        return readSync.call(backend, dataId);
      },
      write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType) {
        if (dtype === 'float32' && values.length > 1) refuseDrawn(FIXES);
        return write.call(backend, values, shape, dtype);
      },
    });
    const allow = refuseSideEffects(FIXES);
    return () => {
      for (const name of ['executeSingleOutput', 'executeMultipleOutputs', 'readSync', 'write']) {
        Reflect.deleteProperty(backend, name);
      }
      allow();
    };
  }

  #called(op: string, attributes: OpAttribute[], inputs: Source[], outputs: tf.Tensor[]): void {
    const operation = this.#operations.length;
    if (operation === this.#input.locate) this.#where = callerLocation();
    this.#operations.push({
      op,
      attributes: [...attributes],
      inputs,
      outputs: outputs.map(({ shape, dtype }) => ({ shape: [...shape], dtype: known(dtype) })),
    });
    outputs.forEach(({ dataId }, output) => {
      this.#sources.set(dataId, { kind: 'operation', operation, output });
    });
  }

  #source(tensor: tf.Tensor): Source {
    const { dataId, shape } = tensor;
    const found = this.#sources.get(dataId);
    if (found) return found;
    const variable = this.#foreign.get(dataId);
    if (variable !== undefined) {
      const where = callerLocation();
      throw new EdgeloomError({
        code: 'unknown-variable',
        what: `The function uses the variable ${variable}, which is not among the weights`,
        ...(where ? { where } : {}),
        fix: 'name it in `weights` (or in `frozen` when it is not trained)',
      });
    }
    const dtype = known(tensor.dtype);
    const values = this.#backend.readSync(dataId) as unknown as ArrayLike<number>;
    const source: Source = {
      kind: 'constant',
      dtype,
      shape: [...shape],
      data: copied(dtype, values),
    };
    this.#sources.set(dataId, source);
    return source;
  }

  /** Constants may be read; what depends on the batch or the weights may not. */
  #refuseRead(dataId: tf.DataId): void {
    const source = this.#sources.get(dataId);
    if (!source || source.kind === 'constant' || !this.#varies(source, new Set())) return;
    if (KERNEL.test(stackText())) return;
    const of =
      source.kind === 'operation' ? `a ${this.#operations[source.operation]!.op}` : source.name;
    refuse(
      'read',
      `Values of ${of}, which depends on the batch or the weights, were read while`,
      READ_FIX,
    );
  }

  #varies(source: Source, seen: Set<number>): boolean {
    if (source.kind !== 'operation') return source.kind !== 'constant';
    if (seen.has(source.operation)) return false;
    seen.add(source.operation);
    return this.#operations[source.operation]!.inputs.some((input) => this.#varies(input, seen));
  }
}

function known(dtype: tf.DataType): DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  const where = callerLocation();
  throw new EdgeloomError({
    code: 'unsupported-op',
    what: `A tensor of type ${dtype} cannot be part of a compiled function`,
    ...(where ? { where } : {}),
    fix: 'use float32, int32 or bool',
  });
}

function copied(dtype: DType, values: ArrayLike<number>): TypedArray {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

const FIXES: Fixes = {
  random:
    'they would be the same at every step: draw with statelessUniform or statelessDropout from a seed that is fed; tf.dropout and the dropout layers of tf.layers cannot be compiled',
  assign:
    'leave updates of variables out of the loss: batch normalisation with training: false, or layer normalisation',
};
