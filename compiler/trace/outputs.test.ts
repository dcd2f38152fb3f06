/** Promises, which a recording cannot wait for. */
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileTraining } from '../tensorflow/compile-training.ts';
import { startTensorflow } from '../testing/tensorflow.ts';
import { record } from './record.ts';

const native = await startTensorflow();

const unhandled: unknown[] = [];
const listen = (reason: unknown) => unhandled.push(reason);

/** Node reports a rejection after the turn in which it went unhandled. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', listen);
});

afterEach(async () => {
  await settled();
  process.off('unhandledRejection', listen);
  expect(unhandled).toEqual([]);
});

/** As JavaScript without types may give them. */
type Untyped = (inputs: { x: tf.Tensor }) => never;

const rowwise = { x: { shape: ['batch', 2] } };

describe('promises are refused and their rejections end nothing', () => {
  it.each([
    ['reads', 'The function returned a promise', async ({ x }) => ({ y: await x.data() })],
    [
      'fails later',
      'The function returned a promise',
      async ({ x }) => {
        await undefined;
        return { y: tf.matMul(x, tf.ones([7, 7])) };
      },
    ],
    [
      'has promises among its outputs',
      'The output data is a promise',
      ({ x }) => ({ y: x, data: x.data(), more: x.data() }),
    ],
  ] as [string, string, Untyped][])('of an exported function that %s', (_, message, run) => {
    const recorded = () => record(run as never, { x: { shape: [4] } });
    expect(recorded).toThrow(expect.objectContaining({ code: 'bad-outputs', where: 'graph main' }));
    expect(recorded).toThrow(message);
  });

  it.runIf(native).each([
    ['a loss', 'The loss is a promise', { loss: async ({ x }: { x: tf.Tensor }) => x.data() }],
    [
      'a compiled function',
      'The function returned a promise',
      { functions: { f: async ({ x }: { x: tf.Tensor }) => ({ y: await x.data() }) } },
    ],
  ])('of %s that reads', async (_, message, overrides) => {
    const options = {
      weights: { w: tf.tensor1d([1, 2]) },
      inputs: rowwise,
      loss: ({ x }: { x: tf.Tensor }, { w }: { w: tf.Tensor }) => tf.mean(tf.mul(x, w)),
      learningRate: 0.1,
      ...overrides,
    };
    const refused = compileTraining(options as never);
    await expect(refused).rejects.toMatchObject({ code: 'bad-outputs', message });
  });
});
