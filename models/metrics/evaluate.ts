/** All metrics of several scorers on the same rows, with intervals and paired differences. */
import { groupedAuc, pooledAuc } from './auc.ts';
import { bootstrapUsers, type Estimate, type WeightedStatistic } from './bootstrap.ts';
import { calibrationError, logLoss, sigmoid } from './calibration.ts';
import { averagePrecisionAt, drawTieBreak, groupByList, ndcgAt, rankedMean } from './lists.ts';
import { checkScores, type LabelledRows, prepareRows } from './rows.ts';

/** `score` only orders rows; the others are also judged as probabilities. */
export type ScoreKind = 'logit' | 'probability' | 'score';

export interface Scorer {
  kind: ScoreKind;
  /** One value per row. */
  scores: ArrayLike<number>;
}

export interface EvaluationOptions {
  seed: number;
  /** @default 1000 */
  replicates?: number;
  /** Cut-offs of NDCG and MAP. @default [5, 10] */
  cutoffs?: number[];
  /** Pairs [a, b]: the report holds a − b for every metric. */
  compare?: [string, string][];
}

/**
 * Metric names: `auc`, `gauc` (per slate), `gaucUser` (per user), `ndcg@k`, `map@k`, and for
 * probabilities `logLoss` and `ece`.
 */
export type MetricReport = Record<string, Estimate>;

export interface EvaluationReport {
  rows: number;
  users: number;
  positives: number;
  /** Slates, and the shares of slates and rows that hold both classes and so enter GAUC, NDCG, MAP. */
  slates: { count: number; rankedShare: number; rankedRowShare: number };
  models: Record<string, MetricReport>;
  /** Keyed `a − b`. */
  differences: Record<string, MetricReport>;
}

/**
 * Evaluates every scorer on the same rows and the same user resamples.
 * @throws EdgeloomError `bad-evaluation-rows`
 */
export function evaluatePredictions(
  labelled: LabelledRows,
  scorers: Record<string, Scorer>,
  { seed, replicates = 1000, cutoffs = [5, 10], compare = [] }: EvaluationOptions,
): EvaluationReport {
  const rows = prepareRows(labelled);
  const slates = groupByList(rows.list, rows);
  const users = groupByList(rows.user, rows);
  const tieBreak = drawTieBreak(rows.label.length, seed);

  const statistics: Record<string, WeightedStatistic> = {};
  const metricsOf = new Map<string, string[]>();
  for (const [name, { kind, scores }] of Object.entries(scorers)) {
    checkScores(name, scores, rows.label.length);
    const metrics: Record<string, WeightedStatistic> = {
      auc: pooledAuc(scores, rows),
      gauc: groupedAuc(scores, rows, slates),
      gaucUser: groupedAuc(scores, rows, users),
    };
    for (const k of cutoffs) {
      metrics[`ndcg@${k}`] = rankedMean(scores, rows, slates, tieBreak, (l) => ndcgAt(k, l));
      metrics[`map@${k}`] = rankedMean(scores, rows, slates, tieBreak, (l) =>
        averagePrecisionAt(k, l),
      );
    }
    if (kind !== 'score') {
      const probabilities = kind === 'logit' ? Float64Array.from(scores, sigmoid) : scores;
      metrics.logLoss = logLoss(probabilities, rows);
      metrics.ece = calibrationError(probabilities, rows);
    }
    metricsOf.set(name, Object.keys(metrics));
    for (const [metric, statistic] of Object.entries(metrics))
      statistics[`${name}/${metric}`] = statistic;
  }

  const result = bootstrapUsers(rows.users, statistics, { seed, replicates });
  const report = (metrics: string[], estimate: (metric: string) => Estimate): MetricReport =>
    Object.fromEntries(metrics.map((metric) => [metric, estimate(metric)]));
  const models: Record<string, MetricReport> = {};
  for (const [name, metrics] of metricsOf) {
    models[name] = report(metrics, (metric) => result.estimate(`${name}/${metric}`));
  }
  const differences: Record<string, MetricReport> = {};
  for (const [a, b] of compare) {
    const shared = (metricsOf.get(a) ?? []).filter((metric) => metricsOf.get(b)?.includes(metric));
    differences[`${a} − ${b}`] = report(shared, (m) => result.difference(`${a}/${m}`, `${b}/${m}`));
  }
  return {
    rows: rows.label.length,
    users: rows.users,
    positives: Array.from(rows.label).reduce((sum, label) => sum + label, 0),
    slates: {
      count: slates.lists,
      rankedShare: slates.rankedShare,
      rankedRowShare: slates.rankedRowShare,
    },
    models,
    differences,
  };
}

/** {@link evaluatePredictions} within each value of a column (scene, tab) that has enough rows. */
export function evaluateByGroup(
  labelled: LabelledRows,
  scorers: Record<string, Scorer>,
  group: ArrayLike<number>,
  nameOf: (value: number) => string,
  options: EvaluationOptions & { minRows: number },
): Record<string, EvaluationReport> {
  const members = new Map<number, number[]>();
  for (let row = 0; row < group.length; row++) {
    const value = group[row]!;
    const list = members.get(value);
    if (list) list.push(row);
    else members.set(value, [row]);
  }
  const reports: Record<string, EvaluationReport> = {};
  const sorted = [...members].sort(([a], [b]) => a - b);
  for (const [value, rows] of sorted) {
    if (rows.length < options.minRows) continue;
    const pick = (column: ArrayLike<number>) => rows.map((row) => column[row]!);
    const some: LabelledRows = {
      list: pick(labelled.list),
      user: pick(labelled.user),
      label: pick(labelled.label),
    };
    const subset = Object.fromEntries(
      Object.entries(scorers).map(([name, s]) => [name, { kind: s.kind, scores: pick(s.scores) }]),
    );
    reports[nameOf(value)] = evaluatePredictions(some, subset, options);
  }
  return reports;
}
