/**
 * User-bootstrap intervals of the uplift metrics. Users, not rows, are drawn with replacement: the
 * decisions of one user resemble each other, and an interval over rows would be too narrow.
 * All scores are measured on the same draws, so differences between them are paired.
 */
import { Random } from '../../lib/random.ts';
import {
  type AdaRequestQini,
  adaRequestOfSorted,
  checkUpliftRows,
  planQini,
  qiniOfPlan,
  type UpliftRows,
} from './qini.ts';

export interface Interval {
  /** Of the rows themselves. */
  value: number;
  /** Percentiles of the resamples. */
  low: number;
  high: number;
}

export interface QiniBootstrapOptions {
  /** Who a row belongs to; absent: every row is its own user. */
  user?: ArrayLike<number> | undefined;
  /** @default 400 */
  resamples?: number;
  /** @default 0.95 */
  level?: number;
  /** @default 0 */
  seed?: number;
  /** Called after each resample with the number done. */
  onResample?: (done: number) => void;
}

export interface ScoreIntervals {
  qini: Interval;
  area: Interval;
  at50: Interval;
}

export interface QiniIntervals {
  scores: Record<string, ScoreIntervals>;
  ate: Interval;
  /** Qini of the first score minus Qini of each other one, on the same draws. */
  firstMinus: Record<string, Interval>;
  resamples: number;
  users: number;
}

/** Rows grouped by user: `rowsOf[u]` are the row numbers of the u-th user met. */
function groupByUser(n: number, user: ArrayLike<number> | undefined): number[][] {
  const groups = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const key = user ? user[i]! : i;
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  return [...groups.values()];
}

/** Percentile interval around a value; resamples without a meaning (NaN) are left out. */
export function percentileInterval(value: number, draws: number[], level: number): Interval {
  const sorted = draws.filter((draw) => !Number.isNaN(draw)).sort((a, b) => a - b);
  const at = (q: number): number => {
    const place = q * (sorted.length - 1);
    const below = Math.floor(place);
    const left = sorted[below];
    if (left === undefined) return NaN;
    return left + (place - below) * ((sorted[below + 1] ?? left) - left);
  };
  return { value, low: at((1 - level) / 2), high: at((1 + level) / 2) };
}

/**
 * Normalised Qini, AdaRequest's area and Qini(50) of several scores over the same rows.
 * @param rows their own `score` is not used
 * @param scores by name; the first is compared with the others
 */
export function qiniBootstrap(
  rows: Omit<UpliftRows, 'score'>,
  scores: Record<string, ArrayLike<number>>,
  options: QiniBootstrapOptions = {},
): QiniIntervals {
  const { resamples = 400, level = 0.95, seed = 0 } = options;
  const names = Object.keys(scores);
  const plans = names.map((name) => {
    const scored = { ...rows, score: scores[name]! };
    checkUpliftRows(scored);
    return planQini(scored);
  });
  const groups = groupByUser(rows.arm.length, options.user);
  const measure = (times?: Float64Array): { qini: number; ada: AdaRequestQini }[] =>
    plans.map((plan) => ({
      qini: qiniOfPlan(plan, times),
      ada: adaRequestOfSorted(plan.actual, times),
    }));
  const whole = measure();
  const random = Random.of(seed, 'qini-bootstrap');
  const draws: ReturnType<typeof measure>[] = [];
  const times = new Float64Array(rows.arm.length);
  for (let b = 0; b < resamples; b++) {
    times.fill(0);
    for (let k = 0; k < groups.length; k++) {
      for (const row of groups[random.below(groups.length)]!) times[row]! += 1;
    }
    draws.push(measure(times));
    options.onResample?.(b + 1);
  }
  const interval = (pick: (measured: ReturnType<typeof measure>) => number): Interval =>
    percentileInterval(pick(whole), draws.map(pick), level);
  const found: QiniIntervals = {
    scores: {},
    ate: interval((m) => m[0]!.ada.ate),
    firstMinus: {},
    resamples,
    users: groups.length,
  };
  names.forEach((name, i) => {
    found.scores[name] = {
      qini: interval((m) => m[i]!.qini),
      area: interval((m) => m[i]!.ada.area),
      at50: interval((m) => m[i]!.ada.at50),
    };
    if (i > 0) found.firstMinus[name] = interval((m) => m[0]!.qini - m[i]!.qini);
  });
  return found;
}
