/** Every operation that models use, as functions of tfjs with random shapes. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import type { Subject } from './parity.ts';

export type Make = (random: Random) => Subject;

const size = (random: Random): number => 1 + random.below(6);
const shapeOf = (random: Random, rank = 1 + random.below(4)): number[] =>
  Array.from({ length: rank }, () => size(random));

const one =
  (run: (x: tf.Tensor, random: Random) => tf.Tensor, rank?: number): Make =>
  (random) => {
    const shape = shapeOf(random, rank);
    const seed = random.uint32();
    return {
      run: ({ x }) => ({ y: run(x as tf.Tensor, Random.of(seed)) }),
      inputs: { x: { shape } },
    };
  };

/** Two inputs, the second with some axes of size one and maybe fewer of them. */
const two =
  (run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Make =>
  (random) => {
    const a = shapeOf(random);
    const b = a.map((n) => (random.chance(0.4) ? 1 : n)).slice(random.below(a.length));
    return {
      run: (x) => ({ y: run(x.a as tf.Tensor, x.b as tf.Tensor) }),
      inputs: { a: { shape: a }, b: { shape: b } },
    };
  };

const number = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'float32');
const positive = (x: tf.Tensor): tf.Tensor => tf.add(tf.abs(x), 0.5);
const constant = (shape: number[], random: Random): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((n, s) => n * s, 1) }, () => random.normal()),
    shape,
  );

const matmul =
  (batch: number[], transposeA: boolean, transposeB: boolean): Make =>
  (random) => {
    const [m, k, n] = [size(random), size(random), size(random)];
    return {
      run: (x) => ({ y: tf.matMul(x.a as tf.Tensor, x.b as tf.Tensor, transposeA, transposeB) }),
      inputs: {
        a: { shape: [...batch, ...(transposeA ? [k, m] : [m, k])] },
        b: { shape: [...batch, ...(transposeB ? [n, k] : [k, n])] },
      },
    };
  };

