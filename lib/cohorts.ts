/**
 * What a cohort is, for whoever makes, trains or ships one: the users whose click rate (clicks per exposure)
 * lies in one interval, measured before a date on users with enough exposures, none of fewer than so many
 * users. `data/features/cohorts.ts` forms them, once for each date; everything else reads `cohorts.json`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from './errors.ts';

/** In fewer users than this, one who is known can be told from the others; no setting goes below it. */
export const FEWEST_USERS = 10;

const edges = z
  .array(z.number().gt(0).lt(1))
  .refine((rates) => rates.every((rate, i) => i === 0 || rate > rates[i - 1]!), {
    error: 'the edges are to ascend',
  });

export const cohortOptions = z.strictObject({
  edges: edges.exactOptional().describe('click rates between cohorts; without them equal parts'),
  quantiles: z.int().min(1).max(1000).default(4).describe('cohorts of equal size, without edges'),
  minUsers: z
    .int()
    .min(FEWEST_USERS)
    .default(50)
    .describe(`smaller cohorts are merged; ${FEWEST_USERS} or more`),
  minExposures: z
    .int()
    .min(1)
    .default(30)
    .describe('users with fewer have no cohort: their click rate is noise'),
});
export type CohortOptions = z.infer<typeof cohortOptions>;

export const cohort = z.strictObject({
  name: z.string().describe('cohort-0, cohort-1 …, ascending by click rate'),
  low: z.number().describe('click rate ≥ low'),
  high: z.number().describe('click rate < high; the last one includes 1'),
  users: z.int(),
});
export type Cohort = z.infer<typeof cohort>;

const cohortDays = cohortOptions.extend({
  /** By date; none where all users together are fewer than `minUsers`. */
  days: z.record(z.string(), z.array(cohort)),
});
export type CohortDays = z.infer<typeof cohortDays>;

const NAME = 'cohorts.json';
export const cohortsPath = (tensorsDir: string): string => join(tensorsDir, NAME);

/** The cohorts of every date of a tensors folder. @throws EdgeloomError `no-cohorts` */
export async function readCohortDays(tensorsDir: string): Promise<CohortDays> {
  const path = cohortsPath(tensorsDir);
  try {
    return cohortDays.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'no-cohorts',
        what: `The tensors tell no cohorts: ${error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message}`,
        where: path,
        fix: 'run the features stage again',
        exitCode: 2,
      },
      { cause: error },
    );
  }
}
