import { describe, expect, it } from 'vitest';
import { fnv1a32 } from './hash.ts';
import { ln, log1p } from './logarithm.ts';

describe('FNV-1a', () => {
  it('gives the published values', () => {
    expect(fnv1a32('')).toBe(0x811c9dc5);
    expect(fnv1a32('a')).toBe(0xe40c292c);
    expect(fnv1a32('foobar')).toBe(0xbf9cf968);
  });

  it('hashes the UTF-8 bytes of every length', () => {
    const bytewise = (text: string) =>
      new TextEncoder()
        .encode(text)
        .reduce((hash, byte) => Math.imul(hash ^ byte, 16777619) >>> 0, 2166136261);
    for (const text of ['é', '日本', '🙂', 'a\u0301', '\u07ff\u0800\uffff', '\ud800']) {
      expect(fnv1a32(text)).toBe(bytewise(text));
    }
  });
});

describe('logarithms', () => {
  // By decimal arithmetic with 400 digits, rounded once.
  const EXACT: [x: number, ln: number, log1p: number][] = [
    [1e-300, -690.7755278982137, 1e-300],
    [0.75, -0.2876820724517809, 0.5596157879354227],
    [3, 1.0986122886681098, 1.3862943611198906],
    [1000003, 13.815513557959774, 13.815514557956273],
    [1e300, 690.7755278982137, 690.7755278982137],
  ];

  it('are within one unit of the last place of the exact value', () => {
    const near = (found: number, exact: number) =>
      expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.abs(exact) * 2 ** -52);
    for (const [x, natural, onePlus] of EXACT) {
      near(ln(x), natural);
      near(log1p(x), onePlus);
    }
    expect([ln(1), log1p(0)]).toEqual([0, 0]);
  });

  it('cross the limits of their branches without a step', () => {
    for (const limit of [2 ** -54, 2 ** -29, 0.4142136573791504, 1, 2 ** 20, 2 ** 53]) {
      for (const x of [limit * (1 - 2 ** -52), limit, limit * (1 + 2 ** -52)]) {
        expect(Math.abs(log1p(x) / Math.log1p(x) - 1)).toBeLessThanOrEqual(2 ** -51);
        expect(Math.abs(ln(x) - Math.log(x))).toBeLessThanOrEqual(2 ** -51 * Math.abs(Math.log(x)));
      }
    }
  });
});
