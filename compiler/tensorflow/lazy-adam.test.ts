import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { numbersOf, startTensorflow } from '../testing/tensorflow.ts';
import { type CompiledTraining, type CompileOptions, compileTraining } from './compile-training.ts';

const native = await startTensorflow();

const open: CompiledTraining[] = [];
async function compile(options: CompileOptions): Promise<CompiledTraining> {
  const compiled = await compileTraining(options);
  open.push(compiled);
  return compiled;
}
afterEach(() => {
  for (const compiled of open.splice(0)) compiled.dispose();
});

describe.runIf(native)('lazy tables', { timeout: 120_000 }, () => {
  it('follows dense Adam with tables whose rows are mostly absent', async () => {
    const rows = 400;
    const random = numbersOf(3);
    const start = () => ({
      table: tf.randomUniform([rows, 3], -0.5, 0.5, 'float32', 4),
      out: tf.tensor2d([[1], [-1], [0.5]]),
    });
    const options: CompileOptions = {
      weights: start(),
      inputs: { ids: { shape: ['batch', 2], dtype: 'int32' }, y: { shape: ['batch', 1] } },
      loss: ({ ids, y }, { table, out }) => {
        const gathered = tf.sum(tf.gather(table!, ids as tf.Tensor2D), 1);
        const logits = tf.matMul(gathered as tf.Tensor2D, out as tf.Tensor2D);
        return tf.losses.sigmoidCrossEntropy(y!, logits);
      },
      learningRate: 0.01,
      weightDecay: 0.1,
      clipNorm: 1,
    };
    const dense = await compile({ ...options, adam: 'exact' });
    const lazy = await compile({ ...options, adam: 'lazy' });
    expect(lazy.info.lazyTables).toEqual(['table']);
    for (let step = 0; step < 300; step++) {
      const ids = Int32Array.from({ length: 32 }, () => Math.floor(random() * rows));
      const y = Float32Array.from({ length: 16 }, (_, i) => (ids[2 * i]! % 3 === 0 ? 1 : 0));
      const fed = { ids: tf.tensor2d(ids, [16, 2], 'int32'), y: tf.tensor2d(y, [16, 1]) };
      const losses = [dense.step(fed), lazy.step(fed)];
      expect(Math.abs(losses[0]! - losses[1]!)).toBeLessThan(0.02);
      tf.dispose(fed);
    }
    const [a, b] = [dense, lazy].map((compiled) => compiled.weights().table!.dataSync());
    const before = options.weights.table!.dataSync();
    let moved = 0;
    let apart = 0;
    a!.forEach((value, i) => {
      moved += (value - before[i]!) ** 2;
      apart += (value - b![i]!) ** 2;
    });
    // Without the moves of absent rows, rows lag behind by most of their way.
    expect(Math.sqrt(apart / moved)).toBeLessThan(0.05);
  });

  it.each([
    [{ warmupSteps: 60 }, 0],
    [{ decay: 'cosine', totalSteps: 60 }, 0],
    [{ warmupSteps: 10, decay: 'linear', totalSteps: 40, floor: 0.1 }, 0.3],
    [{ warmupSteps: 10, decay: 'cosine', totalSteps: 60 }, 0.3],
  ] as const)(
    'follows dense Adam at the rates of the steps that a row was absent: %j, decay %d',
    async (schedule, weightDecay) => {
      const start = tf.randomUniform([6, 2], -1, 1, 'float32', 6);
      const options: CompileOptions = {
        weights: { table: start },
        inputs: { ids: { shape: ['batch'], dtype: 'int32' } },
        loss: ({ ids }, { table }) =>
          tf.mean(tf.square(tf.sub(tf.gather(table!, ids as tf.Tensor1D), 2))),
        learningRate: 0.02,
        schedule,
        weightDecay,
      };
      const both = [
        await compile({ ...options, adam: 'fast' }),
        await compile({ ...options, adam: 'lazy' }),
      ];
      for (const compiled of both) {
        for (let step = 0; step < 60; step++) {
          // Rows 3 to 5 are there for five steps, then never again.
          const ids = step > 15 && step < 21 ? [0, 3, 4, 5] : [0, 1, 2, 1];
          compiled.step({ ids: tf.tensor1d(ids, 'int32') });
        }
      }
      const [dense, lazy] = both.map((compiled) => compiled.weights().table!);
      const most = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
      const rare = (table: tf.Tensor) => tf.slice(table, [3, 0]);
      expect(most(rare(dense!), rare(lazy!))).toBeLessThan(0.06 * most(rare(dense!), rare(start)));
    },
  );

  it('keeps the moments of lazy tables of any rank through state and assign', async () => {
    for (const inner of [[3], [2, 2]]) {
      const options: CompileOptions = {
        weights: { table: tf.randomUniform([4, ...inner], -1, 1, 'float32', 5) },
        inputs: { ids: { shape: ['batch'], dtype: 'int32' } },
        loss: ({ ids }, { table }) => tf.mean(tf.square(tf.gather(table!, ids as tf.Tensor1D))),
        learningRate: 0.1,
      };
      const dense = await compile({ ...options, adam: 'exact' });
      const lazy = await compile({ ...options, adam: 'lazy' });
      expect(lazy.info.lazyTables).toEqual(['table']);
      // Every row is named, so that lazy has nothing to make up for.
      const fed = { ids: tf.tensor1d([3, 0, 1, 2, 0], 'int32') };
      for (let step = 0; step < 3; step++) {
        dense.step(fed);
        lazy.step(fed);
      }
      const state = lazy.state();
      expect(state.step).toBe(3);
      for (const kind of ['m', 'v'] as const) {
        const [own, expected] = [state[kind].table!, dense.state()[kind].table!];
        expect(own.shape).toEqual([4, ...inner]);
        expect(tf.max(tf.abs(tf.sub(own, expected))).dataSync()[0]).toBeLessThan(1e-6);
      }
      const weights = lazy.weights();
      lazy.step(fed);
      const next = lazy.weights().table!.dataSync();
      lazy.assign(weights, state);
      lazy.step(fed);
      expect(lazy.weights().table!.dataSync()).toEqual(next);
    }
  });
});
