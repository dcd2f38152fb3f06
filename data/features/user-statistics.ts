/**
 * What the cloud knew of each user strictly before a date, by the day on which it received the events:
 * clicks and exposures (cohorts are intervals of their ratio) and the stability statistics U_s of the
 * days just before, from which MetaFusion's gate is computed. One statement, `user-statistics.sql`, makes
 * the tensors, the table beside them and what `edgeloom sample show` prints.
 */
import { join } from 'node:path';
import { listValue } from '@duckdb/node-api';
import { type DuckDb, sqlText } from '../duckdb.ts';
import { featuresSql } from './open-samples.ts';

/**
 * Columns of `stats`, over the active days (days on which any event arrived) of the window: of date D
 * with 7 days the days D − 7 … D − 1, which are whole by then.
 *
 * | name | meaning, unit |
 * |---|---|
 * | click_rate_mean | mean of the daily click rate (clicks per exposure), days with exposures |
 * | click_rate_variance | its population variance, squared rate |
 * | click_rate_trend | slope of its least-squares line, rate per day |
 * | page_views_mean, _variance, _trend | the same of page views a day, active days |
 * | active_days | active days / days of the window |
 * | cohort_changes | share of neighbouring days with exposures whose click rates lie in different fifths |
 *
 * The fifths are those of the users' click rates before the date. Too few days: 0.
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
export type UserStatisticsRow = Record<Statistic, number> & {
  /** YYYY-MM-DD: only days before it count. */
  date: string;
  user_key: string;
  /** Fifth of the users' click rates, 0 … 4; null for a user without an exposure. */
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
  /** [n, STATISTICS.length], row-major. */
  stats: Float32Array;
}

const statement = async (): Promise<string> =>
  (await featuresSql('user-statistics')).trim().replace(/;$/, '');

const windows = (dates: readonly string[], days: number) => ({
  dates: listValue([...dates]),
  days,
});

/** Statistics of every user of a database opened by `openSamples`. */
export async function userStatisticsOf(
  db: DuckDb,
  before: string,
  days: number,
  users: number,
): Promise<UserStatistics> {
  const clicks = new Float32Array(users);
  const exposures = new Float32Array(users);
  const stats = new Float32Array(users * STATISTICS.length);
  const coded = `select enum_code(user_key::user_code)::integer as "user", * from (${await statement()})`;
  for await (const batch of db.batches(coded, windows([before], days))) {
    const user = batch.numbers('user');
    const clicked = batch.numbers('clicks');
    const shown = batch.numbers('exposures');
    const columns = STATISTICS.map((name) => batch.numbers(name));
    for (let row = 0; row < batch.rows; row++) {
      const place = user[row]!;
      clicks[place] = clicked[row]!;
      exposures[place] = shown[row]!;
      for (const [i, column] of columns.entries())
        stats[place * STATISTICS.length + i] = column[row]!;
    }
  }
  return { user: Int32Array.from({ length: users }, (_, i) => i), clicks, exposures, stats };
}

/** The table of all dates beside the tensors: joins samples by (user_key, date). */
export async function writeUserStatistics(
  db: DuckDb,
  dates: readonly string[],
  days: number,
  folder: string,
): Promise<void> {
  await db.createTable('user_statistics', await statement(), windows(dates, days));
  const to = sqlText(join(folder, 'user_statistics.parquet'));
  await db.run(
    `copy user_statistics to ${to} (format parquet, compression zstd, parquet_version v2)`,
  );
  await db.run('drop table user_statistics');
}

/** One user before one date, from the view `user_day`; undefined for one whom the cloud had not heard of. */
export async function statisticsOfUser(
  db: DuckDb,
  userKey: string,
  date: string,
  days: number,
): Promise<UserStatisticsRow | undefined> {
  const [row] = await db.rows<UserStatisticsRow>(
    `select * replace (date::varchar as date) from (${await statement()}) where user_key = $user`,
    { ...windows([date], days), user: userKey },
  );
  return row;
}
