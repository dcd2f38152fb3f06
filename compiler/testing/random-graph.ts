/**
 * Random functions of tfjs: up to 15 steps out of every family of operations, on shapes with many
 * ones, at several scales. The seed says everything.
 */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import type { Subject } from './parity.ts';

const MOST_ELEMENTS = 400;
const MOST_DIMENSIONS = 4;
const TABLE_ROWS = 7;

interface Context {
  random: Random;
  /** All float tensors so far. */
  pool: tf.Tensor[];
  /** int32 [k], below TABLE_ROWS. */
  ids: tf.Tensor1D;
  /** [1, width], 0 and 1. */
  mask: tf.Tensor2D;
}

type Step = (x: tf.Tensor, context: Context) => tf.Tensor;

function weights(shape: readonly number[], random: Random): tf.Tensor {
  const size = shape.reduce((n, s) => n * s, 1);
  const data = Float32Array.from({ length: size }, () => random.normal(0, 0.6));
  return tf.tensor(data, [...shape]);
}

const last = (x: tf.Tensor): number => x.shape.at(-1) ?? 1;
const axisOf = (x: tf.Tensor, random: Random): number => random.below(x.rank);
const rows = (x: tf.Tensor): tf.Tensor2D => x.reshape([-1, last(x)]);
const float = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'float32');

/** Another tensor of the same shape, or the tensor itself. */
function partner(x: tf.Tensor, { pool, random }: Context): tf.Tensor {
  const fitting = pool.filter((t) => String(t.shape) === String(x.shape));
  return fitting[random.below(fitting.length)] ?? x;
}

/** A tensor that broadcasts to x: of its shape, of its last axis, or of one column. */
function broadcastable(x: tf.Tensor, context: Context): tf.Tensor {
  const { random } = context;
  const other = partner(x, context);
  const form = random.below(4);
  if (form === 0) return tf.mean(other, axisOf(x, random), true);
  if (form === 1) return weights([last(x)], random);
  return form === 2 ? weights([], random) : other;
}

const elementwise: Step[] = [
  (x) => tf.tanh(x),
  (x) => tf.sigmoid(x),
  (x) => tf.relu(x),
  (x) => tf.neg(x),
  (x) => tf.abs(x),
  (x) => tf.square(tf.tanh(x)),
  (x) => tf.elu(x),
  (x) => tf.exp(tf.minimum(x, 2)),
  (x) => tf.log(tf.add(tf.abs(x), 0.5)),
  (x) => tf.sqrt(tf.add(tf.abs(x), 0.1)),
  (x) => tf.rsqrt(tf.add(tf.square(tf.tanh(x)), 0.3)),
  (x) => tf.softplus(x),
  (x) => tf.leakyRelu(x, 0.1),
  (x) => tf.clipByValue(x, -0.5, 1),
  (x) => tf.sin(tf.tanh(x)),
  (x) => tf.cos(tf.tanh(x)),
];

const binary: Step[] = [
  (x, c) => tf.add(x, broadcastable(x, c)),
  (x, c) => tf.sub(x, tf.mul(0.5, broadcastable(x, c))),
  (x, c) => tf.sub(broadcastable(x, c), x),
  (x, c) => tf.mul(x, tf.tanh(broadcastable(x, c))),
  (x, c) => tf.div(x, tf.add(tf.abs(broadcastable(x, c)), 0.5)),
  (x, c) => tf.maximum(x, broadcastable(x, c)),
  (x, c) => tf.minimum(x, broadcastable(x, c)),
  (x, c) => tf.squaredDifference(tf.tanh(x), broadcastable(tf.tanh(x), c)),
];

/** Comparisons, casts, whole numbers: small errors may jump. */
const discrete: Step[] = [
  (x, c) => tf.where(tf.greater(x, 0.1), x, partner(x, c)),
  (x, c) => float(tf.lessEqual(x, partner(x, c))),
  (x) => float(tf.logicalAnd(tf.greater(x, -0.5), tf.logicalNot(tf.greaterEqual(x, 0.5)))),
  (x, c) => tf.where(tf.logicalOr(tf.less(x, 0), tf.equal(x, 1)), partner(x, c), tf.tanh(x)),
  (x) => tf.floor(x),
  (x) => tf.ceil(tf.mul(tf.tanh(x), 3)),
  (x) => float(tf.cast(tf.mul(tf.tanh(x), 4), 'int32')),
  (x) => float(tf.notEqual(tf.floor(x), 0)),
];

