/** Location and scale that single bad days do not move. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** 1 / Φ⁻¹(¾): makes the median absolute deviation estimate σ of a normal variable. */
const MAD_TO_SIGMA = 1.4826;

/** Centre and scale of daily counts. The scale is never below the Poisson deviation of the centre. */
export function robustCount(counts: readonly number[]): { centre: number; scale: number } {
  const centre = median(counts);
  const deviation = MAD_TO_SIGMA * median(counts.map((n) => Math.abs(n - centre)));
  return { centre, scale: Math.max(deviation, Math.sqrt(centre)) };
}
