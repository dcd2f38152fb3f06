/** Which days MetaFusion uses, and whether a log is long enough for it. */

export type MetaFusionPlan =
  | {
      ok: true;
      /** Train W_m: all days up to T − 2. */
      trainDates: string[];
      /** T − 1: stops the training of W_m. */
      validDate: string;
      /** Fine-tunes the cohorts. */
      T: string;
      /** Trains the gates. */
      T1: string;
      /** Tests; read by nothing else. */
      T2: string;
    }
  | { ok: false; reason: string };

/** Stability statistics look back over a week, so a shorter log has none worth the name. */
const MIN_DAYS = 7;

/**
 * Splits the days that have data. The last one tests, the one before trains the gates (T + 1), the
 * one before that fine-tunes the cohorts (T). `reason` is the sentence shown for a skipped stage.
 */
export function metafusionPlan(dates: readonly string[]): MetaFusionPlan {
  const days = [...new Set(dates)].sort();
  if (days.length < MIN_DAYS) {
    return {
      ok: false,
      reason: `MetaFusion needs ${MIN_DAYS} days (stability statistics over a week, then T, T+1 and T+2); the window has ${days.length}.`,
    };
  }
  return {
    ok: true,
    trainDates: days.slice(0, -4),
    validDate: days.at(-4)!,
    T: days.at(-3)!,
    T1: days.at(-2)!,
    T2: days.at(-1)!,
  };
}
