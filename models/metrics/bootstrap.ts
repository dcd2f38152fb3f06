/**
 * Bootstrap over users: whole users are drawn with replacement, so that the rows of one user, which
 * resemble each other, stay together (cluster bootstrap; Efron and Tibshirani, 1993).
 *
 * A statistic is prepared once on its rows and then asked for its value under many weightings
 * ("user u counts w[u] times"), so that a replicate costs one pass over sufficient statistics
 * instead of a new metric on copied rows. All statistics see the same draws: differences between
 * them are paired.
 */
import { Random } from '../../lib/random.ts';

/** The value of a metric when user u counts `weights[u]` times; NaN where it is not defined. */
export type WeightedStatistic = (weights: ArrayLike<number>) => number;

/** A value with its percentile interval. `replicates` counts the resamples that had a value. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
  replicates: number;
}

export interface BootstrapOptions {
  /** @default 1000 */
  replicates?: number;
  seed: number;
  /** Covered share of the interval. @default 0.95 */
  level?: number;
}

export interface BootstrapResult<Name extends string> {
  /** Interval of one statistic. */
  estimate(name: Name): Estimate;
  /** Interval of `a − b` over the same resamples. */
  difference(a: Name, b: Name): Estimate;
}

/**
 * Resamples `users` users with replacement and evaluates every statistic on each resample.
 * @param users number of users; weights are indexed 0 … users − 1
 */
export function bootstrapUsers<Name extends string>(
  users: number,
  statistics: Record<Name, WeightedStatistic>,
  { replicates = 1000, seed, level = 0.95 }: BootstrapOptions,
): BootstrapResult<Name> {
  const names = Object.keys(statistics) as Name[];
  const random = Random.of(seed, 'bootstrap');
  const once = new Uint16Array(users).fill(1);
  const values = new Map(names.map((name) => [name, statistics[name](once)]));
  const draws = new Map(names.map((name) => [name, new Float64Array(replicates)]));
  const weights = new Uint16Array(users);
  for (let replicate = 0; replicate < replicates; replicate++) {
    weights.fill(0);
    for (let i = 0; i < users; i++) weights[random.below(users)]! += 1;
    for (const name of names) draws.get(name)![replicate] = statistics[name](weights);
  }
  return {
    estimate: (name) => percentileEstimate(values.get(name)!, draws.get(name)!, level),
    difference: (a, b) => {
      const differences = draws.get(a)!.map((value, i) => value - draws.get(b)![i]!);
      return percentileEstimate(values.get(a)! - values.get(b)!, differences, level);
    },
  };
}

/** Σ_u w_u sums_u / Σ_u w_u totals_u. */
export function ratioOverUsers(sums: Float64Array, totals: Float64Array): WeightedStatistic {
  return (weights) => {
    let sum = 0;
    let total = 0;
    for (let user = 0; user < sums.length; user++) {
      sum += weights[user]! * sums[user]!;
      total += weights[user]! * totals[user]!;
    }
    return sum / total;
  };
}

/** Percentile interval of the finite draws; NaN bounds when there are none. */
export function percentileEstimate(value: number, draws: Float64Array, level: number): Estimate {
  const finite = draws.filter(Number.isFinite).sort();
  const tail = (1 - level) / 2;
  return {
    value,
    low: quantile(finite, tail),
    high: quantile(finite, 1 - tail),
    replicates: finite.length,
  };
}

/** Linear interpolation between order statistics; NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}

/** Dense numbers 0 … n − 1 for arbitrary ids, in order of first appearance. */
export function denseIds(ids: ArrayLike<number>): { ids: Int32Array; count: number } {
  const seen = new Map<number, number>();
  const out = new Int32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    let dense = seen.get(id);
    if (dense === undefined) {
      dense = seen.size;
      seen.set(id, dense);
    }
    out[i] = dense;
  }
  return { ids: out, count: seen.size };
}
