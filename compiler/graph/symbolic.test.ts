import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, fitterFor, printDim } from './symbolic.ts';

/** The sizes at which a fit was not made. */
const elsewhere = fc.record({
  batch: fc.integer({ min: 1, max: 1000 }),
  length: fc.integer({ min: 1, max: 100 }),
});
const factor = fc.integer({ min: -9, max: 9 });

const float = Math.fround;
const seen = (sizes: { probes: readonly Record<string, number>[] }, f: (batch: number) => number) =>
  sizes.probes.map(({ batch }) => f(batch!));

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

  const any = fitterFor({ batch: undefined });

  it('finds sizes and constants that are linear in a size', () => {
    expect(any.fit(seen(any, (batch) => 2 * batch + 1))).toEqual({ '': 1, batch: 2 });
    expect(any.fit(seen(any, (batch) => batch / 2))).toEqual({ batch: 0.5 });
    expect(any.fit(seen(any, () => 7))).toBe(7);
  });

  it('sees that a small constant is no line, and keeps one that is', () => {
    expect(any.fit(seen(any, (batch) => float(1e-6 / batch)))).toBeUndefined();
    const line = any.fit(seen(any, (batch) => float(1e-7 * batch)))!;
    expect(evaluate(line, { batch: 1000 }) / 1e-4).toBeCloseTo(1, 6);
  });

  it.each([
    ['a cut at 20 rows', (batch: number) => Math.min(batch, 20)],
    ['portions of 64 rows', (batch: number) => Math.ceil(batch / 64)],
    ['padding to a multiple of 8', (batch: number) => (8 - (batch % 8)) % 8],
  ])('takes %s for no line', (_, f) => {
    expect(any.fit(seen(any, f))).toBeUndefined();
  });

  it('asks for every size that is listed', () => {
    const listed = fitterFor({ length: [2, 4, 8, 16, 32] });
    expect(listed.probes.map(({ length }) => length).sort((a, b) => a! - b!)).toEqual([
      2, 4, 8, 16, 32,
    ]);
  });

  it('fits two sizes in all products', () => {
    const two = fitterFor({ batch: undefined, length: undefined });
    const f = ({ batch, length }: Record<string, number>) => 3 * batch! * length! - batch! + 4;
    const fitted = two.fit(two.probes.map(f))!;
    expect(evaluate(fitted, { batch: 50, length: 9 })).toBe(1304);
  });
});
