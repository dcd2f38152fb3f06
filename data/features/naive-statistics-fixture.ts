/** For tests: cohorts and statistics restated over plain rows, as the README tells them and as slowly as it goes. */
import type { CohortOptions } from '../../lib/cohorts.ts';
import type { UserStatisticsRow } from './user-statistics.ts';

/** A row of `user_days.parquet`, as far as it counts here. */
export interface UserDay {
  user_key: string;
  /** YYYY-MM-DD */
  date: string;
  clicks: number;
  exposures: number;
  page_views: number;
}

const DAY_MS = 86_400_000;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : sum(values) / values.length;

function variance(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const m = mean(values)!;
  return sum(values.map((v) => (v - m) ** 2)) / values.length;
}

function trend(points: readonly [number, number][]): number | null {
  if (points.length < 2) return null;
  const [mx, my] = [mean(points.map(([x]) => x))!, mean(points.map(([, y]) => y))!];
  const spread = sum(points.map(([x]) => (x - mx) ** 2));
  return sum(points.map(([x, y]) => (x - mx) * (y - my))) / spread;
}

const placeOf = (rate: number, edges: readonly number[]): number =>
  edges.filter((edge) => edge <= rate).length;

/** Inner edges of the cohorts before a date; null when there is none. */
export function naiveEdges(
  days: readonly UserDay[],
  date: string,
  { edges, quantiles, minUsers, minExposures }: CohortOptions,
): number[] | null {
  const before = days.filter((day) => day.date < date);
  const rates = [...new Set(before.map(({ user_key }) => user_key))]
    .map((user) => before.filter(({ user_key }) => user_key === user))
    .filter((own) => sum(own.map((day) => day.exposures)) >= minExposures)
    .map((own) => sum(own.map((day) => day.clicks)) / sum(own.map((day) => day.exposures)))
    .sort((a, b) => a - b);
  if (rates.length < minUsers) return null;
  const quantile = Array.from(
    { length: quantiles - 1 },
    (_, k) => rates[Math.floor(((k + 1) * rates.length) / quantiles)]!,
  );
  const inner = edges ?? [...new Set(quantile)].filter((edge) => edge > rates[0]!);
  for (;;) {
    const users = Array.from({ length: inner.length + 1 }, () => 0);
    for (const rate of rates) users[placeOf(rate, inner)]! += 1;
    const least = Math.min(...users);
    if (inner.length === 0 || least >= minUsers) return inner;
    const at = users.indexOf(least);
    const [below, above] = [users[at - 1] ?? Infinity, users[at + 1] ?? Infinity];
    inner.splice(below <= above ? at - 1 : at, 1);
  }
}

/** Undefined for a user of whom nothing was heard before the date. */
export function naiveStatistics(
  days: readonly UserDay[],
  user: string,
  date: string,
  { stabilityDays, cohorts }: { stabilityDays: number; cohorts: CohortOptions },
): UserStatisticsRow | undefined {
  const own = days.filter((day) => day.user_key === user && day.date < date);
  if (own.length === 0) return undefined;
  const edges = naiveEdges(days, date, cohorts);
  const [clicks, exposures] = [sum(own.map((d) => d.clicks)), sum(own.map((d) => d.exposures))];
  const before = (day: UserDay): number => (Date.parse(date) - Date.parse(day.date)) / DAY_MS;
  const recent = own
    .filter((day) => before(day) <= stabilityDays)
    .sort((a, b) => before(b) - before(a));
  const shown = recent.filter((day) => day.exposures > 0);
  const rates = shown.map((day) => day.clicks / day.exposures);
  const places = edges === null ? [] : rates.map((rate) => placeOf(rate, edges));
  const changes = places.slice(1).map((place, i) => (place === places[i] ? 0 : 1));
  const views = recent.map((day) => day.page_views);
  return {
    ...{ date, user_key: user, clicks, exposures },
    cohort:
      edges !== null && exposures >= cohorts.minExposures
        ? placeOf(clicks / exposures, edges)
        : null,
    click_rate_mean: mean(rates),
    click_rate_variance: variance(rates),
    click_rate_trend: trend(shown.map((day, i) => [-before(day), rates[i]!])),
    page_views_mean: mean(views),
    page_views_variance: variance(views),
    page_views_trend: trend(recent.map((day) => [-before(day), day.page_views])),
    active_days: recent.length / stabilityDays,
    cohort_changes: mean(changes),
  };
}

/** Rows as equal numbers: sums in another order differ in the last bits. */
export const rounded = <T extends object>(row: T): T =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'number' ? Number(value.toFixed(9)) + 0 : value,
    ]),
  ) as T;