const reducing: Step[] = [
  (x, { random }) => tf.mean(x, axisOf(x, random), true),
  (x, { random }) => tf.tanh(tf.sum(x, axisOf(x, random), true)),
  (x, { random }) => tf.max(x, axisOf(x, random), random.chance(0.5)),
  (x, { random }) => tf.min(x, axisOf(x, random), true),
  (x) => tf.mean(x),
  (x) => tf.softmax(x),
  (x) => tf.softmax(tf.mul(x, 3)),
  (x) => tf.logSoftmax(x),
  (x, { random }) =>
    tf.cumsum(tf.tanh(x), axisOf(x, random), random.chance(0.5), random.chance(0.5)),
  (x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 0.1)));
  },
];

const moving: Step[] = [
  (x, c) => tf.concat([x, partner(x, c)], axisOf(x, c.random)),
  (x, c) => tf.concat([x, tf.softmax(partner(x, c)), tf.mul(x, 0.1)], axisOf(x, c.random)),
  (x, c) => tf.stack([x, partner(x, c)], c.random.below(x.rank + 1)),
  (x, { random }) => {
    const parts = tf.unstack(x, axisOf(x, random));
    return parts.reduce((sum, part) => tf.add(sum, part));
  },
  (x, { random }) => {
    const axis = axisOf(x, random);
    const size = x.shape[axis] as number;
    const sizes = size < 2 ? [1] : [Math.ceil(size / 3), size - Math.ceil(size / 3)];
    const parts = tf.split(x, sizes, axis);
    return tf.tanh(parts.at(-1) as tf.Tensor);
  },
  (x, { random }) => tf.transpose(x, random.shuffle(x.shape.map((_, i) => i))),
  (x, { random }) => tf.reverse(x, axisOf(x, random)),
  (x) => tf.reverse(x),
  (x) => x.reshape([1, ...x.shape]).squeeze([0]),
  (x) => x.reshape([-1]),
  (x) => tf.expandDims(x, x.rank),
  (x) => tf.gather(x, tf.tensor1d([(x.shape[0] as number) - 1, 0], 'int32')),
  (x, { random }) =>
    tf.pad(
      x,
      x.shape.map((): [number, number] => [random.below(2), random.below(2)]),
      random.chance(0.5) ? 0 : 0.25,
    ),
  (x, { random }) =>
    tf.tile(
      x,
      x.shape.map(() => 1 + random.below(2)),
    ),
  (x, { random }) => {
    const begin = x.shape.map((n) => random.below(n));
    const size = x.shape.map((n, i) => 1 + random.below(n - (begin[i] as number)));
    return tf.slice(x, begin, size);
  },
  (x) =>
    tf.stridedSlice(
      x,
      x.shape.map(() => 0),
      [...x.shape],
      x.shape.map(() => 2),
    ),
  (x) => tf.broadcastTo(tf.mean(x, -1, true), [...x.shape]),
];

/** Products, with and without constants. */
const products: Step[] = [
  (x, { random }) => {
    const units = 1 + random.below(6);
    const flat = tf.matMul(rows(x), weights([last(x), units], random));
    return flat.reshape([...x.shape.slice(0, -1), units]);
  },
  (x, { random }) => {
    const units = 8 + random.below(24);
    const w = weights([last(x), units], random) as tf.Tensor2D;
    return tf.relu(tf.add(tf.matMul(rows(x), w), weights([units], random)));
  },
  (x) => tf.tanh(tf.matMul(rows(x), rows(x), false, true)),
  (x, c) => tf.tanh(tf.matMul(rows(x), rows(partner(x, c)), true, false)),
  (x, { random }) => {
    const m = rows(x);
    const left = weights([2, m.shape[0]], random) as tf.Tensor2D;
    return tf.tanh(tf.matMul(left, m));
  },
  (x, { random }) => {
    const w = weights([rows(x).shape[0], 3], random) as tf.Tensor2D;
    return tf.tanh(tf.matMul(rows(x), w, true, false));
  },
];

