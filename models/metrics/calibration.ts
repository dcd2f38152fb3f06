/** How good probabilities are as probabilities: log loss and calibration error. */
import { ratioOverUsers, type WeightedStatistic } from './bootstrap.ts';
import type { PreparedRows } from './rows.ts';

/** Probabilities nearer to 0 or 1 than this count as this near. */
const CLIP = 1e-7;

export function sigmoid(logit: number): number {
  return logit >= 0 ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit) / (1 + Math.exp(logit));
}

/** Mean of −ln p(label). */
export function logLoss(probabilities: ArrayLike<number>, rows: PreparedRows): WeightedStatistic {
  const sums = new Float64Array(rows.users);
  const totals = new Float64Array(rows.users);
  for (let row = 0; row < rows.label.length; row++) {
    const p = Math.min(Math.max(probabilities[row]!, CLIP), 1 - CLIP);
    sums[rows.user[row]!]! -= rows.label[row] === 1 ? Math.log(p) : Math.log(1 - p);
    totals[rows.user[row]!]! += 1;
  }
  return ratioOverUsers(sums, totals);
}

/**
 * Expected calibration error: Σ_b (n_b / n) |mean p − mean label| over bins of equal mass.
 * The bins are cut once, on all rows, so that a resample changes what is in them, not where they are.
 */
export function calibrationError(
  probabilities: ArrayLike<number>,
  rows: PreparedRows,
  bins = 15,
): WeightedStatistic {
  const n = rows.label.length;
  const order = Int32Array.from({ length: n }, (_, i) => i);
  order.sort((a, b) => probabilities[a]! - probabilities[b]!);
  const bin = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const row = order[i]!;
    const before = order[i - 1];
    // Equal probabilities share a bin.
    bin[row] =
      before !== undefined && probabilities[before] === probabilities[row]
        ? bin[before]!
        : Math.floor((i * bins) / n);
  }
  // Rows of a bin together, in their order: a resample then adds up one bin after the other.
  const members = Array.from({ length: bins }, (): number[] => []);
  for (let row = 0; row < n; row++) members[bin[row]!]!.push(row);
  const ordered = members.flat();
  const user = Int32Array.from(ordered, (row) => rows.user[row]!);
  const error = Float64Array.from(ordered, (row) => probabilities[row]! - rows.label[row]!);
  const sizes = new Float64Array(rows.users);
  for (const u of user) sizes[u]! += 1;
  return (weights) => {
    let sum = 0;
    let i = 0;
    for (const { length } of members) {
      let gap = 0;
      for (const end = i + length; i < end; i++) gap += weights[user[i]!]! * error[i]!;
      sum += Math.abs(gap);
    }
    let total = 0;
    for (let u = 0; u < sizes.length; u++) total += weights[u]! * sizes[u]!;
    return sum / total;
  };
}
