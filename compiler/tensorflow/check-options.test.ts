/** What is refused before anything is compiled; the losses and functions need TensorFlow. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { startTensorflow } from '../testing/tensorflow.ts';
import { type CompileOptions, compileTraining } from './compile-training.ts';

const native = await startTensorflow();

const W = tf.tensor2d([[1], [2]]);
const product = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D);
/** Options as JavaScript without types may give them. */
const compile = (overrides: Record<string, unknown>) =>
  compileTraining({
    weights: { W },
    inputs: { x: { shape: ['batch', 2] } },
    loss: ({ x }, { W: w }) => tf.mean(product(x!, w!)),
    learningRate: 0.1,
    ...overrides,
  } as CompileOptions);

const clone = W.clone();
const zeros = tf.zeros([2, 1]);

describe('compileTraining refuses', () => {
  it.each([
    ['weights that share their numbers', 'bad-weights', { weights: { W, V: clone } }],
    [
      'variables made of one tensor',
      'bad-weights',
      { weights: { W: tf.variable(zeros), V: tf.variable(zeros) } },
    ],
    ['a tensor that is trained and frozen', 'bad-weights', { frozen: { V: W } }],
    ['weights that are int32', 'bad-weights', { frozen: { ids: tf.tensor1d([1], 'int32') } }],
    ['no weights', 'bad-weights', { weights: {} }],
    ['a nameless size', 'bad-inputs', { inputs: { x: { shape: [null, 2] } } }],
    ['an input of type bool', 'bad-inputs', { inputs: { x: { shape: [2], dtype: 'bool' } } }],
    ['a formula as size', 'bad-names', { inputs: { x: { shape: ['2*batch', 2] } } }],
    ['sizes of a name that no input has', 'bad-inputs', { symbols: { Batch: [1, 2] } }],
    ['a single size', 'bad-inputs', { symbols: { batch: [32] } }],
    ['names that TensorFlow refuses', 'bad-names', { inputs: { 'x y': { shape: [2] } } }],
    ['a function called gradient', 'bad-names', { functions: { gradient: () => ({ W }) } }],
    ['a form of Adam that is none', 'bad-options', { adam: 'Lazy' }],
    ['a rate that is no number', 'bad-options', { learningRate: Number.NaN }],
    ['a decay without an end', 'bad-options', { schedule: { decay: 'cosine' } }],
  ])('%s', async (_, code, overrides) => {
    await expect(compile(overrides)).rejects.toMatchObject({ code, where: 'model' });
  });

  it.runIf(native).each([
    ['a loss a row', ({ x }: { x: tf.Tensor }) => product(x, W)],
    ['a loss that is int32', () => tf.scalar(1, 'int32')],
    ['a loss that is a number', () => 3],
    ['no loss', () => undefined],
  ])('%s', async (_, loss) => {
    await expect(compile({ loss })).rejects.toMatchObject({ code: 'bad-outputs' });
  });

  it.runIf(native).each([
    ['a tensor without a name', ({ x }: { x: tf.Tensor }) => tf.relu(x)],
    ['a promise', async ({ x }: { x: tf.Tensor }) => ({ y: tf.relu(x) })],
    ['nothing', () => ({})],
  ])('a function that returns %s', async (_, f) => {
    const refused = compile({ functions: { f } });
    await expect(refused).rejects.toMatchObject({ code: 'bad-outputs', where: 'model, f' });
  });
});

