/**
 * Gradients as TensorFlow's own kernels, in place of tfjs's compositions; and of a tile as one sum, where
 * tfjs adds up slice by slice, so that the number of operations depends on the size of the batch.
 */
import * as tf from '@tensorflow/tfjs';
import { rawOp } from './raw-op.ts';

const FLOAT = { T: { dtype: 'float32' } } as const;

const one = (value: tf.Tensor | tf.Tensor[]): tf.Tensor =>
  Array.isArray(value) ? value[0]! : value;

const configs: tf.GradConfig[] = [
  {
    kernelName: 'Sigmoid',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => rawOp('SigmoidGrad', FLOAT, [y!, one(dy)])[0]! }),
  },
  {
    kernelName: 'Tanh',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => rawOp('TanhGrad', FLOAT, [y!, one(dy)])[0]! }),
  },
  {
    kernelName: 'Relu',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => rawOp('ReluGrad', FLOAT, [one(dy), y!])[0]! }),
  },
  {
    kernelName: 'Tile',
    inputsToSave: ['x'],
    gradFunc: (dy, [x], { reps }) => ({
      x: () => tileGradient(one(dy), x!.shape, reps as number[]),
    }),
  },
];

/** [r₀n₀, r₁n₁, …] as [r₀, n₀, r₁, n₁, …], summed over the repetitions. */
function tileGradient(dy: tf.Tensor, shape: number[], reps: number[]): tf.Tensor {
  const apart = tf.reshape(
    dy,
    shape.flatMap((size, axis) => [reps[axis]!, size]),
  );
  const repetitions = shape.map((_, axis) => 2 * axis);
  return tf.sum(apart, repetitions);
}

/** Runs `body` with those gradients and puts tfjs's back: eager training keeps its own. */
export function withFusedGradients<T>(body: () => T): T {
  const former = configs.map(({ kernelName }) => tf.getGradient(kernelName));
  for (const config of configs) tf.registerGradient(config);
  try {
    return body();
  } finally {
    for (const config of former) tf.registerGradient(config);
  }
}
