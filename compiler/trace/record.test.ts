import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { EdgeloomError } from '../../lib/errors.ts';
import { interpreter } from '../graph/interpret.ts';
import { countOperations, printGraph } from '../graph/print.ts';
import { rawOp, statelessDropout, statelessUniform } from './raw-op.ts';
import { record } from './record.ts';

const vector = { x: { shape: [4] } };
const matrix = { x: { shape: [2, 4] } };

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** The error that `body` throws. */
function caught(body: () => unknown): EdgeloomError {
  try {
    body();
  } catch (error) {
    if (error instanceof EdgeloomError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('record', () => {
  it.each([
    ['a promise', async ({ x }: { x: tf.Tensor }) => ({ y: tf.relu(x) })],
    ['a tensor without a name', ({ x }: { x: tf.Tensor }) => tf.relu(x)],
    ['nothing', () => undefined],
    ['no outputs', () => ({})],
  ])('refuses a function that returns %s', (_, run) => {
    const refused = caught(() => record(run as unknown as Parameters<typeof record>[0], vector));
    expect(refused).toMatchObject({ code: 'bad-outputs', where: 'graph main' });
  });

  it.each([
    ['open sizes', { shape: [null, 4] }, 'bad-inputs'],
    ['sizes by name', { shape: ['batch', 4] }, 'bad-inputs'],
    ['inputs of type bool', { shape: [4], dtype: 'bool' }, 'bad-inputs'],
  ])('refuses %s', (_, type, code) => {
    const inputs = { x: type } as unknown as Parameters<typeof record>[1];
    expect(caught(() => record(({ x }) => ({ y: x! }), inputs))).toMatchObject({ code });
  });

  it('refuses names that runtimes lose', () => {
    expect(caught(() => record(({ x }) => ({ '': x! }), vector)).code).toBe('bad-names');
  });

  it('turns a dense layer into one operation with named weights', () => {
    const kernel = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
    const bias = tf.tensor1d([1, -1]);
    const graph = record(
      ({ x }) => ({ y: tf.relu(tf.add(tf.matMul(x as tf.Tensor2D, kernel), bias)) }),
      matrix,
      { name: 'layer', weights: { 'layer/kernel': kernel, 'layer/bias': bias } },
    );
    expect(printGraph(graph)).toBe(
      'graph layer(x: float32[2,4])\n' +
        '  y: float32[2,2] = dense(x, const_1, [1, -1]) { activation: "relu" }\n' +
        '  return y\n',
    );
    const names = graph.values.map((value) => value.name);
    expect(names).toContain('layer/bias');
  });

  it('records tf.layers', () => {
    const layer = tf.layers.dense({ units: 3, activation: 'tanh' });
    layer.build([null, 4]);
    const graph = record(({ x }) => ({ y: layer.apply(x as tf.Tensor) as tf.Tensor }), matrix);
    expect(countOperations(graph)).toEqual({ dense: 1, tanh: 1 });
  });

  it('leaves the backend and Math.random as they were, after errors too', () => {
    const random = Math.random;
    record(({ x }) => ({ y: tf.exp(x as tf.Tensor) }), vector);
    expect(() => record(({ x }) => ({ y: tf.erf(x as tf.Tensor) }), vector)).toThrow();
    expect([tf.getBackend(), Math.random]).toEqual(['cpu', random]);
    expect(tf.add(1, 2).dataSync()[0]).toBe(3);
  });

  it('frees the tensors that it made', () => {
    const before = tf.memory().numTensors;
    record(({ x }) => ({ y: tf.softmax(tf.square(x as tf.Tensor)) }), vector);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('computes what does not depend on the inputs', () => {
    const graph = record(
      ({ x }) => ({ y: tf.mul(x as tf.Tensor, tf.sum(tf.sqrt(tf.tensor1d([4, 9])))) }),
      vector,
    );
    expect(countOperations(graph)).toEqual({ multiply: 1 });
    expect(printGraph(graph)).toContain('multiply(x, 5)');
  });

  it('names the operation and the source line of what it cannot export', () => {
    const error = caught(() => record(({ x }) => ({ y: tf.erf(x as tf.Tensor) }), vector));
    expect(error.code).toBe('unsupported-op');
    expect(error.message).toContain('kernel Erf of float32[4]');
    expect(error.where).toMatch(/^compiler\/trace\/record\.test\.ts:\d+$/);
  });

  it('names the reason where only some uses are refused', () => {
    const error = caught(() => record(({ x }) => ({ y: tf.pow(x as tf.Tensor, 3) }), vector));
    expect(error.message).toContain('constant exponents');
    expect(error.where).toMatch(/record\.test\.ts/);
  });

  it('refuses a branch on data, with the line of the read', () => {
    const branch = ({ x }: Record<string, tf.Tensor>): Record<string, tf.Tensor> => {
      const y = tf.relu(x as tf.Tensor);
      return { y: (y.dataSync()[0] ?? 0) > 0 ? y : tf.neg(y) };
    };
    const error = caught(() => record(branch, vector));
    expect([error.code, error.where?.replace(/:\d+$/, '')]).toEqual([
      'read-while-recording',
      'compiler/trace/record.test.ts',
    ]);
  });

  it('advises one who prints to do it outside of the function', () => {
    const printing = ({ x }: Record<string, tf.Tensor>) => {
      x!.print();
      return { y: tf.exp(x!) };
    };
    const refused = caught(() => record(printing, vector));
    expect(refused.fix).toMatch(/^print and read values outside of the function/);
  });

  it('lets constants be read', () => {
    const graph = record(({ x }) => {
      const scale = tf.sum(tf.tensor1d([1, 2])).dataSync()[0] as number;
      return { y: tf.mul(x as tf.Tensor, scale) };
    }, vector);
    expect(printGraph(graph)).toContain('multiply(x, 3)');
  });

  it.each<[string, (x: tf.Tensor) => tf.Tensor]>([
    ['tf.dropout', (x) => tf.dropout(x, 0.5)],
    ['tf.dropout', (x) => tf.dropout(x, 0.5, undefined, 7)],
    ['tf.dropout', (x) => tf.dropout(x, 0.5, [1], 'seed')],
    ['tf.randomNormal', (x) => tf.add(x, tf.randomNormal([4]))],
    ['tf.randomUniform', (x) => tf.add(x, tf.randomUniform([4], 0, 9, 'int32', 7))],
    ['tf.truncatedNormal', (x) => tf.add(x, tf.truncatedNormal([4], 0, 1, 'float32', 7))],
  ])('refuses random numbers of %s, by name and line', (name, drawn) => {
    const refused = caught(() => record(({ x }) => ({ y: drawn(x!) }), vector));
    expect(refused.code).toBe('random-while-recording');
    expect(refused.message).toContain(`${name} drew random numbers`);
    expect(refused.where).toMatch(/^compiler\/trace\/record\.test\.ts:\d+$/);
  });

  it.each<[string, (x: tf.Tensor, seed: tf.Tensor) => tf.Tensor]>([
    ['statelessDropout', (x, seed) => statelessDropout(x, 0.5, seed)],
    ['statelessUniform', (x, seed) => tf.add(x, statelessUniform([4], seed))],
  ])('refuses %s, which training takes', (name, draws) => {
    const seed = tf.tensor1d([1, 2], 'int32');
    expect(caught(() => record(({ x }) => ({ y: draws(x!, seed) }), vector))).toMatchObject({
      code: 'random-while-recording',
      message: `${name} drew random numbers while the function was recorded`,
      where: expect.stringMatching(/^compiler\/trace\/record\.test\.ts:\d+$/),
      fix: 'leave dropout out of what is exported',
    });
    expect(caught(() => draws(tf.ones([4]), seed))).toMatchObject({ code: 'needs-tensorflow' });
  });

  it("refuses TensorFlow's own kernels, with the line", () => {
    const refused = caught(() => record(({ x }) => ({ y: rawOp('Erf', {}, [x!])[0]! }), vector));
    expect(refused).toMatchObject({
      code: 'unsupported-op',
      where: expect.stringMatching(/record\.test\.ts/),
    });
  });

  it('takes constants of a function that is called like one that draws', () => {
    const dropout = (x: tf.Tensor) => tf.mul(x, tf.tensor1d([1, 2, 3, 4]));
    expect(record(({ x }) => ({ y: dropout(x!) }), vector).outputs).toHaveLength(1);
  });

  it('refuses assignments, by name and line, and leaves the variables as they were', () => {
    const variable = tf.variable(tf.tensor1d([1, 2]), false, 'counted');
    const count = ({ x }: Record<string, tf.Tensor>) => {
      variable.assign(tf.add(variable, 1));
      return { y: tf.exp(x!) };
    };
    const refused = caught(() => record(count, vector));
    expect(refused.code).toBe('assign-while-recording');
    expect(refused.message).toContain('The variable counted was assigned');
    expect(refused.where).toMatch(/^compiler\/trace\/record\.test\.ts:\d+$/);
    expect(Array.from(variable.dataSync())).toEqual([1, 2]);
    variable.assign(tf.tensor1d([3, 4]));
    expect(Array.from(variable.dataSync())).toEqual([3, 4]);
  });

  it('refuses batch normalisation in training and leaves its averages as they were', () => {
    const layer = tf.layers.batchNormalization();
    layer.build([null, 4]);
    const normalised =
      (training: boolean) =>
      ({ x }: Record<string, tf.Tensor>) => ({ y: layer.apply(x!, { training }) as tf.Tensor });
    const refused = caught(() => record(normalised(true), matrix));
    expect(refused.code).toBe('assign-while-recording');
    expect(refused.message).toMatch(/moving_mean/);
    expect(refused.where).toMatch(/record\.test\.ts:\d+$/);
    const averages = layer.getWeights().map((weight) => Array.from(weight.dataSync()));
    expect(averages.slice(2)).toEqual([Array(4).fill(0), Array(4).fill(1)]);
    expect(record(normalised(false), matrix).outputs).toHaveLength(1);
  });

  it('refuses an output that is called like an input', () => {
    expect(caught(() => record(({ x }) => ({ x: tf.exp(x as tf.Tensor) }), vector)).code).toBe(
      'bad-names',
    );
  });

  it('gives outputs of their own to inputs, constants and values that go out twice', () => {
    const graph = record(({ x }) => {
      const y = tf.exp(x as tf.Tensor);
      return { same: x as tf.Tensor, first: y, second: y, fixed: tf.tensor1d([1, 2]) };
    }, vector);
    expect(graph.outputs.map((port) => port.name)).toEqual(['same', 'first', 'second', 'fixed']);
    expect(new Set(graph.outputs.map((port) => port.value)).size).toBe(4);
  });

  it('keeps names unique when a weight is called like an input', () => {
    const w = tf.tensor1d([1, 2, 3, 4]);
    const graph = record(({ x }) => ({ y: tf.mul(x as tf.Tensor, w) }), vector, {
      weights: { x: w },
    });
    const names = graph.values.map((value) => value.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('refuses to record within a recording', () => {
    const inner = ({ x }: Record<string, tf.Tensor>) => {
      record(({ x: z }) => ({ y: tf.exp(z as tf.Tensor) }), vector);
      return { y: x as tf.Tensor };
    };
    expect(() => record(inner, vector)).toThrow(/under way/);
  });
});

describe('masks', () => {
  const blend = ({ a, b, mask }: Record<string, tf.Tensor>) => ({
    y: tf.add(tf.mul(a!, mask!), tf.mul(b!, tf.sub(1, mask!))),
  });
  const inputs = { a: { shape: [2, 3] }, b: { shape: [2, 3] }, mask: { shape: [2, 1] } };

  it('become a choice when the caller says that they hold only 0 and 1', () => {
    const graph = record(blend, inputs, { masks: ['mask'] });
    expect(countOperations(graph)).toEqual({ greater: 1, select: 1 });
  });

  it('may hold any numbers otherwise, whatever they are called', () => {
    const { y } = interpreter(record(blend, inputs)).run({
      a: Float32Array.from([1, 2, 3, 4, 5, 6]),
      b: Float32Array.from([5, 6, 7, 8, 9, 10]),
      mask: Float32Array.from([0.25, 0.75]),
    });
    // b − (b − a)·m with b − a = 4: b − 1 in the first row, b − 3 in the second.
    expect(Array.from(y!)).toEqual([4, 5, 6, 5, 6, 7]);
  });

  it('must be inputs', () => {
    expect(() => record(blend, inputs, { masks: ['other'] })).toThrow(/not an input/);
  });
});
