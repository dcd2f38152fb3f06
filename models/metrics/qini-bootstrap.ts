/**
 * User-bootstrap intervals of the uplift metrics: whole users are drawn, because the decisions of
 * one user resemble each other and an interval over rows would be too narrow. All scores see the
 * same draws, so differences between them are paired.
 */
import { bootstrapUsers, denseIds, type Estimate, type WeightedStatistic } from './bootstrap.ts';
import {
  type AdaRequestQini,
  adaRequestOfSorted,
  checkUpliftRows,
  planQini,
  qiniOfPlan,
  type UpliftRows,
} from './qini.ts';

export interface QiniBootstrapOptions {
  seed: number;
  /** Who a row belongs to; absent: every row is its own user. */
  user?: ArrayLike<number> | undefined;
  /** @default 400 */
  replicates?: number;
  /** @default 0.95 */
  level?: number;
}

export interface ScoreEstimates {
  /** Normalised Qini (scikit-uplift). */
  qini: Estimate;
  /** AdaRequest's area, outcomes per row. */
  area: Estimate;
  /** AdaRequest's Qini(50), outcomes per row. */
  at50: Estimate;
}

export interface QiniReport {
  rows: number;
  treated: number;
  users: number;
  /** Average treatment effect. */
  ate: Estimate;
  scores: Record<string, ScoreEstimates>;
  /** Keyed `a − b`: the first score minus each other one, normalised Qini. */
  differences: Record<string, Estimate>;
}

/**
 * Measures several scores on the same rows.
 * @param rows their own `score` is not used
 * @param scores by name; the first is compared with the others
 * @throws EdgeloomError `bad-uplift-rows`
 */
export function qiniBootstrap(
  rows: Omit<UpliftRows, 'score'>,
  scores: Record<string, ArrayLike<number>>,
  { seed, user, replicates = 400, level = 0.95 }: QiniBootstrapOptions,
): QiniReport {
  const n = rows.arm.length;
  const { ids, count } = denseIds(user ?? Int32Array.from({ length: n }, (_, i) => i));
  const statistics: Record<string, WeightedStatistic> = {};
  const names = Object.keys(scores);
  for (const name of names) {
    const scored = { ...rows, score: scores[name]! };
    checkUpliftRows(scored);
    const plan = planQini(scored, scored.score, ids);
    const ada = (part: keyof AdaRequestQini): WeightedStatistic => {
      return (weights) => adaRequestOfSorted(plan.actual, weights)[part];
    };
    statistics[`${name}/qini`] = (weights) => qiniOfPlan(plan, weights);
    statistics[`${name}/area`] = ada('area');
    statistics[`${name}/at50`] = ada('at50');
    statistics.ate ??= ada('ate');
  }
  const result = bootstrapUsers(count, statistics, { seed, replicates, level });
  const [first] = names;
  return {
    rows: n,
    treated: Array.from(rows.arm).reduce((sum, arm) => sum + arm, 0),
    users: count,
    ate: result.estimate('ate'),
    scores: Object.fromEntries(
      names.map((name) => [
        name,
        {
          qini: result.estimate(`${name}/qini`),
          area: result.estimate(`${name}/area`),
          at50: result.estimate(`${name}/at50`),
        },
      ]),
    ),
    differences: Object.fromEntries(
      names
        .slice(1)
        .map((name) => [`${first} − ${name}`, result.difference(`${first}/qini`, `${name}/qini`)]),
    ),
  };
}
