import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auc, groupedAuc, pooledAuc } from './auc.ts';
import { calibrationError, logLoss, sigmoid } from './calibration.ts';
import {
  averagePrecisionAt,
  drawTieBreak,
  groupByList,
  ndcgAt,
  rankedMean,
  rankList,
} from './lists.ts';
import { type PreparedRows, prepareRows } from './rows.ts';

const rowsOf = (label: number[], list: number[], user: number[] = list): PreparedRows =>
  prepareRows({ label, list, user });
const once = (rows: PreparedRows) => new Uint8Array(rows.users).fill(1);

describe('auc', () => {
  it('counts pairs in the right order, ties one half', () => {
    // Positives 0.9, 0.4; negatives 0.4, 0.1: wins 1 + 1 + ½ + 1 of 4 pairs.
    expect(auc([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0])).toBe(3.5 / 4);
  });

  it('is one half when all scores are equal and not a number without both classes', () => {
    expect(auc([2, 2, 2], [1, 0, 0])).toBe(0.5);
    expect(auc([1, 2], [1, 1])).toBeNaN();
  });

  it('equals the share of pairs for any rows and any whole weights', () => {
    const row = fc.record({
      score: fc.integer({ min: 0, max: 4 }),
      label: fc.integer({ min: 0, max: 1 }),
      user: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 2, maxLength: 25 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }),
        (rows, weightOfUser) => {
          const prepared = rowsOf(
            rows.map((r) => r.label),
            rows.map((_, i) => i),
            rows.map((r) => r.user),
          );
          const weights = Array.from({ length: prepared.users }, (_, u) => weightOfUser[u]!);
          let wins = 0;
          let pairs = 0;
          for (const [i, p] of rows.entries()) {
            for (const [j, n] of rows.entries()) {
              if (p.label !== 1 || n.label !== 0) continue;
              const pair = weights[prepared.user[i]!]! * weights[prepared.user[j]!]!;
              pairs += pair;
              wins += pair * (p.score > n.score ? 1 : p.score === n.score ? 0.5 : 0);
            }
          }
          const value = pooledAuc(
            rows.map((r) => r.score),
            prepared,
          )(weights);
          if (pairs === 0) expect(value).toBeNaN();
          else expect(value).toBeCloseTo(wins / pairs, 10);
        },
      ),
    );
  });
});

describe('grouped auc', () => {
  it('weighs lists by impressions and leaves out lists of one class', () => {
    // List 1: AUC 1 over 2 rows. List 2: AUC ½ over 3 rows (one of two pairs). List 3: clicks only.
    const rows = rowsOf([1, 0, 1, 0, 0, 1, 1], [1, 1, 2, 2, 2, 3, 3]);
    const scores = [0.7, 0.2, 0.5, 0.1, 0.9, 0.3, 0.8];
    const lists = groupByList(rows.list, rows);
    expect(groupedAuc(scores, rows, lists)(once(rows))).toBeCloseTo((2 * 1 + 3 * 0.5) / 5, 12);
    expect(lists.rankedShare).toBeCloseTo(2 / 3, 12);
    expect(lists.rankedRowShare).toBeCloseTo(5 / 7, 12);
  });

  it('counts all lists of a user as often as the user was drawn', () => {
    const rows = rowsOf([1, 0, 1, 0], [1, 1, 2, 2], [10, 10, 20, 20]);
    const statistic = groupedAuc([1, 0, 0, 1], rows, groupByList(rows.list, rows));
    expect(statistic([1, 1])).toBe(0.5);
    expect(statistic([3, 1])).toBe(0.75);
    expect(statistic([0, 2])).toBe(0);
  });

  it('does not change when the scores of a list are shifted together', () => {
    const rows = rowsOf([1, 0, 0, 1], [1, 1, 2, 2]);
    const lists = groupByList(rows.list, rows);
    const at = (scores: number[]) => groupedAuc(scores, rows, lists)(once(rows));
    expect(at([0.2, 0.1, 0.25, 0.3])).toBe(at([100.2, 100.1, 0.25, 0.3]));
  });
});

describe('list metrics', () => {
  it('discounts gains by log2(position + 1) and divides by the best order', () => {
    // Clicks at positions 2 and 3; best order has them at 1 and 2.
    const dcg = 1 / Math.log2(3) + 1 / Math.log2(4);
    expect(ndcgAt(3, [0, 1, 1, 0])).toBeCloseTo(dcg / (1 + 1 / Math.log2(3)), 12);
    expect(ndcgAt(1, [0, 1])).toBe(0);
    expect(ndcgAt(10, [1, 1, 0])).toBe(1);
  });

  it('averages precision over the clicks inside the cut-off', () => {
    expect(averagePrecisionAt(4, [1, 0, 1, 0, 1])).toBeCloseTo((1 + 2 / 3) / 2, 12);
    expect(averagePrecisionAt(2, [0, 0, 1])).toBe(0);
  });

  it('breaks ties by the drawn numbers, not by the order of the rows', () => {
    const members = Int32Array.of(0, 1, 2);
    expect(Array.from(rankList(members, [1, 1, 5], [0.9, 0.1, 0.5]))).toEqual([2, 1, 0]);
  });

  it('gives a constant score the value of a random order', () => {
    const lists = 4000;
    const label = Array.from({ length: lists * 4 }, (_, i) => (i % 4 === 0 ? 1 : 0));
    const rows = rowsOf(
      label,
      label.map((_, i) => Math.floor(i / 4)),
    );
    const map = rankedMean(
      label.map(() => 0),
      rows,
      groupByList(rows.list, rows),
      drawTieBreak(label.length, 1),
      (l) => averagePrecisionAt(4, l),
    )(once(rows));
    expect(map).toBeCloseTo((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, 1);
  });
});

describe('calibration', () => {
  it('is −ln of the probability of what happened', () => {
    const rows = rowsOf([1, 0], [1, 1]);
    expect(logLoss([0.5, 0.75], rows)(once(rows))).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 12);
    expect(Number.isFinite(logLoss([0, 1], rows)(once(rows)))).toBe(true);
  });

  it('measures the gap between mean probability and click rate per bin', () => {
    // Bin 1: p 0.1, 0.3, labels 0, 1: gap |0.2 − 0.5|. Bin 2: p 0.8, 0.9, labels 1, 1: gap 0.15.
    const rows = rowsOf([0, 1, 1, 1], [1, 1, 1, 1]);
    expect(calibrationError([0.1, 0.3, 0.8, 0.9], rows, 2)(once(rows))).toBeCloseTo(
      (0.3 + 0.15) / 2,
      12,
    );
  });

  it('turns logits of any size into probabilities', () => {
    expect(sigmoid(0)).toBe(0.5);
    expect(sigmoid(-800)).toBe(0);
    expect(sigmoid(800)).toBe(1);
  });
});
