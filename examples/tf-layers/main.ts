/**
 * A `tf.layers` model: trained as one compiled TensorFlow graph, then written as files for phones and
 * compared with what tfjs computes.
 *
 *   npm run example examples/tf-layers/main.ts
 */
import * as tf from '@tensorflow/tfjs';
import {
  calibrate,
  compileTraining,
  type EdgeloomError,
  loadOnnx,
  loadTflite,
  record,
  startTensorflow,
  toOnnx,
  toTflite,
} from 'edgeloom/compiler';

await startTensorflow().catch((error: EdgeloomError) => {
  console.error(error.describe());
  process.exit(error.exitCode);
});

/** The label is near 1 where the first two of four features have the same sign; drawn from a seed. */
function problem(rows: number, seed: number): { x: tf.Tensor2D; y: tf.Tensor } {
  const x = tf.randomNormal<tf.Rank.R2>([rows, 4], 0, 1, 'float32', seed);
  const [a, b] = tf.split(x, [1, 1, 2], 1) as [tf.Tensor2D, tf.Tensor2D];
  return { x, y: tf.sigmoid(tf.mul(2, tf.mul(a, b))) };
}

const dense = (units: number, activation: 'relu' | 'sigmoid', seed: number) =>
  tf.layers.dense({
    units,
    activation,
    kernelInitializer: tf.initializers.glorotUniform({ seed }),
    ...(seed === 1 ? { inputShape: [4] } : {}),
  });
const model = tf.sequential({
  layers: [dense(32, 'relu', 1), dense(16, 'relu', 2), dense(1, 'sigmoid', 3)],
});
const apply = (x: tf.Tensor) => model.apply(x) as tf.Tensor;
const cost = (x: tf.Tensor, y: tf.Tensor) => tf.metrics.binaryCrossentropy(y, apply(x)).mean();

// Train: the loss, its gradients and Adam are one graph, called once a step.
const training = await compileTraining({
  name: 'tf-layers',
  weights: Object.fromEntries(model.trainableWeights.map((w) => [w.name, w.read()])),
  inputs: { x: { shape: ['batch', 4] }, y: { shape: ['batch', 1] } },
  loss: ({ x, y }) => cost(x!, y!),
  functions: { evaluate: ({ x, y }) => ({ loss: cost(x!, y!) }) },
  learningRate: 0.01,
});
const heldOut = problem(1000, 7);
const evaluate = (): number => training.call('evaluate', heldOut).loss!.dataSync()[0]!;
const before = evaluate();
for (let step = 0; step < 300; step++) {
  const batch = problem(128, 100 + step);
  training.step(batch);
  tf.dispose(batch);
}
console.log(`loss before ${before.toFixed(4)} after ${evaluate().toFixed(4)}`);
const trained = training.weights();
for (const weight of model.trainableWeights) weight.write(trained[weight.name]!);
training.dispose();

// Export: a phone scores eight candidates at once.
const graph = record(
  ({ x }) => ({ score: apply(x!) }),
  { x: { shape: [8, 4] } },
  { name: 'score' },
);
const rows = Array.from({ length: 100 }, (_, i) => ({
  x: problem(8, 1000 + i).x.dataSync<'float32'>(),
}));
const calibration = calibrate(graph, rows);
const files = {
  'ONNX float32': await loadOnnx(toOnnx(graph, { profile: 'float32' })),
  'TFLite float32': await loadTflite(toTflite(graph, { profile: 'float32' })),
  'TFLite int8': await loadTflite(toTflite(graph, { profile: 'int8', calibration })),
};
for (const [name, file] of Object.entries(files)) {
  let largest = 0;
  for (const { x } of rows.slice(0, 20)) {
    const wanted = apply(tf.tensor2d(x, [8, 4])).dataSync();
    const { score } = await file.run({ x });
    wanted.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - score![i]!));
    });
  }
  console.log(`${name}: largest difference from tfjs ${largest.toExponential(1)}`);
  await file.dispose();
}
