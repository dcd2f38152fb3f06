/** Knobs of fitting features. */
import { z } from 'zod';
import { cohortOptions } from '../../lib/cohorts.ts';

/** Quantiles are taken on this grid, so that any number of buckets that divides it is exact. */
export const QUANTILE_GRID = 120;

const buckets = z.int().min(2).max(QUANTILE_GRID);

/** Days before a sample's own over which a user's stability is measured, unless told. */
export const STABILITY_DAYS = 7;

export const featuresConfig = z.strictObject({
  minCount: z
    .int()
    .min(1)
    .default(2)
    .describe('exposures in training dates that give an item a row of its own'),
  actionBuckets: buckets.default(8).describe('buckets of a numeric action, at equal shares'),
  decayBuckets: buckets.default(12).describe('buckets of the time since a behaviour'),
  contextBuckets: buckets.default(6).describe('buckets of a numeric context feature'),
  maxValues: z
    .int()
    .min(1)
    .default(32)
    .describe('known values of a text feature, the most frequent'),
  popularityPrior: z
    .number()
    .positive()
    .default(20)
    .describe('exposures at the overall click rate that every item is given beforehand'),
  statisticsSample: z
    .int()
    .min(1)
    .default(60_000)
    .describe('samples from which boundaries are taken, about, when there are more'),
  stabilityDays: z
    .int()
    .min(2)
    .default(STABILITY_DAYS)
    .describe("days of a user's stability statistics"),
  cohorts: cohortOptions.prefault({}).describe('users grouped by click rate'),
});
/** Knobs of what is fitted. Cohorts are no part of the features: `cohorts.json` has theirs. */
export type FeaturesConfig = Omit<z.infer<typeof featuresConfig>, 'cohorts'>;
