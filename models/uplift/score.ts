/** The rows of a day as the uplift model sees them, with its two logits and their metrics. */

import type { RunOptions } from '../../lib/progress.ts';
import type { Dataset } from '../engine/dataset.ts';
import { predictAll } from '../engine/predict.ts';
import type { Scorer } from '../engine/scorer.ts';
import type { Validation } from '../engine/train.ts';
import type { Model } from '../engine/types.ts';
import { sigmoid } from '../metrics/calibration.ts';
import { normalisedQini } from '../metrics/qini.ts';
import { UPLIFT_LABELS, type UpliftConfig } from './model.ts';

/** Decisions whose arm was drawn and whose outcome is known, column by column. */
export interface DecisionRows {
  user: Int32Array;
  arm: Float64Array;
  propensity: Float64Array;
  outcome: Float64Array;
  /** Place of each in the dataset. */
  row: Int32Array;
}

/** Reads what metrics need; rows that were not randomised or have not matured are left out. */
export async function readDecisionRows(
  dataset: Dataset,
  label: UpliftConfig['label'],
): Promise<DecisionRows> {
  const outcome = UPLIFT_LABELS[label];
  const names = ['user', 'arm', 'propensity', 'matured', outcome];
  const columns = await dataset.readColumns(names);
  const column = (name: string) => columns[name]!.data;
  const kept: number[] = [];
  column('propensity').forEach((p, row) => {
    if (p > 0 && p < 1 && column('matured')[row] === 1) kept.push(row);
  });
  const pick = (name: string) => Float64Array.from(kept, (row) => column(name)[row]!);
  return {
    user: Int32Array.from(pick('user')),
    arm: pick('arm'),
    propensity: pick('propensity'),
    outcome: pick(outcome),
    row: Int32Array.from(kept),
  };
}

/** Control logit c and uplift logit v of every row of the dataset. */
export interface UpliftScores {
  control: Float64Array;
  uplift: Float64Array;
}

export async function scoreDecisions(
  scorer: Scorer,
  dataset: Dataset,
  batchSize: number,
  options: RunOptions = {},
): Promise<UpliftScores> {
  const logits = await predictAll(scorer, dataset, batchSize, options);
  const every = (offset: number): Float64Array =>
    Float64Array.from({ length: dataset.rows }, (_, i) => logits[2 * i + offset]!);
  return { control: every(0), uplift: every(1) };
}

/** Mean cross entropy of each row under its own arm (eq 17), in nats. */
export function armLogLoss(rows: DecisionRows, scores: UpliftScores): number {
  let sum = 0;
  rows.row.forEach((row, i) => {
    const z = scores.control[row]! + rows.arm[i]! * scores.uplift[row]!;
    const p = Math.min(1 - 1e-12, Math.max(1e-12, sigmoid(z)));
    sum -= rows.outcome[i] === 1 ? Math.log(p) : Math.log(1 - p);
  });
  return sum / rows.row.length;
}

/**
 * Judges an epoch by the cross entropy of both arms; the Qini of the day is told beside it, but one
 * day's Qini is far too noisy to choose by.
 */
export function upliftValidation(
  dataset: Dataset,
  batchSize: number,
  { config }: Pick<Model, 'config'>,
): Validation {
  const { label } = config as unknown as UpliftConfig;
  return {
    metric: 'logLoss',
    better: 'lower',
    evaluate: async (scorer, { signal }) => {
      const scores = await scoreDecisions(scorer, dataset, batchSize, { signal });
      const rows = await readDecisionRows(dataset, label);
      const score = Float64Array.from(rows.row, (row) => scores.uplift[row]!);
      const measurable = rows.arm.includes(0) && rows.arm.includes(1) && rows.outcome.includes(1);
      return {
        logLoss: armLogLoss(rows, scores),
        ...(measurable ? { qini: normalisedQini({ score, ...rows }) } : {}),
      };
    },
  };
}
