/** Does a table learn as well when its rows are updated one by one? */
import * as tf from '@tensorflow/tfjs';
import { type AdamForm, compileTraining } from '../../compiler/tensorflow/index.ts';
import { Random } from '../../lib/random.ts';
import { batchInputs } from '../../models/engine/compiled-trainer.ts';
import type { Tensors } from '../../models/engine/types.ts';
import { auc } from '../../models/metrics/auc.ts';
import type { BenchLine } from '../types.ts';
import { peerModel } from './models.ts';
import type { SpeedOptions } from './speed.ts';

const ROWS = 20_000;
const IDS = 10;
const DENSE = 13;
const BATCH = 256;
const STEPS = 600;
const VALIDATION = 8192;
const SEEDS = 6;
/** Student's t, 97.5 %, SEEDS − 1 degrees of freedom. */
const T_VALUE = 2.571;

interface Rows {
  ids: Int32Array;
  dense: Float32Array;
  labels: Float32Array;
}

/** Clicks whose log-odds are the sum of the items' appeal, of which some items have much, and a number's weight. */
function rowsWithSignal(count: number, appeal: Float32Array, random: Random): Rows {
  const ids = new Int32Array(count * IDS);
  const dense = new Float32Array(count * DENSE);
  const labels = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    let logit = -0.5;
    for (let i = row * IDS; i < (row + 1) * IDS; i++) {
      ids[i] = Math.floor(random.uniform() * random.uniform() * ROWS);
      logit += 0.5 * appeal[ids[i]!]!;
    }
    for (let i = 0; i < DENSE; i++) dense[row * DENSE + i] = random.uniform();
    logit += dense[row * DENSE]! - 0.5;
    labels[row] = Number(random.chance(1 / (1 + Math.exp(-logit))));
  }
  return { ids, dense, labels };
}

const tensorsOf = ({ ids, dense, labels }: Rows): Tensors => ({
  ids: tf.tensor(ids, [labels.length, IDS], 'int32'),
  dense: tf.tensor(dense, [labels.length, DENSE]),
  label: tf.tensor(labels, [labels.length, 1]),
});

/** Area under the curve on rows that training did not see. */
async function validated(adam: AdamForm, seed: number, appeal: Float32Array): Promise<number> {
  const model = peerModel('mlp', ROWS);
  const weights = model.init(seed);
  const training = await compileTraining({
    ...batchInputs(model),
    weights,
    loss: (batch, all) => model.loss(all, batch),
    functions: { predict: (batch, all) => ({ logits: model.predict(all, batch) }) },
    learningRate: 0.003,
    adam,
  });
  const random = Random.of(seed, 'quality');
  for (let i = 0; i < STEPS; i++) {
    const batch = tensorsOf(rowsWithSignal(BATCH, appeal, random));
    training.step(batch);
    tf.dispose(batch);
  }
  const rows = rowsWithSignal(VALIDATION, appeal, Random.of(0, 'validation'));
  const batch = tensorsOf(rows);
  const { logits } = training.call('predict', batch);
  const value = auc(logits!.dataSync(), rows.labels);
  tf.dispose([batch, weights, logits!]);
  training.dispose();
  return value;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** One figure: mean validation AUC of the form `lazy`, with the interval of the form `fast` as its target. */
export async function lazyQuality({ say }: SpeedOptions): Promise<BenchLine> {
  const random = Random.of(1, 'appeal');
  const appeal = Float32Array.from({ length: ROWS }, () => random.normal());
  const values: Record<'fast' | 'lazy', number[]> = { fast: [], lazy: [] };
  for (let seed = 1; seed <= SEEDS; seed++) {
    say(`lazy against dense: seed ${seed} of ${SEEDS}`);
    for (const form of ['fast', 'lazy'] as const) {
      values[form].push(await validated(form, seed, appeal));
    }
  }
  const dense = mean(values.fast);
  const deviation = Math.sqrt(
    values.fast.reduce((sum, value) => sum + (value - dense) ** 2, 0) / (SEEDS - 1),
  );
  const half = (T_VALUE * deviation) / Math.sqrt(SEEDS);
  return {
    figure: 'mlp: validation AUC of the lazy form, mean over seeds',
    value: Number(mean(values.lazy).toFixed(4)),
    target: `in [${(dense - half).toFixed(4)}, ${(dense + half).toFixed(4)}], dense form`,
    peer: { dense: Number(dense.toFixed(4)) },
    data: `generated with a signal, ${STEPS} steps of ${BATCH}, ${VALIDATION} rows to validate`,
    n: SEEDS,
    extra: values,
  };
}