/** Operations that TFLite computes in int8 as well. */
export const int8Operations: Record<string, Make> = {
  add: two(tf.add),
  subtract: two(tf.sub),
  multiply: two(tf.mul),
  maximum: two(tf.maximum),
  minimum: two(tf.minimum),
  'add constant': one((x, random) => tf.add(x, constant([x.shape.at(-1) ?? 1], random))),
  'squared difference': two(tf.squaredDifference),
  negate: one((x) => tf.neg(x)),
  square: one((x) => tf.square(x)),
  relu: one((x) => tf.relu(x)),
  sigmoid: one((x) => tf.sigmoid(x)),
  tanh: one((x) => tf.tanh(x)),
  clip: one((x) => tf.clipByValue(x, -0.5, 1)),
  softmax: one((x) => tf.softmax(tf.mul(x, 2))),
  matmul: matmul([], false, false),
  'matmul with transposes': matmul([], true, true),
  'batched matmul': matmul([2], false, true),
  'batched matmul with the left side transposed': matmul([2, 3], true, false),
  dense: one((x, random) => {
    const [k, n] = [x.shape.at(-1) ?? 1, size(random)];
    return tf.add(
      tf.matMul(x as tf.Tensor2D, constant([k, n], random) as tf.Tensor2D),
      constant([n], random),
    );
  }, 2),
  'dense over three dimensions with relu': one((x, random) => {
    const [a, b, k] = x.shape as [number, number, number];
    const y = tf.matMul(x.reshape([a * b, k]), constant([k, 5], random) as tf.Tensor2D);
    return tf.relu(tf.add(y.reshape([a, b, 5]), constant([5], random)));
  }, 3),
  sum: one((x, random) => tf.sum(x, random.below(x.rank), random.chance(0.5))),
  'sum of all': one((x) => tf.sum(x)),
  mean: one((x, random) => tf.mean(x, random.below(x.rank), random.chance(0.5))),
  max: one((x, random) => tf.max(x, random.below(x.rank), random.chance(0.5))),
  min: one((x, random) => tf.min(x, random.below(x.rank))),
  reshape: one((x) => tf.add(tf.reshape(x, [-1]), 1)),
  'expand and squeeze': one((x) => tf.squeeze(tf.expandDims(tf.relu(x), 1))),
  transpose: one((x, random) => tf.transpose(x, random.shuffle(x.shape.map((_, i) => i)))),
  tile: one((x, random) =>
    tf.tile(
      tf.relu(x),
      x.shape.map(() => 1 + random.below(3)),
    ),
  ),
  broadcast: (random) => {
    const shape = shapeOf(random, 3);
    return {
      run: ({ x }) => ({ y: tf.broadcastTo(tf.tanh(x as tf.Tensor), shape) }),
      inputs: { x: { shape: [1, shape[1] as number, 1] } },
    };
  },
  concat: one((x) => tf.concat([x, tf.mul(x, 0.5), tf.relu(x)], -1)),
  stack: one((x) => tf.stack([x, tf.tanh(x)], 1), 2),
  unstack: (random) => ({
    run: ({ x }) => {
      const [a, ...rest] = tf.unstack(x as tf.Tensor, 1);
      return { y: rest.reduce((sum, part) => tf.add(sum, part), a as tf.Tensor) };
    },
    inputs: { x: { shape: shapeOf(random, 3) } },
  }),
  'split in equal parts': (random) => ({
    run: ({ x }) => {
      const [a, b] = tf.split(x as tf.Tensor, 2, 1) as [tf.Tensor, tf.Tensor];
      return { y: tf.sub(a, b) };
    },
    inputs: { x: { shape: [size(random), 2 * size(random)] } },
  }),
  'split in unequal parts': (random) => {
    const [a, b] = [size(random), size(random)];
    return {
      run: ({ x }) => {
        const [left, right] = tf.split(x as tf.Tensor, [a, b], 1) as [tf.Tensor, tf.Tensor];
        return { left: tf.relu(left), right: tf.tanh(right) };
      },
      inputs: { x: { shape: [3, a + b] } },
    };
  },
  slice: one((x, random) => {
    const begin = x.shape.map((n) => random.below(n));
    return tf.slice(
      tf.relu(x),
      begin,
      begin.map((b, i) => 1 + random.below((x.shape[i] as number) - b)),
    );
  }),
  'strided slice': one((x) => {
    const all = x.shape.map(() => 0);
    return tf.stridedSlice(
      tf.relu(x),
      all,
      [...x.shape],
      all.map(() => 2),
    );
  }),
  'strided slice backwards': one((x) => tf.stridedSlice(tf.tanh(x), [-1], [0], [-1], 0, 1), 1),
  reverse: one((x) => tf.reverse(tf.relu(x))),
  pad: one((x) =>
    tf.pad(
      x,
      x.shape.map((): [number, number] => [1, 2]),
      0.25,
    ),
  ),
  'gather of rows': (random) => ({
    run: ({ x, ids }) => ({ y: tf.gather(x as tf.Tensor, ids as tf.Tensor1D) }),
    inputs: { x: { shape: [4, size(random)] }, ids: { shape: [size(random)], dtype: 'int32' } },
    rows: 4,
  }),
  'gather from a table': (random) => {
    const table = constant([9, 4], random);
    return {
      run: ({ ids }) => ({ y: tf.gather(table, ids as tf.Tensor1D) }),
      inputs: { ids: { shape: [2, size(random)], dtype: 'int32' } },
      rows: 9,
    };
  },
  'gather within batches': (random) => ({
    run: ({ x, ids }) => ({ y: tf.gather(x as tf.Tensor, ids as tf.Tensor2D, 1, 1) }),
    inputs: { x: { shape: [3, 4, size(random)] }, ids: { shape: [3, 2], dtype: 'int32' } },
    rows: 4,
  }),
  'gather of one column': one((x) => tf.gather(tf.tanh(x), 0, -1), 2),
  where: two((a, b) => tf.where(tf.greater(tf.add(a, b), 0.1), a, tf.mul(b, tf.onesLike(a)))),
  'fused matmul': (random) => {
    const w = constant([4, 3], random) as tf.Tensor2D;
    const bias = constant([3], random);
    return {
      run: ({ x }) => ({
        y: tf.fused.matMul({ a: x as tf.Tensor2D, b: w, bias, activation: 'relu' }),
      }),
      inputs: { x: { shape: [size(random), 4] } },
    };
  },
  einsum: (random) => {
    const j = size(random);
    return {
      run: ({ a, b }) => ({ y: tf.einsum('bij,bkj->ibk', a as tf.Tensor, b as tf.Tensor) }),
      inputs: { a: { shape: [2, 3, j] }, b: { shape: [2, 4, j] } },
    };
  },
};

