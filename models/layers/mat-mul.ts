/** Products of two matrices. */
import * as tf from '@tensorflow/tfjs';
import { nativeBackend } from './native.ts';

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
  const native = nativeBackend();
  if (!native) return tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, transposeA, transposeB);
  const { TF_ATTR_TYPE, TF_ATTR_BOOL, TF_FLOAT } = native.binding;
  const attributes = [
    { name: 'transpose_a', type: TF_ATTR_BOOL, value: transposeA },
    { name: 'transpose_b', type: TF_ATTR_BOOL, value: transposeB },
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
  ];
  return native.executeMultipleOutputs('MatMul', attributes, [a, b], 1)[0]!;
}
