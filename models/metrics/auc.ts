/** Area under the ROC curve: pooled, and grouped by list. */
import type { WeightedStatistic } from './bootstrap.ts';
import { groupByList, type ListRows, meanOverLists } from './lists.ts';
import type { PreparedRows } from './rows.ts';

/**
 * Probability that a random positive scores above a random negative, ties counting one half.
 * @returns NaN when one of the classes is missing
 */
export function auc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const user = new Int32Array(labels.length);
  return pooledAuc(scores, { list: user, user, label: labels, users: 1 })([1]);
}

/** AUC over all rows, each row counting as often as its user. One pass per weighting. */
export function pooledAuc(scores: ArrayLike<number>, rows: PreparedRows): WeightedStatistic {
  const order = ascending(scores);
  const label = new Uint8Array(order.length);
  const user = new Int32Array(order.length);
  const lastOfTie = new Uint8Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const row = order[i]!;
    label[i] = rows.label[row]!;
    user[i] = rows.user[row]!;
    lastOfTie[i] = i + 1 === order.length || scores[order[i + 1]!] !== scores[row] ? 1 : 0;
  }
  return (weights) => {
    let negativesBelow = 0;
    let positives = 0;
    let wins = 0;
    let tiedPositives = 0;
    let tiedNegatives = 0;
    for (let i = 0; i < label.length; i++) {
      const weight = weights[user[i]!]!;
      if (label[i] === 1) tiedPositives += weight;
      else tiedNegatives += weight;
      if (lastOfTie[i] === 0) continue;
      wins += tiedPositives * (negativesBelow + tiedNegatives / 2);
      negativesBelow += tiedNegatives;
      positives += tiedPositives;
      tiedPositives = 0;
      tiedNegatives = 0;
    }
    return wins / (positives * negativesBelow);
  };
}

/**
 * Grouped AUC (EdgeRec, CIKM 2020, eq. 14): Σ_r #imp_r · AUC_r / Σ_r #imp_r over the lists r that
 * hold both classes. A resampled user brings all of the user's lists.
 * @param lists which rows form a list: the slate for GAUC per rerank, the user for GAUC per user
 */
export function groupedAuc(
  scores: ArrayLike<number>,
  rows: PreparedRows,
  lists: ListRows,
): WeightedStatistic {
  return meanOverLists(rows, lists, (members) => ({
    value: auc(
      Float64Array.from(members, (row) => scores[row]!),
      members.map((row) => rows.label[row]!),
    ),
    weight: members.length,
  }));
}

/** GAUC of one set of scores, for validation during training. */
export function gauc(scores: ArrayLike<number>, rows: PreparedRows): number {
  return groupedAuc(scores, rows, groupByList(rows.list, rows))(new Uint8Array(rows.users).fill(1));
}

function ascending(scores: ArrayLike<number>): Int32Array {
  const order = Int32Array.from({ length: scores.length }, (_, i) => i);
  return order.sort((a, b) => scores[a]! - scores[b]!);
}