/** Operations that stay float32 inside an int8 file. */
export const floatOperations: Record<string, Make> = {
  divide: two((a, b) => tf.div(a, positive(b))),
  abs: one((x) => tf.abs(x)),
  exp: one((x) => tf.exp(x)),
  log: one((x) => tf.log(positive(x))),
  'log of one plus': one((x) => tf.log1p(positive(x))),
  sqrt: one((x) => tf.sqrt(positive(x))),
  rsqrt: one((x) => tf.rsqrt(positive(x))),
  floor: one((x) => tf.floor(x)),
  ceil: one((x) => tf.ceil(x)),
  sin: one((x) => tf.sin(x)),
  cos: one((x) => tf.cos(x)),
  elu: one((x) => tf.elu(x)),
  softplus: one((x) => tf.softplus(x)),
  'leaky relu': one((x) => tf.leakyRelu(x, 0.1)),
  relu6: one((x) => tf.relu6(tf.mul(x, 5))),
  'log softmax': one((x) => tf.logSoftmax(x), 2),
  'log sum exp': one((x) => tf.logSumExp(x, -1), 3),
  power: one((x) => tf.pow(positive(x), 0.5)),
  greater: two((a, b) => number(tf.greater(a, b))),
  'greater or equal': two((a, b) => number(tf.greaterEqual(a, b))),
  less: two((a, b) => number(tf.less(a, b))),
  'less or equal': two((a, b) => number(tf.lessEqual(a, b))),
  equal: two((a, b) => number(tf.equal(tf.floor(a), tf.floor(b)))),
  'not equal': two((a, b) => number(tf.notEqual(tf.floor(a), tf.floor(b)))),
  logic: two((a, b) => {
    const [p, q] = [tf.greater(a, 0), tf.greater(b, 0)];
    return number(tf.logicalOr(tf.logicalAnd(p, q), tf.logicalNot(p)));
  }),
  'where between conditions': two((a, b) =>
    number(tf.where(tf.greater(a, 0), tf.greater(tf.mul(b, tf.onesLike(a)), 0), tf.less(a, -1))),
  ),
  'cast to int32 and back': one((x) => number(tf.cast(tf.mul(x, 3), 'int32'))),
  'one hot': (random) => ({
    run: ({ ids }) => ({ y: tf.oneHot(tf.cast(ids as tf.Tensor1D, 'int32'), 5, 2, -1) }),
    inputs: { ids: { shape: [2, size(random)], dtype: 'int32' } },
    rows: 5,
  }),
  'multi hot': (random) => ({
    run: ({ ids }) => ({ y: number(tf.sum(tf.oneHot(ids as tf.Tensor1D, 7), -2)) }),
    inputs: { ids: { shape: [2, size(random)], dtype: 'int32' } },
    rows: 7,
  }),
  'cumulative sum': one((x) => tf.cumsum(x, 1, true, true), 2),
  'batch normalisation': one((x, random) => {
    const n = x.shape.at(-1) ?? 1;
    const statistic = (): tf.Tensor1D => constant([n], random) as tf.Tensor1D;
    const variance = positive(statistic()) as tf.Tensor1D;
    return tf.batchNorm(x as tf.Tensor2D, statistic(), variance, statistic(), statistic(), 1e-3);
  }, 2),
  'layer normalisation': one((x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 0.1)));
  }, 3),
  'int32 arithmetic': (random) => ({
    run: ({ a }) => ({
      y: number(
        tf.maximum(
          tf.sub(tf.mul(a as tf.Tensor, tf.scalar(3, 'int32')), tf.scalar(4, 'int32')),
          tf.sum(a as tf.Tensor),
        ),
      ),
    }),
    inputs: { a: { shape: [size(random)], dtype: 'int32' } },
    rows: 5,
  }),
  'a matrix for each example': matmul([2, 2], false, false),
};
