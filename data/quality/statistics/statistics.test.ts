import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JS_PER_PSI, jensenShannon, psi, ratioVariance } from './divergence.ts';
import { armsChiSquare, homogeneity, propensityChiSquare } from './ratio.ts';
import { median, robustCount } from './robust.ts';
import { chiSquareQuantile, chiSquareTail, normalTail } from './tails.ts';

describe('tails', () => {
  // Tables of the chi-square distribution; for two degrees of freedom the tail is exp(−x / 2).
  it.each([
    [3.841458820694124, 1, 0.05],
    [10.827566170662733, 1, 0.001],
    [16.918977604620448, 9, 0.05],
    [27.877164871256568, 9, 0.001],
    [124.34211340400407, 100, 0.05],
    [40, 2, Math.exp(-20)],
    [1, 2, Math.exp(-0.5)],
  ])('gives P(χ² ≥ %d) with %d degrees of freedom', (x, df, p) => {
    expect(chiSquareTail(x, df) / p).toBeCloseTo(1, 10);
    expect(chiSquareQuantile(p, df) / x).toBeCloseTo(1, 9);
  });

  it.each([
    [1.959963984540054, 0.05],
    [3.2905267314919255, 0.001],
    [6, 1.97317529007537e-9],
    [0, 1],
  ])('gives P(|Z| ≥ %d)', (z, p) => {
    expect(normalTail(z) / p).toBeCloseTo(1, 10);
  });

  it('falls as x grows', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-3, max: 200, noNaN: true }),
        fc.integer({ min: 1, max: 60 }),
        (x, df) => {
          const tail = chiSquareTail(x, df);
          expect(tail).toBeGreaterThanOrEqual(0);
          expect(tail).toBeLessThanOrEqual(1);
          expect(chiSquareTail(x * 1.01, df)).toBeLessThanOrEqual(tail + 1e-14);
        },
      ),
    );
  });
});

describe('divergence', () => {
  // Counts plus a half: 30, 70 of 100 against 50, 50 of 100.
  const day = [29.5, 69.5];
  const reference = [49.5, 49.5];

  it('is the sum of (p − q) ln(p / q)', () => {
    // (0.3 − 0.5) ln 0.6 + (0.7 − 0.5) ln 1.4 = 0.102165 + 0.067294
    expect(psi(day, reference)).toBeCloseTo(0.169459572, 8);
  });

  it('is half the two divergences from the mean, in bits', () => {
    // m = 0.4, 0.6: ½(0.3 log2 0.75 + 0.7 log2 7⁄6) + ½(0.5 log2 1.25 + 0.5 log2 5⁄6)
    // = ½(−0.1245113 + 0.1556747) + ½(0.1609640 − 0.1315172)
    expect(jensenShannon(day, reference)).toBeCloseTo(0.0303051, 6);
  });

  it('of nothing in common is one bit, but for the half rows', () => {
    expect(jensenShannon([1e9, 0], [0, 1e9])).toBeCloseTo(1, 6);
  });

  it('is 0 for equal counts, symmetric, and JS is about PSI / (8 ln 2) nearby', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(counts, (a) => {
        const b = [...a].reverse();
        expect(psi(a, a)).toBeCloseTo(0, 12);
        expect(psi(a, b)).toBeCloseTo(psi(b, a), 12);
        expect(jensenShannon(a, b)).toBeCloseTo(jensenShannon(b, a), 12);
        expect(jensenShannon(a, b)).toBeLessThanOrEqual(1);
      }),
    );
    const near = [psi([1010, 990], [1000, 1000]), jensenShannon([1010, 990], [1000, 1000])];
    expect(near[1]! / near[0]!).toBeCloseTo(JS_PER_PSI, 4);
  });

  it('takes rows of one user for one observation', () => {
    // Four users with one row each: p (1 − p) / 4. The same share in two users of two equal rows: / 2.
    expect(ratioVariance({ y: 2, n: 4, yy: 2, yn: 2, nn: 4 })).toBeCloseTo(0.25 / 4, 12);
    expect(ratioVariance({ y: 2, n: 4, yy: 4, yn: 4, nn: 8 })).toBeCloseTo(0.25 / 2, 12);
  });
});

describe('arms', () => {
  it('compares counts with the shares that were meant', () => {
    // Expected 50, 50: (60 − 50)² / 50 · 2 = 4; P(χ²₁ ≥ 4) = 0.0455.
    const { chiSquare, p } = armsChiSquare([60, 40], [0.5, 0.5]);
    expect(chiSquare).toBeCloseTo(4, 12);
    expect(p).toBeCloseTo(0.045500264, 8);
    expect(armsChiSquare([60, 40, 1], [0.5, 0.5, 0]).p).toBe(0);
  });

  it('agrees with the sum over propensities when they are all equal', () => {
    expect(propensityChiSquare(60, 50, 25).chiSquare).toBeCloseTo(4, 12);
    // p = 0.2 and 0.8 for 50 decisions each: Σ p = 50, Σ p (1 − p) = 16; 60 treated: 100 / 16.
    expect(propensityChiSquare(60, 50, 16).chiSquare).toBeCloseTo(6.25, 12);
    expect(propensityChiSquare(3, 3, 0).p).toBe(1);
    expect(propensityChiSquare(4, 3, 0).p).toBe(0);
  });

  it('compares the shares of two samples', () => {
    // 30:70 against 50:50 of 100 each: expected 40, 60: 4 · 100 / … = 100/40·2 + 100/60·2 = 8.3333.
    const { chiSquare, p } = homogeneity([30, 70], [50, 50]);
    expect(chiSquare).toBeCloseTo(25 / 3, 10);
    expect(p).toBeCloseTo(0.003892417, 8);
  });
});

describe('robust scale', () => {
  it('is not moved by one bad day, and never below the Poisson deviation', () => {
    expect(median([3, 1, 2, 100])).toBe(2.5);
    // Deviations from 1000: 0, 100, 100, 200, 900 → MAD 100.
    expect(robustCount([900, 1000, 1100, 1200, 100])).toEqual({ centre: 1000, scale: 148.26 });
    expect(robustCount([25, 25, 25])).toEqual({ centre: 25, scale: 5 });
  });
});
