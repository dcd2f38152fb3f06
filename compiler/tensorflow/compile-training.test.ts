import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drawGraph } from '../graph/draw.ts';
import { printGraph } from '../graph/print.ts';
import { startTensorflow } from '../testing/tensorflow.ts';
import { statelessDropout } from '../trace/raw-op.ts';
import { numbers } from './arithmetic.ts';
import { type CompiledTraining, type CompileOptions, compileTraining } from './compile-training.ts';
import type { Tensors } from './record-training.ts';
import { learningRateAt } from './schedule.ts';

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

/** logits = x W + b, squared error. */
const linear = (overrides: Partial<CompileOptions> = {}): CompileOptions => ({
  name: 'linear',
  weights: { W: tf.tensor2d([[1], [2]]), b: tf.tensor1d([0.5]) },
  inputs: { x: { shape: ['batch', 2] }, y: { shape: ['batch', 1] } },
  loss: ({ x, y }, { W, b }) =>
    tf.mean(tf.square(tf.sub(tf.add(tf.matMul(x as tf.Tensor2D, W as tf.Tensor2D), b!), y!))),
  functions: {
    predict: ({ x }, { W, b }) => ({
      y: tf.add(tf.matMul(x as tf.Tensor2D, W as tf.Tensor2D), b!),
    }),
  },
  learningRate: 0.1,
  ...overrides,
});
const batch = (): Tensors => ({ x: tf.tensor2d([[1, 1]]), y: tf.tensor2d([[3]]) });

