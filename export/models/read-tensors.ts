/** Values of computed tensors. */
import * as tf from '@tensorflow/tfjs';
import type { NamedArrays } from '../../compiler/index.ts';

/** Runs a function and reads what it gives. (A `tf.tidy` that returned arrays would look at every number.) */
export function readTensors(run: () => Record<string, tf.Tensor>): NamedArrays {
  const tensors = tf.tidy(run);
  const arrays = Object.entries(tensors).map(([name, tensor]) => [name, tensor.dataSync()]);
  tf.dispose(tensors);
  return Object.fromEntries(arrays) as NamedArrays;
}
