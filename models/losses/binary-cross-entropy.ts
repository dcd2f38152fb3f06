/** Losses for clicks. */
import * as tf from '@tensorflow/tfjs';

/**
 * Mean binary cross entropy over the entries with mask 1, from logits:
 *   max(z, 0) − z y + ln(1 + e^−|z|), which neither overflows nor loses small values.
 * An all-masked batch has loss 0.
 * @param logits, labels, mask of equal shape; labels in {0, 1}
 */
export function maskedBinaryCrossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  mask: tf.Tensor,
): tf.Scalar {
  const each = tf.add(
    tf.sub(tf.relu(logits), tf.mul(logits, labels)),
    tf.log1p(tf.exp(tf.neg(tf.abs(logits)))),
  );
  const count = tf.maximum(tf.sum(mask), 1);
  return tf.div(tf.sum(tf.mul(each, mask)), count) as tf.Scalar;
}
