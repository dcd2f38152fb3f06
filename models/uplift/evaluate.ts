/**
 * The uplift model on a day it has never seen: does its order of decisions beat chance and the
 * greedy rule ("ask where an order is likely anyway"), and what does a request budget buy?
 */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { Random } from '../../lib/random.ts';
import { loadWeights, readDescription } from '../engine/checkpoint.ts';
import { Dataset } from '../engine/dataset.ts';
import { eagerScorer } from '../engine/scorer.ts';
import type { Estimate } from '../metrics/bootstrap.ts';
import { sigmoid } from '../metrics/calibration.ts';
import {
  mseTransformedOutcome,
  qiniCurve,
  type UpliftBin,
  type UpliftRows,
  upliftByQuantile,
} from '../metrics/qini.ts';
import { type QiniReport, qiniBootstrap } from '../metrics/qini-bootstrap.ts';
import { budgetUsed, type Threshold, thresholdForBudget } from './budget.ts';
import { upliftConfig, upliftModel } from './model.ts';
import { armLogLoss, type DecisionRows, readDecisionRows, scoreDecisions } from './score.ts';

export interface EvaluateUpliftInput {
  tensorsDir: string;
  checkpointDir: string;
  trainDates: string[];
  /** The threshold is taken from this day. */
  validDate: string;
  testDate: string;
  /** ρ: share of decisions that may become a request, 0 … 1. */
  budget: number;
  /** `metrics.json` goes here. */
  outDir: string;
  seed: number;
  /** @default 400 */
  replicates?: number;
}

/**
 * Scores that are compared: the uplift logit that the phone computes; the effect P_trt − P_ctrl;
 * greedy, the probability of an order whatever the arm (what a model of orders alone would give);
 * the probability of an order when asking and when not; and chance.
 */
const SCORES = ['uplift', 'effect', 'greedy', 'treated', 'control', 'random'] as const;

export interface UpliftMetrics extends QiniReport {
  label: string;
  testDate: string;
  trainDates: string[];
  /** Cross entropy of each row under its own arm, nats. */
  logLoss: number;
  /** Mean squared error to the transformed outcome: predicted effect, and the constant effect of the test day's own ATE. */
  mseTransformed: { model: number; constant: number };
  /** By the uplift value, highest first. */
  deciles: UpliftBin[];
  /** At most 101 points of the Qini curve of the uplift value: share asked, incremental orders per row. */
  curve: [number, number][];
  threshold: Threshold;
  budget: {
    asked: number;
    /** Share of the test day's decisions above the threshold. */
    used: number;
    /** Observed effect of a request among the decisions above, and below or at the threshold. */
    effectAbove: number | null;
    effectBelow: number | null;
  };
  /** Whether the interval of the Qini, and of its difference to greedy, lies above 0. */
  verdict: { beatsRandom: boolean; beatsGreedy: boolean };
}

/** @throws EdgeloomError `no-samples`, `bad-checkpoint`, `bad-budget`, `bad-uplift-rows` */
export async function evaluateUplift(
  input: EvaluateUpliftInput,
  options: RunOptions = {},
): Promise<UpliftMetrics> {
  const { tensorsDir, checkpointDir, validDate, testDate, budget, seed } = input;
  const description = await readDescription(checkpointDir);
  const config = upliftConfig.parse(description.config);
  const model = upliftModel(config);
  const weights = await loadWeights(checkpointDir);
  const day = async (date: string) => {
    const dataset = await Dataset.open(tensorsDir, 'decisions', [date]);
    try {
      const scores = await scoreDecisions(eagerScorer(model, weights), dataset, 1024, options);
      return { scores, rows: await readDecisionRows(dataset, config.label) };
    } finally {
      await dataset.close();
    }
  };
  try {
    const valid = await day(validDate);
    const threshold = thresholdForBudget(valid.scores.uplift, budget);
    const test = await day(testDate);
    options.onProgress?.({ message: 'resampling users' });
    const { rows, scores } = test;
    const kept = (values: Float64Array) => Float64Array.from(rows.row, (row) => values[row]!);
    const c = kept(scores.control);
    const v = kept(scores.uplift);
    const random = Random.of(seed, 'random-score');
    const treated = c.map((logit, i) => sigmoid(logit + v[i]!));
    const effect = treated.map((p, i) => p - sigmoid(c[i]!));
    const share = rows.arm.reduce((sum, arm) => sum + arm, 0) / rows.arm.length;
    const candidates: Record<(typeof SCORES)[number], Float64Array> = {
      uplift: v,
      effect,
      greedy: treated.map((p, i) => p * share + sigmoid(c[i]!) * (1 - share)),
      treated,
      control: c,
      random: c.map(() => random.uniform()),
    };
    const { arm, outcome, propensity, user } = rows;
    const experiment = { arm, outcome, propensity };
    const { replicates = 400 } = input;
    const report = qiniBootstrap(experiment, candidates, { seed, user, replicates });
    const scored = { ...experiment, score: v };
    const metrics: UpliftMetrics = {
      ...report,
      label: config.label,
      testDate,
      trainDates: input.trainDates,
      logLoss: armLogLoss(rows, scores),
      mseTransformed: {
        model: mseTransformedOutcome(scored, effect),
        constant: mseTransformedOutcome(
          scored,
          effect.map(() => report.ate.value),
        ),
      },
      deciles: upliftByQuantile(scored),
      curve: thinCurve(scored),
      threshold,
      budget: {
        asked: budget,
        used: budgetUsed(scores.uplift, threshold.threshold),
        ...effectBySide(rows, v, threshold.threshold),
      },
      verdict: {
        beatsRandom: report.scores.uplift!.qini.low > 0,
        beatsGreedy: above(report.differences['uplift − greedy']),
      },
    };
    await writeFileAtomic(
      join(input.outDir, 'metrics.json'),
      `${JSON.stringify(metrics, null, 2)}\n`,
    );
    return metrics;
  } finally {
    tf.dispose(weights);
  }
}

const above = (difference: Estimate | undefined): boolean =>
  difference !== undefined && difference.low > 0;

/** Observed effect among rows above and among rows at or below the threshold. */
function effectBySide(
  rows: DecisionRows,
  uplift: Float64Array,
  threshold: number,
): { effectAbove: number | null; effectBelow: number | null } {
  const side = (asked: boolean): number | null => {
    const chosen = [...rows.row.keys()].filter((i) => uplift[i]! > threshold === asked);
    const pick = (column: Float64Array) => chosen.map((i) => column[i]!);
    const arm = pick(rows.arm);
    if (!arm.includes(0) || !arm.includes(1)) return null;
    const some = { arm, outcome: pick(rows.outcome), propensity: pick(rows.propensity) };
    return upliftByQuantile({ ...some, score: pick(uplift) }, 1)[0]!.uplift;
  };
  return { effectAbove: side(true), effectBelow: side(false) };
}

/** Points of the curve nearest to each percent of the rows. */
function thinCurve(rows: UpliftRows): [number, number][] {
  const { x, y } = qiniCurve(rows);
  const n = x.at(-1)!;
  const points: [number, number][] = [];
  let next = 0;
  x.forEach((rowsAsked, i) => {
    if (rowsAsked / n < next / 100) return;
    points.push([rowsAsked / n, y[i]! / n]);
    next = Math.floor((rowsAsked / n) * 100) + 1;
  });
  return points;
}
