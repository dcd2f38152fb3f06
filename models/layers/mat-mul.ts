/** Products of two matrices. */
import * as tf from '@tensorflow/tfjs';
import { nativeBackend, rawOp } from '../../compiler/trace/raw-op.ts';

/**
 * a b. tfjs sends every product to TensorFlow's batched kernel, which for a single product is about
 * half as fast as the plain one that is called here; other backends take tfjs's own.
 * @param a [M, K] @param b [K, N] @returns [M, N]
 */
export function matMul(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (!nativeBackend()) return tf.matMul(a, b);
  const op = tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const [left, right] = inputs as tf.Tensor[];
    save([left!, right!]);
    return {
      value: product(left!, right!),
      gradFunc: (dy: tf.Tensor, [x, y]: tf.Tensor[]) => [
        product(dy, y!, false, true),
        product(x!, dy, true),
      ],
    };
  });
  return op(a, b) as tf.Tensor2D;
}

/** The product of two matrices, either transposed, for use inside hand-written gradients. */
export function product(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA = false,
  transposeB = false,
): tf.Tensor {
  if (!nativeBackend())
    return tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, transposeA, transposeB);
  const attributes = {
    transpose_a: transposeA,
    transpose_b: transposeB,
    T: { dtype: 'float32' },
  } as const;
  return rawOp('MatMul', attributes, [a, b])[0]!;
}
