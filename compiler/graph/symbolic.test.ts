import { describe, expect, it } from 'vitest';
import { evaluate, fitterFor } from './symbolic.ts';

const float = Math.fround;
const seen = (sizes: { probes: readonly Record<string, number>[] }, f: (batch: number) => number) =>
  sizes.probes.map(({ batch }) => f(batch!));

describe('fitterFor', () => {
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

  it('fits two sizes in all products', () => {
    const two = fitterFor({ batch: undefined, length: undefined });
    const f = ({ batch, length }: Record<string, number>) => 3 * batch! * length! - batch! + 4;
    const fitted = two.fit(two.probes.map(f))!;
    expect(evaluate(fitted, { batch: 50, length: 9 })).toBe(1304);
  });
});
