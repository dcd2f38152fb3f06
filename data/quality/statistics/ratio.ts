/** Tests of the shares of randomised arms. */
import { chiSquareTail, normalTail } from './tails.ts';

/** Arms as drawn against the shares that were meant: χ² = Σ (O − E)² / E with one degree less than arms. */
export function armsChiSquare(
  observed: readonly number[],
  shares: readonly number[],
): { chiSquare: number; p: number } {
  const n = observed.reduce((sum, count) => sum + count, 0);
  const total = shares.reduce((sum, share) => sum + share, 0);
  let chiSquare = 0;
  observed.forEach((count, arm) => {
    const expected = (n * shares[arm]!) / total;
    if (expected > 0) chiSquare += (count - expected) ** 2 / expected;
    else if (count > 0) chiSquare = Number.POSITIVE_INFINITY;
  });
  const df = shares.filter((share) => share > 0).length - 1;
  return {
    chiSquare,
    p: chiSquare === Number.POSITIVE_INFINITY ? 0 : chiSquareTail(chiSquare, df),
  };
}

/**
 * χ² = (T − Σ p_i)² / Σ p_i (1 − p_i) of a count T of events that happened with probability p_i each.
 * With one p for all this is Pearson's statistic of two arms.
 */
export function propensityChiSquare(
  treated: number,
  expected: number,
  variance: number,
): { chiSquare: number; p: number } {
  const excess = treated - expected;
  if (variance === 0) {
    const same = Math.abs(excess) < 1e-9;
    return { chiSquare: same ? 0 : Number.POSITIVE_INFINITY, p: same ? 1 : 0 };
  }
  const z = excess / Math.sqrt(variance);
  return { chiSquare: z * z, p: normalTail(z) };
}

/** Two samples over the same arms: are the shares equal? Pearson's test of homogeneity. */
export function homogeneity(
  day: readonly number[],
  reference: readonly number[],
): { chiSquare: number; p: number } {
  const nDay = day.reduce((sum, n) => sum + n, 0);
  const nReference = reference.reduce((sum, n) => sum + n, 0);
  let chiSquare = 0;
  let arms = 0;
  day.forEach((count, arm) => {
    const both = count + reference[arm]!;
    if (both === 0) return;
    arms++;
    for (const [observed, n] of [
      [count, nDay],
      [reference[arm]!, nReference],
    ] as const) {
      const expected = (both * n) / (nDay + nReference);
      if (expected > 0) chiSquare += (observed - expected) ** 2 / expected;
    }
  });
  return { chiSquare, p: chiSquareTail(chiSquare, arms - 1) };
}
