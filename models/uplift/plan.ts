/** Which days train, tune and test the uplift model, and whether a log can have one at all. */

/** The decisions of a business day whose arm was drawn with a chance strictly between 0 and 1. */
export interface DecisionDay {
  date: string;
  randomised: number;
  /** Of these, the ones whose labels have matured: no other label is trained on or counted. */
  matured: number;
}

export type UpliftPlan =
  | { ok: true; trainDates: string[]; validDate: string; testDate: string }
  | { ok: false; reason: string };

/** A day counts when so many of its labels have matured: the first hours of a day are not the day. */
const MATURED_SHARE = 0.5;
/** Under this many randomised decisions an interval says nothing. */
export const MIN_RANDOMISED_DECISIONS = 1000;

/**
 * Of the days whose labels have matured, all but the last two train, the day before last stops the
 * training and gives the threshold, the last day tests. With windows of a day that is the day before the
 * log's last. `reason` is the sentence that the report and the card show for a skipped stage.
 */
export function upliftPlan(
  days: readonly DecisionDay[],
  minDecisions = MIN_RANDOMISED_DECISIONS,
): UpliftPlan {
  const sum = (of: 'randomised' | 'matured') => days.reduce((n, day) => n + day[of], 0);
  if (sum('randomised') === 0) {
    return {
      ok: false,
      reason:
        'The log has no randomised request decisions (arm and propensity), so uplift cannot be learned from it.',
    };
  }
  if (sum('matured') < minDecisions) {
    return {
      ok: false,
      reason: `The window has ${sum('matured')} randomised request decisions with matured labels; uplift needs ${minDecisions}.`,
    };
  }
  const dates = days
    .filter(({ randomised, matured }) => randomised > 0 && matured >= MATURED_SHARE * randomised)
    .map(({ date }) => date)
    .sort();
  if (dates.length < 3) {
    return {
      ok: false,
      reason: `Uplift needs 3 days (train, validation, test) with matured labels; the log has ${dates.length}.`,
    };
  }
  return {
    ok: true,
    trainDates: dates.slice(0, -2),
    validDate: dates.at(-2)!,
    testDate: dates.at(-1)!,
  };
}
