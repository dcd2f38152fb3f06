/** Rows gathered into lists, and the ranking metrics of a list: NDCG@k and average precision@k. */
import { Random } from '../../lib/random.ts';
import { ratioOverUsers, type WeightedStatistic } from './bootstrap.ts';
import type { PreparedRows } from './rows.ts';

export interface ListRows {
  /** Row numbers of every list that holds both classes: only there can an order be right or wrong. */
  ranked: Int32Array[];
  /** All lists. */
  lists: number;
  /** Share of the lists that hold both classes. */
  rankedShare: number;
  /** Share of the rows in such lists. */
  rankedRowShare: number;
}

/** Groups rows by `key` (any integers). A list belongs to one user: that of its first row. */
export function groupByList(key: ArrayLike<number>, rows: PreparedRows): ListRows {
  const members = new Map<number, number[]>();
  for (let row = 0; row < key.length; row++) {
    const list = members.get(key[row]!);
    if (list) list.push(row);
    else members.set(key[row]!, [row]);
  }
  const ranked: Int32Array[] = [];
  let rankedRows = 0;
  for (const list of members.values()) {
    const positives = list.reduce((sum, row) => sum + rows.label[row]!, 0);
    if (positives === 0 || positives === list.length) continue;
    ranked.push(Int32Array.from(list));
    rankedRows += list.length;
  }
  return {
    ranked,
    lists: members.size,
    rankedShare: ranked.length / members.size,
    rankedRowShare: rankedRows / key.length,
  };
}

/** A weighted mean of one value per list, from two sums per user. */
export function meanOverLists(
  rows: PreparedRows,
  lists: ListRows,
  measure: (members: Int32Array) => { value: number; weight: number },
): WeightedStatistic {
  const sums = new Float64Array(rows.users);
  const totals = new Float64Array(rows.users);
  for (const members of lists.ranked) {
    const { value, weight } = measure(members);
    const user = rows.user[members[0]!]!;
    sums[user]! += value * weight;
    totals[user]! += weight;
  }
  return ratioOverUsers(sums, totals);
}

/**
 * Rows of a list by score, best first. Equal scores are ordered by a number drawn per row, the same
 * for every model, so that no metric profits from the order in which the rows were logged.
 */
export function rankList(
  members: Int32Array,
  scores: ArrayLike<number>,
  tieBreak: ArrayLike<number>,
): Int32Array {
  return members.slice().sort((a, b) => scores[b]! - scores[a]! || tieBreak[a]! - tieBreak[b]!);
}

/** One number per row for {@link rankList}. */
export function drawTieBreak(rows: number, seed: number): Float64Array {
  const random = Random.of(seed, 'ties');
  return Float64Array.from({ length: rows }, () => random.uniform());
}

/**
 * Normalised discounted cumulative gain of 0/1 labels in ranked order:
 * DCG@k = Σ_{i ≤ k} (2^rel − 1) / log2(i + 1), divided by that of the best order.
 */
export function ndcgAt(k: number, labels: ArrayLike<number>): number {
  let gain = 0;
  let best = 0;
  let positives = 0;
  for (let i = 0; i < labels.length; i++) positives += labels[i]!;
  for (let i = 0; i < Math.min(k, labels.length); i++) {
    const discount = 1 / Math.log2(i + 2);
    gain += labels[i]! * discount;
    if (i < positives) best += discount;
  }
  return gain / best;
}

/**
 * Average precision at k: the mean of precision@i over the clicks within the first k, 0 without one.
 * It divides by the clicks inside the top k, as LibRerank does, not by all clicks of the list.
 */
export function averagePrecisionAt(k: number, labels: ArrayLike<number>): number {
  let clicks = 0;
  let sum = 0;
  for (let i = 0; i < Math.min(k, labels.length); i++) {
    if (labels[i] !== 1) continue;
    clicks += 1;
    sum += clicks / (i + 1);
  }
  return clicks === 0 ? 0 : sum / clicks;
}

/** Mean of a per-list metric over the lists that hold both classes, each list counting once. */
export function rankedMean(
  scores: ArrayLike<number>,
  rows: PreparedRows,
  lists: ListRows,
  tieBreak: ArrayLike<number>,
  metric: (labelsInOrder: ArrayLike<number>) => number,
): WeightedStatistic {
  return meanOverLists(rows, lists, (members) => ({
    value: metric(rankList(members, scores, tieBreak).map((row) => rows.label[row]!)),
    weight: 1,
  }));
}
