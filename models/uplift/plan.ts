/** Which days train, tune and test the uplift model, and whether a log can have one at all. */

/** What the plan reads of `samples/summary.json`. */
export interface DecisionSummary {
  /** Decision rows whose arm was drawn with a chance strictly between 0 and 1. */
  randomisedDecisions: number;
  /** Days that have decision rows, or all days of the samples. */
  dates: string[];
}

export type UpliftPlan =
  | { ok: true; trainDates: string[]; validDate: string; testDate: string }
  | { ok: false; reason: string };

/** Under this many randomised decisions an interval says nothing. */
export const MIN_RANDOMISED_DECISIONS = 1000;

/**
 * All days but the last two train, the day before last stops the training and gives the threshold,
 * the last day tests. `reason` is the sentence that the report and the card show for a skipped stage.
 */
export function upliftPlan(
  summary: DecisionSummary,
  minDecisions = MIN_RANDOMISED_DECISIONS,
): UpliftPlan {
  const dates = [...new Set(summary.dates)].sort();
  if (summary.randomisedDecisions === 0) {
    return {
      ok: false,
      reason:
        'The log has no randomised request decisions (arm and propensity), so uplift cannot be learned from it.',
    };
  }
  if (summary.randomisedDecisions < minDecisions) {
    return {
      ok: false,
      reason: `The window has ${summary.randomisedDecisions} randomised request decisions; uplift needs ${minDecisions}.`,
    };
  }
  if (dates.length < 3) {
    return {
      ok: false,
      reason: `Uplift needs 3 days (train, validation, test); the log has ${dates.length}.`,
    };
  }
  return {
    ok: true,
    trainDates: dates.slice(0, -2),
    validDate: dates.at(-2)!,
    testDate: dates.at(-1)!,
  };
}
