/** The shapes of a small reranker, written by hand in tfjs, through every target. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { deviation, type Prepared, prepare } from './testing/deviation.ts';
import { FLOAT_TARGETS, ROUNDING_TARGETS, type Subject } from './testing/parity.ts';

const FLOAT_TOLERANCE = 1e-5;

const random = Random.of(21, 'recurrent');
const weight = (...shape: number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((n, s) => n * s, 1) }, () => random.normal(0, 0.25)),
    shape,
  );

const H = 32;

interface Cell {
  gates: tf.Tensor2D;
  candidate: tf.Tensor2D;
}

const cell = (inputs: number): Cell => ({
  gates: weight(inputs + H, 2 * H) as tf.Tensor2D,
  candidate: weight(inputs + H, H) as tf.Tensor2D,
});

/** [r, u] = σ([x, h] W), c = tanh([x, r ∘ h] W'), h' = u ∘ h + (1 − u) ∘ c. */
function step(x: tf.Tensor2D, h: tf.Tensor2D, { gates, candidate }: Cell): tf.Tensor2D {
  const [r, u] = tf.split(tf.sigmoid(tf.matMul(tf.concat([x, h], 1), gates)), 2, 1) as [
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const c = tf.tanh(tf.matMul(tf.concat([x, tf.mul(r, h)], 1), candidate));
  return tf.add(tf.mul(u, h), tf.mul(tf.sub(1, u), c)) as tf.Tensor2D;
}

function sequence(x: tf.Tensor, mask: tf.Tensor, weights: Cell): tf.Tensor {
  let h = tf.zeros([1, H]) as tf.Tensor2D;
  const states = tf.unstack(x, 1).map((xt, t) => {
    const m = tf.slice(mask, [0, t], [1, 1]);
    const next = step(xt as tf.Tensor2D, h, weights);
    h = tf.add(tf.mul(next, m), tf.mul(h, tf.sub(1, m))) as tf.Tensor2D;
    return h;
  });
  return tf.stack(states, 1);
}

/** softmax_k(vᵀ tanh(q_n + k_k)) over [N, K, A], masked by a large negative number. */
function attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor2D, mask: tf.Tensor): tf.Tensor {
  const [n, K, a] = [q.shape[1]!, k.shape[1]!, q.shape[2]!];
  const sum = tf.tanh(tf.add(tf.expandDims(q, 2), tf.expandDims(k, 1)));
  const scores = tf.matMul(sum.reshape([n * K, a]), v).reshape([1, n, K]);
  const weights = tf.softmax(tf.add(scores, tf.mul(tf.sub(1, tf.expandDims(mask, 1)), -1e9)));
  return tf.matMul(weights, k);
}

const stepCell = cell(40);
const sequenceCell = cell(16);
const slateCell = cell(24);
const v = weight(H, 1) as tf.Tensor2D;
const table = weight(60, 16) as tf.Tensor2D;
const layers = [weight(H, 48), weight(48), weight(48, 1)] as const;

const head = (x: tf.Tensor2D): tf.Tensor =>
  tf.matMul(
    tf.relu(tf.add(tf.matMul(x, layers[0] as tf.Tensor2D), layers[1])),
    layers[2] as tf.Tensor2D,
  );

/** Relative error that int8 may have, in units of the largest output. */
const subjects: Record<string, { subject: Subject; int8: number }> = {
  'one GRU step': {
    subject: {
      run: ({ x, h }) => ({ state: step(x as tf.Tensor2D, h as tf.Tensor2D, stepCell) }),
      inputs: { x: { shape: [1, 40] }, h: { shape: [1, H] } },
    },
    int8: 0.02,
  },
  'fifty masked GRU steps': {
    subject: {
      run: ({ x, mask }) => ({ states: sequence(x!, mask!, sequenceCell) }),
      inputs: { x: { shape: [1, 50, 16] }, mask: { shape: [1, 50] } },
      masks: ['mask'],
    },
    int8: 0.05,
  },
  'additive attention with a mask': {
    subject: {
      run: ({ q, k, mask }) => ({ context: attention(q!, k!, v, mask!) }),
      inputs: { q: { shape: [1, 50, H] }, k: { shape: [1, 32, H] }, mask: { shape: [1, 32] } },
      masks: ['mask'],
    },
    int8: 0.02,
  },
  'a two-layer perceptron over an embedding': {
    subject: {
      run: ({ ids }) => {
        const rows = tf.gather(table, ids as tf.Tensor1D);
        const flat = tf.concat([rows, rows], 1) as tf.Tensor2D;
        return { score: tf.sigmoid(head(flat)) };
      },
      inputs: { ids: { shape: [5], dtype: 'int32' } },
      rows: 60,
    },
    int8: 0.02,
  },
  'a small reranker': {
    subject: {
      run: ({ candidates, cand_mask, behaviours, exp_mask }) => {
        const states = sequence(candidates!, cand_mask!, slateCell);
        const context = attention(states, behaviours!, v, exp_mask!);
        const fused = tf.add(states, context).reshape([50, H]) as tf.Tensor2D;
        return { scores: head(fused).reshape([1, 50]) };
      },
      inputs: {
        candidates: { shape: [1, 50, 24] },
        cand_mask: { shape: [1, 50] },
        behaviours: { shape: [1, 32, H] },
        exp_mask: { shape: [1, 32] },
      },
      masks: ['cand_mask', 'exp_mask'],
    },
    int8: 0.05,
  },
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Halves round to 1/2048, and 8-bit weights under float activations do better than full int8. */
const SHARE_OF_INT8 = { int8: 1, onnxInt8: 1, hybrid: 0.6, onnxDynamic: 0.6, float16: 0.05 };

describe.each(Object.entries(subjects))('%s', (_, { subject, int8 }) => {
  let prepared: Prepared;

  beforeAll(() => {
    prepared = prepare(subject, 3);
  });

  it.each(FLOAT_TARGETS)('equals tfjs in %s', async (target) => {
    expect((await deviation(prepared, target)).error).toBeLessThanOrEqual(FLOAT_TOLERANCE);
  });

  it.each(ROUNDING_TARGETS)('stays near tfjs, and within its steps, in %s', async (target) => {
    const { error, outside } = await deviation(prepared, target);
    expect(outside).toBe(0);
    expect(error).toBeLessThanOrEqual(int8 * SHARE_OF_INT8[target]);
  });
});
