/** Every operation on random shapes, in every target and profile, against tfjs. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { type Deviation, deviation, prepare } from './testing/deviation.ts';
import { floatOperations, int8Operations, type Make } from './testing/op-cases.ts';
import { FLOAT_TARGETS, ROUNDING_TARGETS, type Target } from './testing/parity.ts';

const FLOAT_TOLERANCE = 1e-5;
/**
 * RMS error over the largest output, beside the bounds from the step sizes: an operation rounds its
 * operands, its result and maybe a constant to 1/255 of their ranges; halves to 1/2048.
 */
const RMS_TOLERANCE: Partial<Record<Target, number>> = { float16: 1e-3 };
const RMS_TOLERANCE_8_BITS = 0.015;
const SHAPES_PER_OPERATION = 3;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const cases = Object.entries({ ...int8Operations, ...floatOperations });

async function drawn(
  name: string,
  make: Make,
  target: Target,
  check: (found: Deviation, draw: string) => void,
): Promise<void> {
  for (let i = 0; i < SHAPES_PER_OPERATION; i++) {
    check(await deviation(prepare(make(Random.of(11, name, i)), i), target), `shape draw ${i}`);
  }
}

describe.each(FLOAT_TARGETS)('%s equals tfjs', (target) => {
  it.each(cases)('for %s', async (name, make) => {
    await drawn(name, make, target, ({ error }, draw) => {
      expect(error, draw).toBeLessThanOrEqual(FLOAT_TOLERANCE);
    });
  });
});

describe.each(ROUNDING_TARGETS)('%s stays within its step sizes of tfjs', (target) => {
  it.each(cases)('for %s', async (name, make) => {
    // Floor, comparisons and casts may fall on the other side of a whole step.
    const jumps = name in floatOperations;
    await drawn(name, make, target, ({ error, outside }, draw) => {
      expect(outside, draw).toBe(0);
      const tolerance = RMS_TOLERANCE[target] ?? RMS_TOLERANCE_8_BITS;
      expect(error, draw).toBeLessThanOrEqual(jumps ? 0.1 : tolerance);
    });
  });
});
