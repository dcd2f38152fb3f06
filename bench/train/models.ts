/** The two models that are also written in Keras, of our own layers; weights as in python/train_peer.py. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import type { Model, Tensors } from '../../models/engine/types.ts';
import { mlp, mlpInit } from '../../models/layers/dense.ts';
import { embedding } from '../../models/layers/embedding.ts';
import { gru, gruInit, gruWeights } from '../../models/layers/gru.ts';
import { glorotUniform, normal } from '../../models/layers/initializers.ts';
import { matMul } from '../../models/layers/mat-mul.ts';

export type PeerModel = 'recurrent' | 'mlp';

const WIDTH = 16;
const UNITS = 32;
const STEPS = 50;
const CANDIDATES = 10;
const RECURRENT_HEAD = [64, 32];
const IDS = 10;
const DENSE = 13;
const MLP_HEAD = [256, 128];
/** Added to the score of a padded step. */
const PADDING_SCORE = -1e9;

const table = (rows: number, random: Random): Tensors => ({
  'embedding/item': normal([rows, WIDTH], 0.05, random),
});
const rowsOf = (weights: Tensors, ids: tf.Tensor): tf.Tensor =>
  embedding(weights['embedding/item'] as tf.Tensor2D, ids);

/** Mean cross entropy of logits, the same formula as Keras's with `from_logits`. */
const meanLoss = (labels: tf.Tensor, logits: tf.Tensor): tf.Scalar => {
  const each = tf.add(
    tf.sub(tf.relu(logits), tf.mul(logits, labels)),
    tf.log1p(tf.exp(tf.neg(tf.abs(logits)))),
  );
  return tf.mean(each) as tf.Scalar;
};

/**
 * Attention of candidates over the states of their history:
 * `hist` [B, 50] → GRU(32) → states; score q·h/√32 with q = W_q · row of the candidate; head on [context, row].
 */
function recurrentLogits(weights: Tensors, { hist, mask, cand }: Tensors): tf.Tensor {
  const batch = hist!.shape[0]!;
  const items = rowsOf(weights, cand!); // [B, C, D]
  const past = rowsOf(weights, hist!) as tf.Tensor3D; // [B, T, D]
  const states = gru(past, mask as tf.Tensor2D, gruWeights(weights, 'gru'), undefined, 2); // [B, T, H]
  const flat = items.reshape<tf.Tensor2D>([batch * CANDIDATES, WIDTH]);
  const queries = matMul(flat, weights.query as tf.Tensor2D).reshape([batch, CANDIDATES, UNITS]);
  const padding = tf.mul(tf.sub(1, mask!), PADDING_SCORE).reshape([batch, 1, STEPS]);
  const products = tf.matMul(queries, states, false, true); // [B, C, T]
  const attention = tf.softmax(tf.add(tf.mul(products, 1 / Math.sqrt(UNITS)), padding));
  const context = tf.matMul(attention, states); // [B, C, H]
  const head = tf.concat([context, items], 2); // [B, C, H + D]
  return mlp(weights, 'head', RECURRENT_HEAD, head).reshape([batch, CANDIDATES]);
}

function mlpLogits(weights: Tensors, { ids, dense }: Tensors): tf.Tensor {
  const batch = ids!.shape[0]!;
  const rows = rowsOf(weights, ids!).reshape([batch, IDS * WIDTH]);
  return mlp(weights, 'head', MLP_HEAD, tf.concat([rows, dense!], 1));
}

const recurrent = (rows: number): Model => ({
  name: 'recurrent',
  config: { rows },
  inputs: {
    hist: { dtype: 'int32', shape: [STEPS] },
    mask: { dtype: 'float32', shape: [STEPS] },
    cand: { dtype: 'int32', shape: [CANDIDATES] },
    label: { dtype: 'float32', shape: [CANDIDATES] },
  },
  init: (seed) =>
    tf.tidy(() => {
      const random = Random.of(seed, 'recurrent');
      return {
        ...table(rows, random),
        ...gruInit('gru', WIDTH, UNITS, random),
        query: glorotUniform([WIDTH, UNITS], random),
        ...mlpInit('head', UNITS + WIDTH, RECURRENT_HEAD, random),
      };
    }),
  predict: recurrentLogits,
  loss: (weights, batch) => meanLoss(batch.label!, recurrentLogits(weights, batch)),
});

const plain = (rows: number): Model => ({
  name: 'mlp',
  config: { rows },
  inputs: {
    ids: { dtype: 'int32', shape: [IDS] },
    dense: { dtype: 'float32', shape: [DENSE] },
    label: { dtype: 'float32', shape: [1] },
  },
  init: (seed) =>
    tf.tidy(() => {
      const random = Random.of(seed, 'mlp');
      return {
        ...table(rows, random),
        ...mlpInit('head', IDS * WIDTH + DENSE, MLP_HEAD, random),
      };
    }),
  predict: mlpLogits,
  loss: (weights, batch) => meanLoss(batch.label!, mlpLogits(weights, batch)),
});

/** @param rows of the embedding table */
export const peerModel = (name: PeerModel, rows: number): Model =>
  (name === 'mlp' ? plain : recurrent)(rows);
