import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fourDigits } from './maths.ts';

const byText = (x: number): number => Number(x.toPrecision(4));

describe('fourDigits', () => {
  it('is what toPrecision(4) says, for any number', () => {
    const any = fc.double({ noNaN: true, noDefaultInfinity: true });
    const usual = fc.double({ noNaN: true, min: -12, max: 12 });
    fc.assert(
      fc.property(fc.oneof(any, usual), (x) => {
        expect(fourDigits(x) + 0).toBe(byText(x) + 0);
      }),
      { numRuns: 20_000 },
    );
  });

  it('is what toPrecision(4) says half-way between two decimals, and where a digit is added', () => {
    const middles = fc.tuple(fc.integer({ min: 1000, max: 9999 }), fc.integer({ min: 3, max: 7 }));
    fc.assert(
      fc.property(middles, fc.integer({ min: -3, max: 3 }), ([whole, places], ulps) => {
        const x = ((whole + 0.5) / 10 ** places) * (1 + ulps * Number.EPSILON);
        expect(fourDigits(x)).toBe(byText(x));
        expect(fourDigits(-x)).toBe(byText(-x));
      }),
      { numRuns: 20_000 },
    );
    for (const x of [0.001, 0.01, 0.1, 1, 10, 0.099996, 0.99995, 9.99951, 0.00099996]) {
      expect(fourDigits(x)).toBe(byText(x));
    }
  });
});
