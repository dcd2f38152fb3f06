/** Every operation on random shapes, in every target, against tfjs. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { floatOperations, int8Operations, type Make } from './testing/op-cases.ts';
import { errorOf, FLOAT_TARGETS } from './testing/parity.ts';

const FLOAT_TOLERANCE = 1e-5;
/** RMS error of one operation in int8 over the largest output: a few roundings to 1/255 of a range. */
const INT8_TOLERANCE = 0.015;
const SHAPES_PER_OPERATION = 3;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const cases = (operations: Record<string, Make>): [string, Make][] => Object.entries(operations);

describe.each(FLOAT_TARGETS)('%s equals tfjs', (target) => {
  it.each(cases({ ...int8Operations, ...floatOperations }))('for %s', async (name, make) => {
    for (let i = 0; i < SHAPES_PER_OPERATION; i++) {
      const error = await errorOf(make(Random.of(11, name, i)), target, i);
      expect(error, `shape draw ${i}`).toBeLessThanOrEqual(FLOAT_TOLERANCE);
    }
  });
});

describe('int8 TFLite stays near tfjs', () => {
  it.each(cases(int8Operations))('for %s', async (name, make) => {
    for (let i = 0; i < SHAPES_PER_OPERATION; i++) {
      const error = await errorOf(make(Random.of(11, name, i)), 'int8', i);
      expect(error, `shape draw ${i}`).toBeLessThanOrEqual(INT8_TOLERANCE);
    }
  });

  it.each(cases(floatOperations))('with %s in float32 inside', async (name, make) => {
    const error = await errorOf(make(Random.of(11, name, 0)), 'int8', 0);
    expect(error).toBeLessThanOrEqual(0.1);
  });
});