/** What recommenders are made of. */
const compound: Step[] = [
  // Rows of an embedding table.
  (_, { ids, random }) => tf.gather(weights([TABLE_ROWS, 1 + random.below(5)], random), ids),
  (x, { ids, random }) => {
    const table = weights([TABLE_ROWS, last(x)], random);
    return tf.add(tf.mean(tf.gather(table, ids), 0, true), tf.tanh(x));
  },
  (_, { ids }) => float(tf.oneHot(ids, TABLE_ROWS, 2, -1)),
  (_, { ids }) => float(tf.sum(tf.oneHot(ids, TABLE_ROWS), 0, true)),
  // A masked softmax over the last axis.
  (x, { mask }) => {
    const m = tf.slice(tf.tile(mask, [1, last(x)]), [0, 0], [1, last(x)]);
    const fill = tf.mul(tf.sub(1, m), -1e9);
    return tf.softmax(tf.add(rows(x), fill));
  },
  (x, { mask }) => {
    const m = tf.slice(tf.tile(mask, [1, last(x)]), [0, 0], [1, last(x)]);
    return tf.where(
      tf.greater(tf.mul(m, tf.onesLike(rows(x))), 0),
      rows(x),
      tf.fill(rows(x).shape, -20),
    );
  },
  // Two steps of a masked recurrence with shared weights.
  (x, { random, mask }) => {
    const n = last(x);
    const w = tf.mul(weights([2 * n, 2 * n], random), 0.5) as tf.Tensor2D;
    const v = tf.mul(weights([2 * n, n], random), 0.5) as tf.Tensor2D;
    let h: tf.Tensor2D = tf.zeros([1, n]);
    for (let t = 0; t < 2; t++) {
      const input = tf.slice(
        rows(x),
        [Math.min(t, rows(x).shape[0] - 1), 0],
        [1, n],
      ) as tf.Tensor2D;
      const gates = tf.sigmoid(tf.matMul(tf.concat([input, h], 1), w));
      const [r, u] = tf.split(gates, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
      const next = tf.tanh(tf.matMul(tf.concat([input, tf.mul(r, h)], 1), v));
      const state = tf.add(tf.mul(u, h), tf.mul(tf.sub(1, u), next));
      const m = tf.slice(mask, [0, Math.min(t, mask.shape[1] - 1)], [1, 1]);
      h = tf.add(tf.mul(state, m), tf.mul(h, tf.sub(1, m))) as tf.Tensor2D;
    }
    return h;
  },
];

/** What some target, or all, must refuse by name. */
const refused: Step[] = [
  (x) => tf.prod(tf.tanh(x), -1, true),
  (x) => tf.add(x.reshape([1, 1, 1, ...rows(x).shape]), weights([2, 1, 1, 1, 1], Random.of(1))),
];

const families: readonly (readonly Step[])[] = [
  elementwise,
  binary,
  discrete,
  reducing,
  moving,
  products,
  products,
  compound,
  compound,
];

const REFUSED_SHARE = 0.004;

/** Sizes of 1 are frequent: that is where broadcasting, squeezing and layouts go wrong. */
const sizeOf = (random: Random): number => (random.chance(0.3) ? 1 : 1 + random.below(5));

/** Input magnitudes: ordinary numbers mostly, tiny and large ones sometimes. */
const SCALES = [1, 1, 1, 1, 1e-3, 50, 1000];

/**
 * A function of `a` and `b` (float32, one shape), `ids` (int32) and `mask`, with two outputs.
 */
export function randomSubject(seed: number): Subject {
  const random = Random.of(seed, 'shape');
  const shape = Array.from({ length: 1 + random.below(3) }, () => sizeOf(random));
  const length = 3 + random.below(12);
  const scale = SCALES[random.below(SCALES.length)] as number;
  return {
    inputs: {
      a: { shape },
      b: { shape },
      ids: { shape: [sizeOf(random)], dtype: 'int32' },
      mask: { shape: [1, sizeOf(random)] },
    },
    masks: ['mask'],
    rows: TABLE_ROWS,
    run: ({ a, b, ids, mask }) => {
      const draw = Random.of(seed, 'steps');
      const pool = [tf.mul(a as tf.Tensor, scale), b as tf.Tensor];
      const context = {
        random: draw,
        pool,
        ids: ids as tf.Tensor1D,
        mask: mask as tf.Tensor2D,
      };
      for (let i = 0; i < length; i++) {
        const x = pool[draw.chance(0.7) ? pool.length - 1 : draw.below(pool.length)] as tf.Tensor;
        const family = draw.chance(REFUSED_SHARE)
          ? refused
          : (families[draw.below(families.length)] as readonly Step[]);
        const y = (family[draw.below(family.length)] as Step)(x, context);
        const fits = y.rank > 0 && y.rank <= MOST_DIMENSIONS && y.size <= MOST_ELEMENTS;
        pool.push(fits || family === refused ? y : tf.tanh(x));
      }
      const end = pool.at(-1) as tf.Tensor;
      const middle = pool[Math.ceil(pool.length / 2)] as tf.Tensor;
      return { end, middle: tf.tanh(middle) };
    },
  };
}
