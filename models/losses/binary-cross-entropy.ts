/** Losses for clicks. */
import * as tf from '@tensorflow/tfjs';

/** −ln p(label) of each entry, from logits: max(z, 0) − z y + ln(1 + e^−|z|); never overflows. */
function crossEntropies(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  return tf.add(
    tf.sub(tf.relu(logits), tf.mul(logits, labels)),
    tf.log1p(tf.exp(tf.neg(tf.abs(logits)))),
  );
}

/**
 * Mean binary cross entropy over the entries with mask 1; 0 when all are masked.
 * @param logits, labels, mask of equal shape; labels in {0, 1}
 */
export function maskedBinaryCrossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  mask: tf.Tensor,
): tf.Scalar {
  const count = tf.maximum(tf.sum(mask), 1);
  return tf.div(tf.sum(tf.mul(crossEntropies(logits, labels), mask)), count) as tf.Scalar;
}

/**
 * Binary cross entropy of a slate's clicks: summed over the candidates that were seen, averaged over
 * slates. So every seen candidate weighs the same, in whatever batch its slate is.
 * @param logits, labels, mask [B, N]; labels in {0, 1}, mask 1 for candidates that were seen
 */
export function slateCrossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  mask: tf.Tensor,
): tf.Scalar {
  const sum = tf.sum(tf.mul(crossEntropies(logits, labels), mask));
  return tf.div(sum, logits.shape[0]!) as tf.Scalar;
}
