/** Gradients of activations as TensorFlow's own kernels, in place of tfjs's compositions. */
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
];

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
