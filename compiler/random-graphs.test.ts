/**
 * Random compositions of operations: no target may give a wrong number or crash.
 * EDGELOOM_RANDOM_GRAPHS sets how many; 200 unless told.
 */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { errorOf } from './testing/deviation.ts';
import type { Subject, Target } from './testing/parity.ts';

const GRAPHS = Number(process.env.EDGELOOM_RANDOM_GRAPHS ?? 200);
const FLOAT_TOLERANCE = 2e-5;
/** Up to 14 quantised operations in a row; typical errors are a tenth of this. */
const INT8_TOLERANCE = 0.12;

type Step = (x: tf.Tensor, pool: tf.Tensor[], random: Random) => tf.Tensor;

const weights = (shape: number[], random: Random): tf.Tensor => {
  const size = shape.reduce((n, s) => n * s, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal(0, 0.6)),
    shape,
  );
};

const last = (x: tf.Tensor): number => x.shape.at(-1) ?? 1;

/** Another tensor of the same shape, or the tensor itself. */
const partner = (x: tf.Tensor, pool: tf.Tensor[], random: Random): tf.Tensor => {
  const fitting = pool.filter((t) => String(t.shape) === String(x.shape));
  return fitting[random.below(fitting.length)] ?? x;
};

/** Values stay of the order of one, so that an error is one of the compiler, not of the arithmetic. */
const steps: Step[] = [
  (x) => tf.tanh(x),
  (x) => tf.sigmoid(x),
  (x) => tf.relu(x),
  (x) => tf.softmax(x),
  (x) => tf.neg(x),
  (x, pool, random) => tf.add(x, partner(x, pool, random)),
  (x, pool, random) => tf.sub(x, tf.mul(0.5, partner(x, pool, random))),
  (x, pool, random) => tf.mul(x, tf.tanh(partner(x, pool, random))),
  (x, pool, random) => tf.maximum(x, partner(x, pool, random)),
  (x, pool, random) => tf.where(tf.greater(x, 0.1), x, partner(x, pool, random)),
  (x, pool, random) => tf.concat([x, partner(x, pool, random)], random.below(x.rank)),
  (x, pool, random) =>
    tf.stack([x, partner(x, pool, random)], random.below(x.rank)).reshape([-1, last(x)]),
  (x, _, random) => tf.add(x, weights([last(x)], random)),
  (x, _, random) => {
    const units = 1 + random.below(6);
    const flat = tf.matMul(x.reshape([-1, last(x)]), weights([last(x), units], random));
    return flat.reshape([...x.shape.slice(0, -1), units]);
  },
  (x) => tf.tanh(tf.matMul(x.reshape([-1, last(x)]), x.reshape([-1, last(x)]), false, true)),
  (x, _, random) => tf.transpose(x, random.shuffle(x.shape.map((_, i) => i))),
  (x, _, random) => tf.mean(x, random.below(x.rank), true),
  (x, _, random) => tf.tanh(tf.sum(x, random.below(x.rank), true)),
  (x, _, random) => tf.max(x, random.below(x.rank), true),
  (x) => tf.reverse(x, 0),
  (x) => x.reshape([1, ...x.shape]).squeeze([0]),
  (x) =>
    tf.tanh(
      tf.split(
        x,
        [Math.ceil(last(x) / 2), Math.floor(last(x) / 2)].filter((n) => n > 0),
        -1,
      )[0] as tf.Tensor,
    ),
  (x, _, random) => tf.gather(x, tf.tensor1d([random.below(x.shape[0] as number), 0], 'int32')),
  (x) =>
    tf.pad(
      x,
      x.shape.map((_, i): [number, number] => [0, Number(i === 0)]),
    ),
  (x) =>
    x.size < 60
      ? tf.tile(
          x,
          x.shape.map((_, i) => (i === 0 ? 2 : 1)),
        )
      : x,
];

function randomSubject(seed: number): Subject {
  const random = Random.of(seed, 'shape');
  const shape = Array.from({ length: 2 + random.below(2) }, () => 1 + random.below(5));
  const length = 3 + random.below(12);
  return {
    inputs: { a: { shape }, b: { shape } },
    run: ({ a, b }) => {
      const draw = Random.of(seed, 'steps');
      const pool = [a as tf.Tensor, b as tf.Tensor];
      for (let i = 0; i < length; i++) {
        const x = pool[draw.chance(0.7) ? pool.length - 1 : draw.below(pool.length)] as tf.Tensor;
        const step = steps[draw.below(steps.length)] as Step;
        const y = step(x, pool, draw);
        pool.push(y.rank === 0 || y.rank > 3 || y.size > 400 ? tf.tanh(x) : y);
      }
      return {
        end: pool.at(-1) as tf.Tensor,
        middle: tf.tanh(pool[Math.ceil(pool.length / 2)] as tf.Tensor),
      };
    },
  };
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const holds = (target: Target, tolerance: number, runs: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1e9 }), async (seed) => {
      const error = await errorOf(randomSubject(seed), target, seed);
      expect(error).toBeLessThanOrEqual(tolerance);
    }),
    { seed: 4, numRuns: runs },
  );

const TIMEOUT_MS = 60_000 + GRAPHS * 1000;

it.each(['interpreter', 'onnx', 'tflite'] as const)(
  'no random graph gives a wrong number in %s',
  async (target) => holds(target, FLOAT_TOLERANCE, GRAPHS),
  TIMEOUT_MS,
);

it(
  'no random graph strays in int8 TFLite',
  async () => holds('int8', INT8_TOLERANCE, GRAPHS),
  TIMEOUT_MS,
);
