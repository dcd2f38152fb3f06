/**
 * TensorFlow's own kernels, called by name on the `tensorflow` backend (tfjs-node). Under a recording
 * they become nodes like any other, because the recorder listens below this call.
 * Other backends (plain JavaScript, the export recorder) have no such kernels and refuse them. Layers
 * ask `nativeBackend()` first and otherwise compose plain tfjs ops with the same result; the stateless
 * draws at the end of this file have no such composition.
 */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import { TRACE_BACKEND } from './backend.ts';
import { callerLocation } from './location.ts';
import { refuse } from './refuse.ts';

/** An attribute as tfjs-node's backend takes it; `type` is one of the binding's `TF_ATTR_…`. */
export interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** What is used of the native addon. */
export interface NativeBinding {
  TF_ATTR_TYPE: number;
  TF_ATTR_INT: number;
  TF_ATTR_FLOAT: number;
  TF_ATTR_BOOL: number;
  TF_ATTR_STRING: number;
  TF_ATTR_SHAPE: number;
  TF_FLOAT: number;
  TF_INT32: number;
  TF_BOOL: number;
}

/** What is used of tfjs-node's backend. */
export interface NativeBackend {
  binding: NativeBinding;
  executeSingleOutput(op: string, attributes: OpAttribute[], inputs: tf.Tensor[]): tf.Tensor;
  executeMultipleOutputs(
    op: string,
    attributes: OpAttribute[],
    inputs: tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
  readSync(dataId: tf.DataId): tf.backend_util.BackendValues;
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId;
  /** True for `@tensorflow/tfjs-node-gpu`. */
  isGPUPackage: boolean;
}

let composed = false;

/**
 * From now on this process composes its layers of plain tfjs operations on every backend: the peer of
 * benches, and a reference.
 */
export function composeLayers(): void {
  composed = true;
}

/** The TensorFlow backend when it is the current one, else undefined. */
export function nativeBackend(): NativeBackend | undefined {
  if (composed || tf.getBackend() !== 'tensorflow') return undefined;
  return tf.backend() as unknown as NativeBackend;
}

/** `{ dtype: 'float32' }` is a type, `{ int: 3 }` an integer, plain booleans and strings themselves. */
export type RawAttribute =
  | boolean
  | string
  | { dtype: 'float32' | 'int32' | 'bool' }
  | { int: number }
  | { float: number };

function nativeAttribute(binding: NativeBinding, name: string, value: RawAttribute): OpAttribute {
  if (typeof value === 'boolean') return { name, type: binding.TF_ATTR_BOOL, value };
  if (typeof value === 'string') return { name, type: binding.TF_ATTR_STRING, value };
  if ('int' in value) return { name, type: binding.TF_ATTR_INT, value: value.int };
  if ('float' in value) return { name, type: binding.TF_ATTR_FLOAT, value: value.float };
  const types = { float32: binding.TF_FLOAT, int32: binding.TF_INT32, bool: binding.TF_BOOL };
  return { name, type: binding.TF_ATTR_TYPE, value: types[value.dtype] };
}

/**
 * Runs one TensorFlow operation. It has no gradient: wrap it in `tf.customGrad` where one is needed.
 * @param op its name in TensorFlow: `GRUBlockCell`
 * @param attributes all that have no default in TensorFlow, types (`T`) included
 * @param outputs how many the operation has
 * @throws EdgeloomError `unsupported-op` while a function is recorded for export, `needs-tensorflow`
 *   on other backends than `tensorflow`; Error when TensorFlow refuses
 */
export function rawOp(
  op: string,
  attributes: Record<string, RawAttribute>,
  inputs: tf.Tensor[],
  outputs = 1,
): tf.Tensor[] {
  const backend = nativeBackend();
  if (!backend) throw withoutKernel(op);
  const native = Object.entries(attributes).map(([name, value]) =>
    nativeAttribute(backend.binding, name, value),
  );
  return backend.executeMultipleOutputs(op, native, inputs, outputs);
}

function withoutKernel(op: string): EdgeloomError {
  const location = callerLocation();
  const where = location === undefined ? {} : { where: location };
  if (tf.getBackend() === TRACE_BACKEND) {
    return new EdgeloomError({
      code: 'unsupported-op',
      what: `TensorFlow's operation ${op} cannot be exported`,
      ...where,
      fix: 'use operations of the table in compiler/README.md',
    });
  }
  return new EdgeloomError({
    code: 'needs-tensorflow',
    what: `${op} needs the tensorflow backend, not ${tf.getBackend()}`,
    ...where,
    fix: 'call startTensorflow() before',
    exitCode: 3,
  });
}

const FLOAT = { dtype: 'float32' } as const;

/**
 * Numbers in [0, 1) that depend on the seed and the shape only: what dropout draws from in a function
 * that is compiled. Feed another seed at every step.
 * @param seed int32 [2]
 * @throws EdgeloomError `random-while-recording` while a function is recorded for export,
 *   `needs-tensorflow` on other backends than `tensorflow`
 */
export function statelessUniform(shape: number[], seed: tf.Tensor): tf.Tensor {
  return drawn('statelessUniform', shape, seed);
}

function drawn(caller: string, shape: number[], seed: tf.Tensor): tf.Tensor {
  if (tf.getBackend() === TRACE_BACKEND) {
    refuse(
      'random',
      `${caller} drew random numbers while`,
      'leave dropout out of what is exported',
    );
  }
  const types = { dtype: FLOAT, T: { dtype: 'int32' }, Tseed: { dtype: 'int32' } } as const;
  return tf.tidy(
    () => rawOp('StatelessRandomUniform', types, [tf.tensor1d(shape, 'int32'), seed])[0]!,
  );
}

/**
 * Dropout whose draws come from a fed seed, so that it can be compiled (tfjs draws its own in
 * JavaScript, once, when the function is recorded).
 * @param rate share of the entries that become 0; the rest is scaled by 1 / (1 − rate)
 * @param seed int32 [2]
 * @throws EdgeloomError as `statelessUniform`
 */
export function statelessDropout(x: tf.Tensor, rate: number, seed: tf.Tensor): tf.Tensor {
  const kept = tf.cast(tf.greaterEqual(drawn('statelessDropout', x.shape, seed), rate), 'float32');
  return tf.mul(x, tf.mul(kept, 1 / (1 - rate)));
}
