/** Numbers that depend on the size of the batch: compiled steps against eager tfjs. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { startTensorflow } from '../testing/tensorflow.ts';
import { type CompileOptions, compileTraining } from './compile-training.ts';

const native = await startTensorflow();

const W = tf.tensor2d([[1], [2]]);
const rows = (n: number) =>
  tf.tensor2d(
    Array.from({ length: 2 * n }, (_, i) => (i % 5) - 1.5),
    [n, 2],
  );
const product = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D);

/** Losses at these sizes, compiled and eager. */
async function losses(
  loss: (x: tf.Tensor, w: tf.Tensor) => tf.Tensor,
  sizes: number[],
  options: Partial<CompileOptions> = {},
): Promise<[number, number][]> {
  const compiled = await compileTraining({
    weights: { W },
    inputs: { x: { shape: ['batch', 2] } },
    loss: ({ x }, { W: w }) => loss(x!, w!),
    learningRate: 0.1,
    adam: 'exact',
    ...options,
  });
  const pairs = sizes.map((n): [number, number] => {
    compiled.assign({ W });
    return [compiled.step({ x: rows(n) }), loss(rows(n), W).dataSync()[0]!];
  });
  compiled.dispose();
  return pairs;
}

describe.runIf(native)('sizes in a compiled loss', { timeout: 60_000 }, () => {
  it.each([
    ['1e-6 / batch', (n: number) => 1e-6 / n],
    ['1e-7 · batch', (n: number) => 1e-7 * n],
    ['100 / batch', (n: number) => 100 / n],
  ])('keeps the constant %s at every size', async (_, factor) => {
    const loss = (x: tf.Tensor, w: tf.Tensor) =>
      tf.mul(tf.sum(tf.square(product(x, w))), factor(x.shape[0]!));
    for (const [compiled, eager] of await losses(loss, [1, 2, 7, 100, 1000])) {
      expect(compiled / eager).toBeCloseTo(1, 6);
    }
  });

  it('divides by the batch exactly where only two sizes are allowed', async () => {
    const loss = (x: tf.Tensor, w: tf.Tensor) => tf.mul(tf.sum(product(x, w)), 1 / x.shape[0]!);
    const symbols = { batch: [1000, 3000] };
    for (const [compiled, eager] of await losses(loss, symbols.batch, { symbols })) {
      expect(compiled).toBe(eager);
    }
  });

  it('tells infinities apart that fill tensors of the batch', async () => {
    const filled = (x: tf.Tensor, value: number) =>
      tf.tensor(new Float32Array(x.shape[0]!).fill(value), [x.shape[0]!, 1]);
    const loss = (x: tf.Tensor, w: tf.Tensor) =>
      tf.sum(
        tf.maximum(
          tf.minimum(product(x, w), filled(x, Number.POSITIVE_INFINITY)),
          filled(x, Number.NEGATIVE_INFINITY),
        ),
      );
    for (const [compiled, eager] of await losses(loss, [2, 9])) expect(compiled).toBe(eager);
  });

  it('sums the gradient of what is tiled over the batch, as layer normalisation does', async () => {
    const norm = tf.layers.layerNormalization({ inputShape: [2] });
    norm.build([null, 2]);
    const variables = norm.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const weights = Object.fromEntries(variables.map((variable) => [variable.name, variable]));
    const aim = tf.tensor1d([1, -2]);
    const loss = (x: tf.Tensor) =>
      tf.mean(tf.square(tf.sub(norm.apply(x) as tf.Tensor, aim))) as tf.Scalar;
    const compiled = await compileTraining({
      weights,
      inputs: { x: { shape: ['batch', 2] } },
      loss: ({ x }) => loss(x!),
      learningRate: 0.1,
    });
    const x = rows(9);
    const { value, grads } = tf.variableGrads(() => loss(x), variables);
    expect(compiled.step({ x })).toBeCloseTo(value.dataSync()[0]!, 5);
    // The first moment is a tenth of the gradient.
    const { m } = compiled.state();
    for (const [name, gradient] of Object.entries(grads)) {
      const tenth = tf.mul(gradient, 0.1).dataSync();
      m[name]!.dataSync().forEach((moment, i) => {
        expect(moment).toBeCloseTo(tenth[i]!, 5);
      });
    }
    compiled.dispose();
  });

  it.each([
    ['cuts at 20 rows', (x: tf.Tensor) => tf.slice(x, [0, 0], [Math.min(20, x.shape[0]!), 2])],
    [
      'pads to eights',
      (x: tf.Tensor) =>
        tf.pad(x, [
          [0, (8 - (x.shape[0]! % 8)) % 8],
          [0, 0],
        ]),
    ],
  ])('refuses a loss that %s', async (_, of) => {
    await expect(losses((x, w) => tf.sum(product(of(x), w)), [])).rejects.toMatchObject({
      code: 'not-compilable',
    });
  });
});