describe.runIf(native)('compileTraining', { timeout: 120_000 }, () => {
  it('makes the update that one can work out by hand', async () => {
    const compiled = await compile(linear({ adam: 'exact' }));
    // 1 + 2 + 0.5 − 3 = 0.5; squared 0.25. Adam's first step is the rate times the gradient's sign.
    expect(compiled.step(batch())).toBeCloseTo(0.25, 6);
    const { W, b } = compiled.weights();
    expect(Array.from(W!.dataSync())).toEqual([expect.closeTo(0.9, 5), expect.closeTo(1.9, 5)]);
    expect(b!.dataSync()[0]).toBeCloseTo(0.4, 5);
    const { m, v, step } = compiled.state();
    expect(step).toBe(1);
    // The gradient of every weight is 2 · 0.5 = 1.
    expect(m.b!.dataSync()[0]).toBeCloseTo(0.1, 6);
    expect(v.b!.dataSync()[0]).toBeCloseTo(0.001, 7);
  });

  it.each(['exact', 'fast', 'lazy'] as const)(
    'clips, decays and schedules alike in the form %s',
    async (adam) => {
      const options = { clipNorm: 0.5, weightDecay: 0.2, schedule: { warmupSteps: 4 } } as const;
      const compiled = await compile(linear({ adam, ...options }));
      // Norm of (1, 1, 1) is √3 > 0.5; the first of four warm-up steps has a quarter of the rate.
      compiled.step(batch());
      const { m } = compiled.state();
      expect(m.b!.dataSync()[0]).toBeCloseTo((0.1 * 0.5) / Math.sqrt(3), 6);
      const { b } = compiled.weights();
      expect(b!.dataSync()[0]).toBeCloseTo(0.5 * (1 - 0.025 * 0.2) - 0.025, 5);
    },
  );

  it('computes functions beside the loss, for any batch', async () => {
    const compiled = await compile(linear());
    for (const rows of [1, 2, 7, 64]) {
      const x = tf.ones([rows, 2]);
      const { y } = compiled.call('predict', { x });
      expect(y!.shape).toEqual([rows, 1]);
      expect(new Set(y!.dataSync())).toEqual(new Set([3.5]));
    }
  });

  it('serves many weight sets, moments and all', async () => {
    const compiled = await compile(linear({ adam: 'exact' }));
    compiled.step(batch());
    const one = { weights: compiled.weights(), state: compiled.state() };
    compiled.step(batch());
    const two = compiled.weights().W!.dataSync();
    compiled.assign({ W: tf.tensor2d([[9], [9]]), b: tf.tensor1d([9]) });
    expect(compiled.step(batch())).toBeCloseTo(24 ** 2, 2);
    compiled.assign(one.weights, one.state);
    compiled.step(batch());
    expect(compiled.weights().W!.dataSync()).toEqual(two);
  });

  it('adds up gradients of several batches into the update of all of them', async () => {
    const whole = await compile(linear({ adam: 'exact' }));
    const parts = await compile(linear({ adam: 'exact', accumulate: true }));
    const x = tf.tensor2d([
      [1, 1],
      [2, -1],
      [0, 3],
      [1, 4],
    ]);
    const y = tf.tensor2d([[1], [2], [3], [4]]);
    for (let step = 0; step < 3; step++) {
      whole.step({ x, y });
      for (const from of [0, 2]) {
        parts.accumulate({ x: x.slice([from], [2]), y: y.slice([from], [2]) });
      }
      parts.apply(0.5);
    }
    const [a, b] = [whole, parts].map((compiled) => compiled.weights().W!.dataSync());
    a!.forEach((value, i) => {
      expect(b![i]).toBeCloseTo(value, 6);
    });
    // Adam's moves do not tell by what gradients were scaled; its moments do.
    const [one, other] = [whole, parts].map((compiled) => compiled.state());
    expect(other!.m.b!.dataSync()[0]).toBeCloseTo(one!.m.b!.dataSync()[0]!, 6);
    expect(other!.step).toBe(3);
  });

  it('compiles a model of tf.layers through its variables', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: 20, outputDim: 4, inputLength: 5 }),
        tf.layers.gru({ units: 3, recurrentInitializer: 'glorotUniform' }),
        tf.layers.dense({ units: 1, activation: 'sigmoid' }),
      ],
    });
    const weights = Object.fromEntries(
      model.trainableWeights.map((weight) => [weight.name, weight.read()]),
    );
    const compiled = await compile({
      weights,
      inputs: { ids: { shape: ['batch', 5] }, y: { shape: ['batch', 1] } },
      loss: ({ ids, y }) =>
        tf.metrics.binaryCrossentropy(y!, model.apply(ids!) as tf.Tensor).mean(),
      functions: { predict: ({ ids }) => ({ p: model.apply(ids!) as tf.Tensor }) },
      learningRate: 0.05,
    });
    const ids = tf.tensor2d([
      [1, 2, 3, 4, 5],
      [6, 7, 8, 9, 10],
    ]);
    const y = tf.tensor2d([[0], [1]]);
    const eager = (model.predict(ids) as tf.Tensor).dataSync();
    const { p } = compiled.call('predict', { ids });
    p!.dataSync().forEach((value, i) => {
      expect(value).toBeCloseTo(eager[i]!, 6);
    });
    let loss = 1;
    for (let step = 0; step < 60; step++) loss = compiled.step({ ids, y });
    expect(loss).toBeLessThan(0.05);
  });

  it('draws dropout from the fed seed, eager and compiled alike', async () => {
    const dropped = (x: tf.Tensor, seed: tf.Tensor) => statelessDropout(x, 0.4, seed);
    const compiled = await compile({
      weights: { w: tf.ones([50]) },
      inputs: { x: { shape: ['batch', 50] }, seed: { shape: [2], dtype: 'int32' } },
      loss: ({ x, seed }, { w }) => tf.sum(dropped(tf.mul(x!, w!), seed!)),
      functions: { predict: ({ x, seed }) => ({ y: dropped(x!, seed!) }) },
      learningRate: 0.1,
    });
    const x = tf.ones([6, 50]);
    const of = (seed: number) => {
      const fed = tf.tensor1d([seed, 1], 'int32');
      return [compiled.call('predict', { x, seed: fed }).y!, dropped(x, fed)].map((y) =>
        Array.from(y.dataSync()),
      );
    };
    const [one, eager] = of(1);
    expect(one).toEqual(eager);
    expect(of(2)[0]).not.toEqual(one);
    const kept = one!.filter((value) => value > 0).length / one!.length;
    expect(kept).toBeGreaterThan(0.5);
    expect(kept).toBeLessThan(0.7);
  });

  it('can be printed and drawn, open sizes by name', async () => {
    const { graph } = await compile(linear());
    const text = printGraph(graph);
    expect(text).toContain('graph linear(x: float32[batch,2], y: float32[batch,1])');
    expect(text).toMatch(/float32\[batch,1\] = BiasAdd\(BatchMatMulV2_0, b\)/);
    expect(drawGraph(graph)).toContain('[label="W\\nfloat32[2,1]"');
  });

  it('holds no more memory after 10,000 steps', async () => {
    const compiled = await compile(linear());
    const fed = batch();
    for (let step = 0; step < 1000; step++) compiled.step(fed);
    const tensors = tf.memory().numTensors;
    const before = process.memoryUsage().rss;
    for (let step = 0; step < 10_000; step++) compiled.step(fed);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(process.memoryUsage().rss - before).toBeLessThan(30e6);
  });
});

