/**
 * What the cloud knew of each user strictly before a date, by the day on which it received the events:
 * clicks and exposures (cohorts are intervals of their ratio) and the stability statistics U_s of the
 * days just before, from which MetaFusion's gate is computed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunOptions } from '../../lib/progress.ts';
import { DuckDb } from '../duckdb.ts';
import { featuresSql, openSamples } from './open-samples.ts';

/**
 * Columns of `stats`, over the active days (days on which any event arrived) of the window.
 *
 * | name | meaning |
 * |---|---|
 * | click_rate_mean | mean of the daily click rate, days with exposures |
 * | click_rate_variance | its population variance |
 * | click_rate_trend | slope of its least-squares line, per day |
 * | page_views_mean, _variance, _trend | the same of page views, active days |
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

export interface UserStatistics {
  /** Dense index of the user, 0 … n − 1: the `user` column of the tensors. */
  user: Int32Array;
  /** Before the date, ever. */
  clicks: Float32Array;
  exposures: Float32Array;
  /** [n, STATISTICS.length], row-major. */
  stats: Float32Array;
}

interface Day {
  day: number;
  clicks: number;
  exposures: number;
  pageViews: number;
}

/** Statistics of every user of a database opened by `openSamples`. */
export async function userStatisticsOf(
  db: DuckDb,
  before: string,
  days: number,
  users: number,
): Promise<UserStatistics> {
  const clicks = new Float32Array(users);
  const exposures = new Float32Array(users);
  for await (const batch of db.batches(await featuresSql('user-totals'), { before })) {
    const user = batch.numbers('user');
    const clicked = batch.numbers('clicks');
    const shown = batch.numbers('exposures');
    for (let row = 0; row < batch.rows; row++) {
      clicks[user[row]!] = clicked[row]!;
      exposures[user[row]!] = shown[row]!;
    }
  }
  const edges = fifths(clicks, exposures);
  const stats = new Float32Array(users * STATISTICS.length);
  let current = -1;
  let recent: Day[] = [];
  const close = () => {
    if (current >= 0) stats.set(stability(recent, edges, days), current * STATISTICS.length);
    recent = [];
  };
  for await (const batch of db.batches(await featuresSql('user-recent-days'), { before, days })) {
    const user = batch.numbers('user');
    const day = batch.numbers('day');
    const clicked = batch.numbers('clicks');
    const shown = batch.numbers('exposures');
    const viewed = batch.numbers('page_views');
    for (let row = 0; row < batch.rows; row++) {
      if (user[row] !== current) {
        close();
        current = user[row]!;
      }
      recent.push({
        day: day[row]!,
        clicks: clicked[row]!,
        exposures: shown[row]!,
        pageViews: viewed[row]!,
      });
    }
  }
  close();
  return { user: Int32Array.from({ length: users }, (_, i) => i), clicks, exposures, stats };
}

export interface UserStatisticsOptions extends RunOptions {
  /** Folder that stitch made. */
  samplesDir: string;
  /** Only days before this date count. */
  before: string;
  /** Days of the stability statistics. @default 7 */
  days?: number;
}

/** The same, with user keys, straight from a samples folder. */
export async function userStatistics(
  options: UserStatisticsOptions,
): Promise<UserStatistics & { userKey: string[]; names: readonly string[] }> {
  const tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-'));
  const db = await DuckDb.open({ ...options, tempDir });
  try {
    await openSamples(db, options.samplesDir, [], []);
    const keys = await db.rows<{ key: string }>(
      'select unnest(enum_range(null::user_code))::varchar as key',
    );
    const statistics = await userStatisticsOf(db, options.before, options.days ?? 7, keys.length);
    return { ...statistics, userKey: keys.map((row) => row.key), names: STATISTICS };
  } finally {
    db.close();
    await rm(tempDir, { recursive: true, force: true });
  }
}

/** Lower edges of the second to fifth fifth of the users' click rates; users with exposures only. */
export function fifths(clicks: Float32Array, exposures: Float32Array): number[] {
  const rates = Float64Array.from(clicks, (count, user) => count / exposures[user]!)
    .filter((rate) => Number.isFinite(rate))
    .sort();
  if (rates.length === 0) return [];
  return [1, 2, 3, 4].map((k) => rates[Math.floor((k * rates.length) / 5)]!);
}

/** One row of `stats` from a user's active days in the window, oldest first. */
export function stability(
  active: readonly Day[],
  edges: readonly number[],
  days: number,
): number[] {
  const shown = active.filter((day) => day.exposures > 0);
  const rates = shown.map(({ clicks, exposures }) => clicks / exposures);
  const cohorts = rates.map((rate) => edges.filter((edge) => edge <= rate).length);
  const changes = cohorts.filter((cohort, i) => i > 0 && cohort !== cohorts[i - 1]).length;
  return [
    ...line(
      shown.map(({ day }) => day),
      rates,
    ),
    ...line(
      active.map(({ day }) => day),
      active.map(({ pageViews }) => pageViews),
    ),
    active.length / days,
    cohorts.length > 1 ? changes / (cohorts.length - 1) : 0,
  ];
}

/** Mean, population variance and least-squares slope of y over x. */
function line(x: readonly number[], y: readonly number[]): [number, number, number] {
  const n = x.length;
  if (n === 0) return [0, 0, 0];
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / n;
  const [xMean, yMean] = [mean(x), mean(y)];
  const variance = mean(y.map((value) => (value - yMean) ** 2));
  const spread = mean(x.map((value) => (value - xMean) ** 2));
  const together = mean(x.map((value, i) => (value - xMean) * (y[i]! - yMean)));
  return [yMean, variance, spread > 0 ? together / spread : 0];
}
