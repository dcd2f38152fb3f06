/**
 * What the cloud knew of each user strictly before a date, by the day on which it received the events:
 * clicks and exposures, the cohort that their ratio falls into, and the stability statistics U_s of the
 * days just before, from which MetaFusion's gate is computed. One statement, `user-statistics.sql`, makes
 * the tensors, the tables beside them and what `edgeloom sample show` prints.
 */
import { join } from 'node:path';
import { listValue } from '@duckdb/node-api';
import type { Cohort, CohortOptions } from '../../lib/cohorts.ts';
import { type DuckDb, sqlText } from '../duckdb.ts';
import { formCohorts, setCohortDays } from './cohorts.ts';
import { featuresSql } from './open-samples.ts';

/**
 * Columns of `stats`, over the active days (days on which any event arrived) of the window: of date D
 * with 7 days the days D − 7 … D − 1, which are whole by then. Null where there are fewer days than needed.
 *
 * | name | meaning, unit | days needed |
 * |---|---|---|
 * | click_rate_mean | mean of the daily click rate (clicks per exposure), days with exposures | 1 with exposures |
 * | click_rate_variance | its population variance, squared rate | 2 with exposures |
 * | click_rate_trend | slope of its least-squares line, rate per day | 2 with exposures |
 * | page_views_mean | mean of page views a day, active days | 1 |
 * | page_views_variance, _trend | as of the click rate | 2 |
 * | active_days | active days / days of the window | 0 |
 * | cohort_changes | share of neighbouring days with exposures whose click rates lie in different cohorts | 2 with exposures, and cohorts |
 *
 * The cohorts are those of the date. In tensors null is NaN; a model takes it for the mean of the users that
 * its gate was trained on (`models/metafusion/gate.ts`).
 */
export const STATISTICS = [
  'click_rate_mean',
  'click_rate_variance',
  'click_rate_trend',
  'page_views_mean',
  'page_views_variance',
  'page_views_trend',
  'active_days',
  'cohort_changes',
] as const;
export type Statistic = (typeof STATISTICS)[number];

/** A row of `user_statistics.parquet`; key (user_key, date), as in the samples of that date. */
export type UserStatisticsRow = Record<Exclude<Statistic, 'active_days'>, number | null> & {
  /** YYYY-MM-DD: only days before it count. */
  date: string;
  user_key: string;
  active_days: number;
  /** Place among the cohorts of the date; null with too few exposures, or when the date has no cohorts. */
  cohort: number | null;
  /** Before the date, ever. */
  clicks: number;
  exposures: number;
};

interface UserStatistics {
  /** Dense index of the user, 0 … n − 1: the `user` column of the tensors. */
  user: Int32Array;
  /** Before the date, ever. */
  clicks: Float32Array;
  exposures: Float32Array;
  /** Place among the cohorts of the date; −1: none. */
  cohort: Int32Array;
  /** [n, STATISTICS.length], row-major; NaN: null. */
  stats: Float32Array;
}

export interface StatisticsOptions {
  /** Length of the window, days. */
  stabilityDays: number;
  cohorts: CohortOptions;
}

/** The table that the functions below read. */
const TABLE = 'user_statistics';

const statement = async (): Promise<string> =>
  (await featuresSql('user-statistics')).trim().replace(/;$/, '');

const parametersOf = (dates: readonly string[], { stabilityDays, cohorts }: StatisticsOptions) => ({
  ...{ dates: listValue([...dates]), days: stabilityDays, min_exposures: cohorts.minExposures },
});

/**
 * Makes the table `user_statistics` of some dates.
 * @param formed cohorts of the dates, as far as they are known already
 * @returns the cohorts by date
 */
export async function makeUserStatistics(
  db: DuckDb,
  dates: readonly string[],
  options: StatisticsOptions,
  formed: Readonly<Record<string, Cohort[]>> = {},
): Promise<Record<string, Cohort[]>> {
  const cohorts: Record<string, Cohort[]> = {};
  for (const date of dates) {
    cohorts[date] = formed[date] ?? (await formCohorts(db, date, options.cohorts));
  }
  await setCohortDays(db, cohorts);
  await db.createTable(TABLE, await statement(), parametersOf(dates, options));
  return cohorts;
}

/** Statistics of every user of a database opened by `openSamples`, of the one date that was made. */
export async function userStatisticsOf(db: DuckDb, users: number): Promise<UserStatistics> {
  const clicks = new Float32Array(users);
  const exposures = new Float32Array(users);
  const cohort = new Int32Array(users).fill(-1);
  const stats = new Float32Array(users * STATISTICS.length).fill(Number.NaN);
  // Nobody has been active of whom nothing was heard.
  const active = STATISTICS.indexOf('active_days');
  for (let user = 0; user < users; user++) stats[user * STATISTICS.length + active] = 0;
  const numbers = STATISTICS.map((name) => `coalesce(${name}, 'nan'::double) as ${name}`);
  const coded = `select enum_code(user_key::user_code)::integer as "user", clicks, exposures,
    coalesce(cohort, -1)::integer as cohort, ${numbers.join(', ')} from ${TABLE}`;
  for await (const batch of db.batches(coded)) {
    const user = batch.numbers('user');
    const clicked = batch.numbers('clicks');
    const shown = batch.numbers('exposures');
    const place = batch.numbers('cohort');
    const columns = STATISTICS.map((name) => batch.numbers(name));
    for (let row = 0; row < batch.rows; row++) {
      const at = user[row]!;
      clicks[at] = clicked[row]!;
      exposures[at] = shown[row]!;
      cohort[at] = place[row]!;
      for (const [i, column] of columns.entries()) stats[at * STATISTICS.length + i] = column[row]!;
    }
  }
  const user = Int32Array.from({ length: users }, (_, i) => i);
  return { user, clicks, exposures, cohort, stats };
}

/** The table of all dates beside the tensors: joins samples by (user_key, date). */
export async function writeUserStatistics(db: DuckDb, folder: string): Promise<void> {
  const to = sqlText(join(folder, 'user_statistics.parquet'));
  await db.run(`copy ${TABLE} to ${to} (format parquet, compression zstd, parquet_version v2)`);
  await db.run(`drop table ${TABLE}`);
}

/**
 * One user before one date, from the view `user_day`; undefined for one whom the cloud had not heard of. Calls
 * on one connection follow one another: they share the table of cohorts.
 */
export async function statisticsOfUser(
  db: DuckDb,
  userKey: string,
  date: string,
  options: StatisticsOptions,
): Promise<UserStatisticsRow | undefined> {
  await setCohortDays(db, { [date]: await formCohorts(db, date, options.cohorts) });
  const [row] = await db.rows<UserStatisticsRow>(
    `select * replace (date::varchar as date) from (${await statement()}) where user_key = $user`,
    { ...parametersOf([date], options), user: userKey },
  );
  return row;
}
