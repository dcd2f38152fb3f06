/**
 * A model written by hand: an embedding table, a GRU over what someone looked at, attention of a
 * candidate on its states. Trained as one compiled TensorFlow graph, then written as files for phones
 * and compared with what tfjs computes.
 *
 *   npm run example examples/hand-written/main.ts
 */
import * as tf from '@tensorflow/tfjs';
import {
  calibrate,
  compileTraining,
  composite,
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

const [ITEMS, KINDS, STEPS, WIDTH, UNITS] = [60, 5, 8, 8, 12];
type Tensors = Record<string, tf.Tensor>;

/** The label is 1 when the candidate is of the kind (id mod 5) of one of the last three items. */
function problem(rows: number, seed: number) {
  const drawn = tf.randomUniform([rows, STEPS + 1], 0, ITEMS, 'int32', seed).dataSync<'int32'>();
  const ids = Int32Array.from(drawn, (id) => Math.min(id, ITEMS - 1));
  const y = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const end = (row + 1) * (STEPS + 1) - 1;
    const kinds = [...ids.subarray(end - 3, end)].map((id) => id % KINDS);
    y[row] = Number(kinds.includes(ids[end]! % KINDS));
  }
  const [items, candidate] = tf.split(tf.tensor2d(ids, [rows, STEPS + 1], 'int32'), [STEPS, 1], 1);
  return { items: items!, candidate: candidate!, y: tf.tensor2d(y, [rows, 1]) };
}

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 0.3, 'float32', seed);
const weights: Tensors = {
  table: random([ITEMS, WIDTH], 1),
  gatesKernel: random([WIDTH + UNITS, 2 * UNITS], 2),
  gatesBias: tf.concat([tf.ones([UNITS]), tf.fill([UNITS], -1)]),
  stateKernel: random([WIDTH + UNITS, UNITS], 3),
  stateBias: tf.zeros([UNITS]),
  query: random([WIDTH, UNITS], 4),
  hidden: random([UNITS + WIDTH, 16], 5),
  out: random([16, 1], 6),
};

/** x [B, T, WIDTH] → states [B, T, UNITS]; one operation of the graph when it is exported. */
function gru(x: tf.Tensor3D, w: Tensors): tf.Tensor3D {
  const start = tf.zeros<tf.Rank.R2>([x.shape[0], UNITS]);
  const operands = [x, start, w.gatesKernel!, w.gatesBias!, w.stateKernel!, w.stateBias!];
  return composite('gru', operands, { mask: 'none' }, () => {
    const states: tf.Tensor[] = [];
    let h: tf.Tensor = start;
    for (const item of tf.unstack(x, 1)) {
      const gates = tf.add(tf.matMul(tf.concat([item, h], 1), w.gatesKernel!), w.gatesBias!);
      const [reset, update] = tf.split(tf.sigmoid(gates), 2, 1) as [tf.Tensor, tf.Tensor];
      const kept = tf.concat([item, tf.mul(reset, h)], 1);
      const next = tf.tanh(tf.add(tf.matMul(kept, w.stateKernel!), w.stateBias!));
      h = tf.add(tf.mul(update, h), tf.mul(tf.sub(1, update), next));
      states.push(h);
    }
    return tf.stack(states, 1) as tf.Tensor3D;
  });
}

/** Logits [B, 1]. */
function score({ items, candidate }: Tensors, w: Tensors): tf.Tensor {
  const states = gru(tf.gather(w.table!, items as tf.Tensor2D) as tf.Tensor3D, w);
  const wanted = tf.reshape(tf.gather(w.table!, candidate as tf.Tensor2D), [-1, WIDTH]);
  const query = tf.reshape(tf.matMul(wanted, w.query!), [-1, UNITS, 1]);
  const attention = tf.softmax(tf.matMul(states, query).reshape([-1, 1, STEPS]));
  const seen = tf.reshape(tf.matMul(attention, states), [-1, UNITS]);
  const hidden = tf.relu(tf.matMul(tf.concat([seen, wanted], 1), w.hidden!));
  return tf.matMul(hidden, w.out!);
}
const cost = (batch: Tensors, w: Tensors) =>
  tf.losses.sigmoidCrossEntropy(batch.y!, score(batch, w)) as tf.Tensor;

// Train. The form `lazy` updates only the rows of the table that a batch names.
const training = await compileTraining({
  name: 'hand-written',
  weights,
  inputs: {
    items: { shape: ['batch', STEPS], dtype: 'int32' },
    candidate: { shape: ['batch', 1], dtype: 'int32' },
    y: { shape: ['batch', 1] },
  },
  loss: cost,
  functions: { evaluate: (batch, w) => ({ loss: cost(batch, w) }) },
  learningRate: 0.01,
  adam: 'lazy',
});
const heldOut = problem(1000, 7);
const evaluate = (): number => training.call('evaluate', heldOut).loss!.dataSync()[0]!;
const before = evaluate();
for (let step = 0; step < 400; step++) {
  const batch = problem(128, 100 + step);
  training.step(batch);
  tf.dispose(batch);
}
console.log(`loss before ${before.toFixed(4)} after ${evaluate().toFixed(4)}`);
const trained = training.weights();
training.dispose();

// Export: a phone scores one candidate.
const inputs = {
  items: { shape: [1, STEPS], dtype: 'int32' },
  candidate: { shape: [1, 1], dtype: 'int32' },
} as const;
const graph = record((batch) => ({ p: tf.sigmoid(score(batch, trained)) }), inputs, {
  weights: trained,
});
const rows = Array.from({ length: 100 }, (_, i) => {
  const { items, candidate } = problem(1, 1000 + i);
  return { items: items.dataSync<'int32'>(), candidate: candidate.dataSync<'int32'>() };
});
const calibration = calibrate(graph, rows);
const files = {
  'ONNX float32': await loadOnnx(toOnnx(graph, { profile: 'float32' })),
  'TFLite float32': await loadTflite(toTflite(graph, { profile: 'float32' })),
  'TFLite int8': await loadTflite(toTflite(graph, { profile: 'int8', calibration })),
};
for (const [name, file] of Object.entries(files)) {
  let largest = 0;
  for (const row of rows.slice(0, 20)) {
    const batch = {
      items: tf.tensor2d(row.items, [1, STEPS], 'int32'),
      candidate: tf.tensor2d(row.candidate, [1, 1], 'int32'),
    };
    const [wanted] = tf.sigmoid(score(batch, trained)).dataSync();
    const { p } = await file.run(row);
    largest = Math.max(largest, Math.abs(wanted! - p![0]!));
  }
  console.log(`${name}: largest difference from tfjs ${largest.toExponential(1)}`);
  await file.dispose();
}