describe.runIf(native)('a compiled training refuses', () => {
  it('weights of another type, states of no step, unknown functions and what is no tensor', async () => {
    const compiled = await compile({});
    const ints = { W: tf.tensor2d([[1], [2]], [2, 1], 'int32') };
    expect(() => compiled.assign(ints)).toThrow('W is int32[2,1]; the graph takes float32[2,1]');
    const state = { m: { W }, v: { W }, step: -1 };
    expect(() => compiled.assign({ W }, state)).toThrow('The state is that of step -1');
    expect(() => compiled.call('predict', {})).toThrow('There is no function predict');
    expect(() => compiled.step({ x: [[1, 2]] as unknown as tf.Tensor })).toThrow('x is no tensor');
    compiled.dispose();
  });

  it('indexes beyond the axis of a constant that they point into', async () => {
    const compiled = await compile({
      inputs: { ids: { shape: ['batch'], dtype: 'int32' } },
      loss: ({ ids }: { ids: tf.Tensor1D }, { W: w }: { W: tf.Tensor }) =>
        tf.mean(product(tf.transpose(tf.gather(tf.ones([2, 9]), ids, 1)), w)),
    });
    // Column 8 of 9: rows, of which there are 2, are not what is chosen.
    expect(compiled.step({ ids: tf.tensor1d([8], 'int32') })).toBeCloseTo(3, 5);
    compiled.dispose();
  });

  it('all use after it is disposed, but to be disposed again', async () => {
    const predict = ({ x }: { x: tf.Tensor }) => ({ y: tf.relu(x) });
    const compiled = await compile({ functions: { predict } });
    compiled.dispose();
    compiled.dispose();
    const x = tf.ones([1, 2]);
    const uses = [
      () => compiled.step({ x }),
      () => compiled.call('predict', { x }),
      () => compiled.assign({ W }),
      () => compiled.weights(),
      () => compiled.state(),
    ];
    const refusal = { code: 'disposed', where: 'model' };
    for (const use of uses) expect(use).toThrow(expect.objectContaining(refusal));
  });
});

describe.runIf(native)('indexes that the function computes', { timeout: 60_000 }, () => {
  const table = tf.tensor2d([10, 20, 30], [3, 1]);
  /** The mean of the table's rows that `of` makes of the ids; the gradient of W is another matter. */
  const compileIds = (of: (ids: tf.Tensor) => tf.Tensor, overrides = {}) =>
    compile({
      weights: { table },
      inputs: { ids: { shape: ['batch'], dtype: 'int32' } },
      loss: ({ ids }: { ids: tf.Tensor }, { table: t }: { table: tf.Tensor }) =>
        tf.mean(tf.gather(t, of(ids))),
      ...overrides,
    });
  const ids = (...values: number[]) => ({ ids: tf.tensor1d(values, 'int32') });

  it.each([
    ['fast', 'ids − 1', (x: tf.Tensor) => tf.sub(x, tf.scalar(1, 'int32')), ids(1, 3), 20],
    ['exact', 'ids − 2', (x: tf.Tensor) => tf.sub(x, tf.scalar(2, 'int32')), ids(2, 3), 15],
    ['lazy', '3 − ids', (x: tf.Tensor) => tf.sub(tf.scalar(3, 'int32'), x), ids(1, 2), 25],
  ])('compile in the form %s where 0 is no legal id: %s', async (adam, _, of, batch, mean) => {
    const compiled = await compileIds(of, { adam });
    expect(compiled.step(batch)).toBeCloseTo(mean, 5);
    compiled.dispose();
  });

  it('leave no tensors behind, whether another id is legal or none', async () => {
    const less = (by: number) => (x: tf.Tensor) => tf.sub(x, tf.scalar(by, 'int32'));
    const loss =
      (by: number) =>
      ({ ids: x }: { ids: tf.Tensor }, { table: t }: { table: tf.Tensor }) =>
        tf.mean(tf.gather(tf.square(t), less(by)(x)));
    const before = tf.memory().numTensors;
    (await compileIds(less(2), { loss: loss(2) })).dispose();
    await expect(compileIds(less(9), { loss: loss(9) })).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are refused with the line when they are never legal', async () => {
    const of = (x: tf.Tensor) => tf.add(x, tf.scalar(100, 'int32'));
    await expect(compileIds(of)).rejects.toMatchObject({
      code: 'not-compilable',
      message: expect.stringContaining('GatherV2'),
      where: expect.stringMatching(/check-options\.test\.ts:\d+$/),
      cause: expect.any(Error),
    });
  });

  it('are refused at the step that takes them outside, which moves nothing', async () => {
    const compiled = await compileIds((x) => tf.sub(x, tf.scalar(1, 'int32')));
    const refusal = { code: 'bad-batch', where: 'model, train', cause: expect.any(Error) };
    expect(() => compiled.step(ids(1, 9))).toThrow(expect.objectContaining(refusal));
    expect(() => compiled.step(ids(1, 9))).toThrow(/computes is outside of its table: .*8/);
    expect(compiled.weights().table!.dataSync()).toEqual(table.dataSync());
    expect(compiled.state().step).toBe(0);
    compiled.dispose();
  });
});
