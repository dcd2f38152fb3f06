/** What the best choice of decisions to treat would bring under a budget. */

/** Shares of all decisions that may be treated. */
const BUDGETS = [0.1, 0.2, 0.3, 0.5] as const;

export interface UpliftReach {
  decisions: number;
  /** Mean uplift: what treating all brings, per decision. */
  all: number;
  /** Gain per decision, treated or not, when a share of them is treated. */
  budgets: {
    share: number;
    random: number;
    /** Chosen by one estimate of the true uplifts, counted by the other: never too much. */
    oracle: number;
    /** Chosen and counted by the same: too much, by what is chance in it. The truth lies between. */
    upper: number;
  }[];
}

/**
 * @param estimates two independent estimates of each decision's true uplift, equally good
 */
export function upliftReach(estimates: readonly (readonly [number, number])[]): UpliftReach {
  const n = estimates.length;
  const total = (rows: readonly (readonly [number, number])[], by: 0 | 1): number =>
    rows.reduce((sum, row) => sum + row[by], 0);
  const sorted = ([0, 1] as const).map((by) => [...estimates].sort((a, b) => b[by] - a[by]));
  const all = (total(estimates, 0) + total(estimates, 1)) / 2 / n;
  const budgets = BUDGETS.map((share) => {
    const size = Math.floor(share * n);
    // Never treats where harm is expected, even when the budget would allow it.
    const chosen = ([0, 1] as const).map((by) =>
      sorted[by]!.slice(0, size).filter((row) => row[by] > 0),
    );
    return {
      share,
      random: (all * size) / n,
      oracle: (total(chosen[0]!, 1) + total(chosen[1]!, 0)) / 2 / n,
      upper: (total(chosen[0]!, 0) + total(chosen[1]!, 1)) / 2 / n,
    };
  });
  return { decisions: n, all, budgets };
}
