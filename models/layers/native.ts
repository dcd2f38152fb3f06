/**
 * TensorFlow's own kernels, called by name on the `tensorflow` backend (tfjs-node).
 * Other backends (plain JavaScript, the export recorder) have no such kernels: callers ask
 * `nativeBackend()` first and otherwise compose plain tfjs ops with the same result.
 */
import * as tf from '@tensorflow/tfjs';

interface OpAttribute {
  name: string;
  type: number;
  value: boolean | number | string | number[];
}

/** The part of tfjs-node's backend that is used here. */
export interface NativeBackend {
  binding: {
    TF_ATTR_TYPE: number;
    TF_ATTR_INT: number;
    TF_ATTR_BOOL: number;
    TF_FLOAT: number;
    TF_INT32: number;
  };
  executeMultipleOutputs(
    op: string,
    attributes: OpAttribute[],
    inputs: tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
}

/** The TensorFlow backend when it is the current one, else undefined. */
export function nativeBackend(): NativeBackend | undefined {
  if (tf.getBackend() !== 'tensorflow') return undefined;
  return tf.backend() as unknown as NativeBackend;
}

/** Runs a TensorFlow kernel whose only attribute is `T = float32`. */
export function runFloatOp(
  backend: NativeBackend,
  op: string,
  inputs: tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  const { TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  return backend.executeMultipleOutputs(
    op,
    [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }],
    inputs,
    outputs,
  );
}

/** First output of {@link runFloatOp}, typed like its first input. */
export function runUnaryGradient(
  backend: NativeBackend,
  op: string,
  inputs: tf.Tensor[],
): tf.Tensor {
  return runFloatOp(backend, op, inputs, 1)[0]!;
}
