/** What int8 ΔW costs on day T + 1, which trains the gates: the choice of files must not see the test day. */
import type { RunOptions } from '../../lib/progress.ts';
import type { Tensors } from '../engine/types.ts';
import { gauc } from '../metrics/auc.ts';
import { prepareRows } from '../metrics/rows.ts';
import { concatRows, labelledRows, type ScoredRows } from './evaluate.ts';
import { type FusedScorer, type GatesOf, scoreVariants } from './predict.ts';
import type { DayRows } from './rows.ts';

/** One cohort's part of the day, with ΔW as trained and as an int8 file would hold it. */
export interface CohortChoice {
  day: DayRows;
  delta: Tensors;
  deltaInt8: Tensors;
  gatesOf: GatesOf;
}

/** GAUC of W_f minus that of W_f with int8 ΔW, all cohorts together; null when no slate has both classes. */
export async function int8Loss(
  scorer: FusedScorer,
  cohorts: readonly CohortChoice[],
  options: RunOptions = {},
): Promise<number | null> {
  const parts: ScoredRows<'fused' | 'fusedInt8'>[] = [];
  for (const { day, delta, deltaInt8, gatesOf } of cohorts) {
    const variants = { fused: { delta, gatesOf }, fusedInt8: { delta: deltaInt8, gatesOf } };
    parts.push(labelledRows(day, await scoreVariants(scorer, day, variants, options)));
  }
  if (parts.length === 0) return null;
  const { user, slate, label, logits } = concatRows(parts);
  const rows = prepareRows({ list: slate, user, label });
  const loss = gauc(logits.fused, rows) - gauc(logits.fusedInt8, rows);
  return Number.isFinite(loss) ? loss : null;
}