describe.runIf(native)('compileTraining refuses', () => {
  let variable: tf.Variable | undefined;
  const stranger = () => {
    variable ??= tf.variable(tf.ones([2]));
    return variable;
  };
  beforeAll(() => {
    stranger();
  });

  const here = expect.stringMatching(/compile-training\.test\.ts:\d+$/);

  it.each<[string, string, Partial<CompileOptions>]>([
    [
      'dropout of tfjs',
      'random-while-recording',
      { loss: ({ x }, { W }) => tf.sum(tf.mul(tf.dropout(x!, 0.5), tf.sum(W!))) },
    ],
    [
      'numbers drawn with a seed',
      'random-while-recording',
      {
        loss: ({ x }, { W }) =>
          tf.sum(tf.mul(tf.mul(x!, tf.randomNormal([2], 0, 1, 'float32', 7)), tf.sum(W!))),
      },
    ],
    [
      'dropout layers',
      'random-while-recording',
      {
        loss: ({ x }, { W }) =>
          tf.sum(
            tf.mul(
              tf.layers.dropout({ rate: 0.5 }).apply(x!, { training: true }) as tf.Tensor,
              tf.sum(W!),
            ),
          ),
      },
    ],
    [
      'branches on data',
      'read-while-recording',
      { loss: ({ x }, { W }) => (x!.dataSync()[0]! > 0 ? tf.sum(W!) : tf.mean(W!)) },
    ],
    [
      'batch normalisation that moves its averages',
      'assign-while-recording',
      {
        loss: ({ x }, { W }) =>
          tf.sum(
            tf.mul(
              tf.layers.batchNormalization().apply(x!, { training: true }) as tf.Tensor,
              tf.sum(W!),
            ),
          ),
      },
    ],
    [
      'branches on the size of the batch',
      'not-compilable',
      { loss: ({ x }, { W }) => tf.mul(tf.sum(x!.shape[0]! > 4 ? tf.sqrt(x!) : x!), tf.sum(W!)) },
    ],
    [
      'loops over the batch',
      'not-compilable',
      {
        loss: ({ x }, { W }) =>
          tf.mul(tf.addN(tf.unstack(x!).map((row) => tf.sum(row))), tf.sum(W!)),
      },
    ],
    [
      'a variable that is not a weight',
      'unknown-variable',
      { loss: ({ x }, { W }) => tf.sum(tf.mul(tf.mul(x!, stranger()), tf.sum(W!))) },
    ],
  ])('%s, naming the line', async (_, code, overrides) => {
    const only = { ...linear(overrides), weights: { W: tf.tensor2d([[1], [2]]) }, functions: {} };
    await expect(compileTraining(only)).rejects.toMatchObject({ code, where: here });
  });

  it.each<[string, CompileOptions['loss']]>([
    ['tf.dropout drew', ({ x }, { W }) => tf.sum(tf.mul(tf.dropout(x!, 0.5), tf.sum(W!)))],
    [
      'tf.randomNormal drew',
      ({ x }, { W }) => tf.sum(tf.mul(tf.mul(x!, tf.randomNormal([2])), tf.sum(W!))),
    ],
    ['Values of a Square', ({ x }, { W }) => tf.mul(tf.sum(W!), tf.square(x!).dataSync()[0]!)],
    ['Values of x,', ({ x }, { W }) => tf.mul(tf.sum(W!), x!.dataSync()[0]!)],
  ])('naming what it was: %s', async (message, loss) => {
    const only = { ...linear({ loss }), weights: { W: tf.tensor2d([[1], [2]]) }, functions: {} };
    await expect(compileTraining(only)).rejects.toThrow(message);
  });

  it('weights that the loss does not depend on', async () => {
    const spare = linear({ weights: { ...linear().weights, spare: tf.ones([3]) } });
    await expect(compileTraining(spare)).rejects.toMatchObject({
      code: 'unused-weight',
      message: 'The loss does not depend on spare',
    });
  });

  it.each<[string, Tensors, RegExp]>([
    [
      'a label that would broadcast',
      { x: tf.ones([3, 2]), y: tf.ones([1, 1]) },
      /y has the shape \[1,1\], not \[batch, 1\], batch being 3/,
    ],
    ['another width', { x: tf.ones([3, 4]), y: tf.ones([3, 1]) }, /x has the shape \[3,4\]/],
    ['another rank', { x: tf.ones([3]), y: tf.ones([3, 1]) }, /x has the shape \[3\]/],
    [
      'another type',
      { x: tf.ones([3, 2], 'int32'), y: tf.ones([3, 1]) },
      /x is int32, not float32/,
    ],
    ['no rows', { x: tf.zeros([0, 2]), y: tf.zeros([0, 1]) }, /x is empty/],
    ['a missing column', { x: tf.ones([3, 2]) }, /y is missing/],
  ])('a batch with %s, before anything moves', async (_, fed, message) => {
    const compiled = await compile(linear());
    expect(() => compiled.step(fed)).toThrow(message);
    expect(compiled.state().step).toBe(0);
  });

  it('indexes beyond their table', async () => {
    const compiled = await compile({
      weights: { table: tf.ones([7, 2]) },
      inputs: { ids: { shape: ['batch', 3], dtype: 'int32' } },
      loss: ({ ids }, { table }) => tf.sum(tf.gather(table!, ids as tf.Tensor2D)),
      learningRate: 0.1,
    });
    const ids = (last: number) => ({ ids: tf.tensor2d([[0, 6, last]], [1, 3], 'int32') });
    expect(() => compiled.step(ids(7))).toThrow('ids holds 7 at place 2; its table has 7 rows');
    expect(() => compiled.step(ids(-1))).toThrow('ids holds -1 at place 2');
    expect(compiled.step(ids(1))).toBe(6);
  });

  it('a size that was not announced', async () => {
    const compiled = await compile(
      linear({
        inputs: { x: { shape: ['batch', 2] }, y: { shape: ['batch', 1] } },
        symbols: { batch: [2, 4, 6] },
      }),
    );
    expect(() => compiled.step(batch())).toThrow('batch is 1, which is none of 2, 4, 6');
  });
});

describe('learningRateAt', () => {
  const at = (step: number, decay: 'linear' | 'cosine') =>
    learningRateAt(numbers, 2, { warmupSteps: 4, decay, totalSteps: 12, floor: 0.1 }, step);

  it('rises over the warm-up and falls to the floor', () => {
    expect([1, 2, 4].map((step) => at(step, 'linear'))).toEqual([0.5, 1, 2]);
    // Half-way down: floor + (1 − floor) / 2 of the rate, in both ways of falling.
    expect(at(8, 'linear')).toBeCloseTo(1.1, 12);
    expect(at(8, 'cosine')).toBeCloseTo(1.1, 12);
    expect(at(12, 'cosine')).toBeCloseTo(0.2, 12);
    expect(at(40, 'linear')).toBeCloseTo(0.2, 12);
  });

  it('needs an end to fall towards', () => {
    expect(() => learningRateAt(numbers, 1, { decay: 'linear' }, 1)).toThrow('needs totalSteps');
  });
});
