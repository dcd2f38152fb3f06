/** How far two distributions over the same bins are apart. */

/**
 * Shares with half a row added to every bin (Jeffreys), so that an empty bin has no infinite weight:
 * p_b = (n_b + ½) / (N + B/2).
 */
function shares(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, n) => sum + n, 0) + counts.length / 2;
  return counts.map((n) => (n + 0.5) / total);
}

/** Population stability index Σ (p_b − q_b) · ln(p_b / q_b) of counts over the same bins; 0 when equal. */
export function psi(day: readonly number[], reference: readonly number[]): number {
  const q = shares(reference);
  return shares(day).reduce((sum, p, b) => sum + (p - q[b]!) * Math.log(p / q[b]!), 0);
}

/** Jensen–Shannon divergence in bits, ½ KL(p ‖ m) + ½ KL(q ‖ m) with m = (p + q) / 2; 0 … 1. */
export function jensenShannon(day: readonly number[], reference: readonly number[]): number {
  const q = shares(reference);
  return shares(day).reduce((sum, p, b) => {
    const m = (p + q[b]!) / 2;
    return sum + 0.5 * p * Math.log2(p / m) + 0.5 * q[b]! * Math.log2(q[b]! / m);
  }, 0);
}

/** For small differences JS ≈ PSI / (8 ln 2): both are the same quadratic form to second order. */
export const JS_PER_PSI = 1 / (8 * Math.LN2);

/** Sums over the users u of one side, for a share or a rate Σ y_u / Σ n_u. */
export interface ClusterSums {
  y: number;
  n: number;
  /** Σ y_u² */
  yy: number;
  /** Σ y_u n_u */
  yn: number;
  /** Σ n_u² */
  nn: number;
}

/**
 * Variance of r = Σ y_u / Σ n_u when users, not rows, are independent (linearised, as of a ratio
 * estimator): Σ (y_u − r n_u)² / (Σ n_u)².
 */
export function ratioVariance({ y, n, yy, yn, nn }: ClusterSums): number {
  if (n === 0) return 0;
  const r = y / n;
  return Math.max(0, yy - 2 * r * yn + r * r * nn) / (n * n);
}
