import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, fitterFor, printDim } from './symbolic.ts';

/** The sizes at which a fit was not made. */
const elsewhere = fc.record({
  batch: fc.integer({ min: 1, max: 1000 }),
  length: fc.integer({ min: 1, max: 100 }),
});
const factor = fc.integer({ min: -9, max: 9 });

describe('fitterFor', () => {
  it('finds the polynomial of sizes that gave the numbers', () => {
    const { probes, fit: fitted } = fitterFor({ batch: undefined, length: [20, 50, 80] });
    fc.assert(
      fc.property(fc.tuple(factor, factor, factor, factor), elsewhere, ([a, b, c, d], sizes) => {
        const value = ({ batch, length }: Record<string, number>) =>
          a + b * batch! + c * length! + d * batch! * length!;
        expect(evaluate(fitted(probes.map(value))!, sizes)).toBe(value(sizes));
      }),
    );
  });

  it('finds whole halves where they are asked for', () => {
    const { probes, fit: fitted } = fitterFor(
      { batch: undefined, length: [20, 50] },
      { halves: true },
    );
    fc.assert(
      fc.property(fc.tuple(factor, factor, factor, factor), elsewhere, ([a, b, c, d], sizes) => {
        const value = ({ batch, length }: Record<string, number>) =>
          a + b * batch! + c * Math.floor(batch! / 2) + d * Math.floor(batch! / 2) * length!;
        expect(evaluate(fitted(probes.map(value))!, sizes)).toBe(value(sizes));
      }),
    );
    expect(printDim(fitted(probes.map(({ batch }) => batch! - Math.floor(batch! / 2)))!)).toBe(
      'batch+-1·⌊batch/2⌋',
    );
  });

  it('finds nothing where nothing of that form is', () => {
    const plain = fitterFor({ batch: undefined });
    expect(plain.fit(plain.probes.map(({ batch }) => Math.floor(batch! / 2)))).toBeUndefined();
    const halves = fitterFor({ batch: undefined }, { halves: true });
    expect(halves.fit(halves.probes.map(({ batch }) => Math.floor(batch! / 3)))).toBeUndefined();
    expect(halves.fit(halves.probes.map(({ batch }) => batch! ** 2))).toBeUndefined();
  });
});
