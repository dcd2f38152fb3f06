/** Which number format of a TFLite file ships. */

/** All that is int8, files and item rows, may together lose this much of the trained model's metric. */
export const MAX_METRIC_LOSS = 0.001;

export interface ProfileEvidence {
  /** Name of the metric, higher is better: "AUC". */
  metric: string;
  /** Of the trained model with exact item rows; null where undefined, as for rows of one class. */
  trained: number | null;
  /** Of the int8 files on item rows as they ship. */
  int8: number | null;
  /** Rows that the metric was measured on. */
  rows: number;
  /** Whether every int8 file keeps its parity bound. */
  int8Parity: boolean;
  /** Whether the linter accepts every int8 file. */
  int8Lint: boolean;
  /** @default MAX_METRIC_LOSS */
  maxLoss?: number;
}

export interface ProfileChoice {
  profile: 'float32' | 'int8';
  /** trained − int8; null where it cannot be measured. */
  loss: number | null;
  /** In sentences, for the manifest and the card. */
  reasons: string[];
}

/** int8 ships unless something speaks against it; every such thing is a reason. */
export function chooseProfile(evidence: ProfileEvidence): ProfileChoice {
  const { metric, trained, int8, rows, int8Parity, int8Lint } = evidence;
  const maxLoss = evidence.maxLoss ?? MAX_METRIC_LOSS;
  const against: string[] = [];
  if (!int8Lint) against.push('the int8 file breaks a rule of the format');
  if (!int8Parity) against.push('the int8 file does not keep its parity bound');
  const measured = usable(trained) && usable(int8) && rows > 0;
  const loss = measured ? trained - int8 : null;
  if (loss === null) {
    against.push(`${metric} could not be measured on ${rows} rows, so the loss of int8 is unknown`);
  } else if (loss > maxLoss) {
    against.push(
      `int8 loses ${loss.toFixed(5)} ${metric} against the trained model on ${rows} rows; ${maxLoss} is allowed`,
    );
  }
  if (against.length > 0) {
    return { profile: 'float32', loss, reasons: against.map((why) => `float32 ships: ${why}.`) };
  }
  const change = loss! > 0 ? `loses ${loss!.toFixed(5)}` : `gains ${(-loss!).toFixed(5)}`;
  return {
    profile: 'int8',
    loss,
    reasons: [
      `int8 ships: it ${change} ${metric} against the trained model on ${rows} rows; a loss of ${maxLoss} is allowed.`,
    ],
  };
}

/**
 * Whether item rows that another model brings may be shared: float16 ones always, int8 ones when the
 * loss is known and allowed.
 */
export function mayShareRows(dtype: string, loss: number | null): boolean {
  return dtype !== 'int8' || (loss !== null && loss <= MAX_METRIC_LOSS);
}

const usable = (value: number | null): value is number => value !== null && Number.isFinite(value);

/** How item rows are kept: int8, or float16 when int8 costs the model more than it may. */
export function chooseRowDtype(
  exact: number | null,
  int8: number | null,
  rows: number,
  maxLoss = MAX_METRIC_LOSS,
): { dtype: 'int8' | 'float16'; reason: string } {
  if (!usable(exact) || !usable(int8)) {
    return {
      dtype: 'float16',
      reason: `Item rows are float16: AUC could not be measured on ${rows} rows.`,
    };
  }
  const loss = exact - int8;
  const change = `${loss > 0 ? 'lose' : 'gain'} ${Math.abs(loss).toFixed(5)} AUC on ${rows} rows`;
  if (loss > maxLoss)
    return { dtype: 'float16', reason: `Item rows are float16: int8 rows ${change}.` };
  return { dtype: 'int8', reason: `Item rows are int8: they ${change}.` };
}
