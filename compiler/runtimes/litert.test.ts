import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { record, toTflite } from '../index.ts';
import { loadTflite } from './litert.ts';

const f = (...values: number[]): Float32Array => Float32Array.from(values);

const weighted = () =>
  loadTflite(
    toTflite(
      record(({ x, y }) => ({ sum: tf.add(x!, tf.mul(y!, 10)), root: tf.sqrt(x!) }), {
        x: { shape: [1, 2] },
        y: { shape: [1, 2] },
      }),
      { profile: 'float32' },
    ),
  );

describe('loadTflite', () => {
  it('gives every call its own inputs and outputs', async () => {
    const model = await weighted();
    const calls = [
      { x: f(1, 4), y: f(1, 2) },
      { x: f(9, 16), y: f(0, 1) },
    ];
    const results = await Promise.all(calls.map((call) => model.run(call)));
    expect(results).toEqual([
      { sum: f(11, 24), root: f(1, 2) },
      { sum: f(9, 26), root: f(3, 4) },
    ]);
    await model.dispose();
  });

  it('takes no value of an earlier call for an input that is missing or too short', async () => {
    const model = await weighted();
    await model.run({ x: f(1, 1), y: f(1, 1) });
    await expect(model.run({ x: f(1, 1) })).rejects.toMatchObject({ code: 'bad-input' });
    const short = model.run({ x: f(1, 1), y: f(1) });
    await expect(short).rejects.toThrow('Input y has 1 values, the file needs 2');
  });

  it('names the output and the element that is not finite, and runs again after it', async () => {
    const model = await weighted();
    const bad = model.run({ x: f(1, -1), y: f(0, 0) });
    await expect(bad).rejects.toThrow('Output root holds NaN at element 1');
    expect((await model.run({ x: f(1, 1), y: f(0, 0) })).root).toEqual(f(1, 1));
  });
});
