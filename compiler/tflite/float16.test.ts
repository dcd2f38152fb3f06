import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitsFloat16, isFiniteHalf, toFloat16 } from './float16.ts';

const bits = (x: number): number => toFloat16(Float32Array.of(x))[0] ?? -1;

/** The number that the bits stand for, by the definition of the format. */
function numberOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

describe('toFloat16', () => {
  it.each([
    [0, 0x0000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 0x0001],
    [2 ** -14, 0x0400],
    [1 / 3, 0x3555],
    // Ties: 1 + 1/2048 lies between 1 and 1 + 1/1024, 1 + 3/2048 between the next two.
    [1 + 1 / 2048, 0x3c00],
    [1 + 3 / 2048, 0x3c02],
    [2 ** -25, 0x0000],
    [3 * 2 ** -25, 0x0002],
  ])('writes %f as its nearest half', (x, expected) => {
    expect(bits(x)).toBe(expected);
  });

  it('errs by at most one part in 2048, or half the smallest step', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (x) => {
        const bound = Math.max(Math.abs(x) / 2048, 2 ** -25);
        expect(Math.abs(numberOf(bits(x)) - x)).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 2000, seed: 6 },
    );
  });
});

describe('fitsFloat16', () => {
  it('tells numbers that would become infinite', () => {
    expect(fitsFloat16(Float32Array.of(65519, -65519))).toBe(true);
    expect(fitsFloat16(Float32Array.of(-1e9))).toBe(false);
    expect([bits(-1e9), bits(5), bits(Number.NaN)].map(isFiniteHalf)).toEqual([false, true, false]);
  });
});
