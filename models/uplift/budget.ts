/**
 * From uplift values to a rule: ask when the value is above M (AdaRequest's DRP, eqs 18–21).
 *
 * With one cost per request, the best use of a budget of extra requests is greedy in the uplift, so
 * one threshold M says it all: the (1 − ρ) quantile of recent uplift values, ρ the share of decisions
 * that may become a request.
 */
import { EdgeloomError } from '../../lib/errors.ts';

export interface Threshold {
  /** Ask when uplift > threshold. */
  threshold: number;
  /** ρ, the share that was asked for. */
  budget: number;
  /** Share of the given values that lies above the threshold: at most ρ, less when values tie at it. */
  used: number;
  /** Values that the threshold was taken from. */
  rows: number;
}

/**
 * The smallest threshold that keeps the share of values above it within the budget.
 *
 * With n values that is the value at place ⌊ρ·n⌋ in descending order (from 0): exactly ⌊ρ·n⌋ values
 * lie above it when none ties with it. Values that tie are asked all or not at all, and here not at
 * all: a budget is a promise. ρ = 0 gives the largest value, ρ = 1 gives −∞ (always ask).
 *
 * @throws EdgeloomError `bad-budget` for a rate outside [0, 1], no values, or a value that is not finite
 */
export function thresholdForBudget(values: ArrayLike<number>, rate: number): Threshold {
  if (!(rate >= 0 && rate <= 1)) {
    throw new EdgeloomError({
      code: 'bad-budget',
      what: `The request budget is ${rate}`,
      fix: 'give the share of decisions that may become a request, between 0 and 1',
    });
  }
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  if (n === 0 || !sorted.every(Number.isFinite)) {
    throw new EdgeloomError({
      code: 'bad-budget',
      what: n === 0 ? 'There are no uplift values' : 'An uplift value is not finite',
      fix: 'take the threshold from a day that has decisions',
    });
  }
  // Guards 0.3·10 = 2.9999999999999996 and its kind.
  const asked = Math.floor(rate * n + 1e-9);
  const threshold = asked >= n ? -Infinity : sorted[n - 1 - asked]!;
  return { threshold, budget: rate, used: budgetUsed(values, threshold), rows: n };
}

/** Share of values above the threshold: the extra-request rate that the rule has on other days. */
export function budgetUsed(values: ArrayLike<number>, threshold: number): number {
  let above = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! > threshold) above += 1;
  return values.length === 0 ? 0 : above / values.length;
}
