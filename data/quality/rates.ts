/** Label rates of every day of the window, and of the day against the reference. */

import type { QualityConfig } from './config.ts';
import { examplesOf } from './examples.ts';
import type { Rate, TableExpectations } from './expectation.ts';
import { type CheckResult, type Measure, shown, unjudged } from './result.ts';
import {
  dateParameters,
  IN_REFERENCE,
  IN_WINDOW,
  ON_DAY,
  type Source,
  tableName,
} from './source.ts';
import { type ClusterSums, ratioVariance } from './statistics/divergence.ts';
import { chiSquareQuantile, normalTail } from './statistics/tails.ts';

/** A day without a positive is odd only where the window's rate would have given it about this many. */
const EXPECTED_POSITIVES = 7;

interface DayRate {
  date: string;
  y: number;
  n: number;
}

const sums = ({ of, among }: Rate): string =>
  `coalesce(sum(${of}) filter (where (${among}) is not null), 0)::double as y,
   coalesce(sum(${among}), 0)::double as n`;

async function daysOf(source: Source, table: TableExpectations, one: Rate): Promise<DayRate[]> {
  const sql = `select strftime("date", '%Y-%m-%d') as date, ${sums(one)}
    from ${tableName(table.table)} where ${IN_WINDOW} group by "date" order by "date"`;
  return source.db.rows<DayRate>(sql, dateParameters(sql, source));
}

async function clusters(
  source: Source,
  table: TableExpectations,
  one: Rate,
  rows: string,
): Promise<ClusterSums> {
  const sql = `with u as (select ${sums(one)} from ${tableName(table.table)} where ${rows} group by user_key)
    select coalesce(sum(y), 0) as y, coalesce(sum(n), 0) as n, coalesce(sum(y * y), 0) as yy,
      coalesce(sum(y * n), 0) as yn, coalesce(sum(n * n), 0) as nn from u`;
  return source.db.row<ClusterSums>(sql, dateParameters(sql, source));
}

function daily(
  source: Source,
  { table }: TableExpectations,
  one: Rate,
  days: readonly DayRate[],
  config: QualityConfig,
): Measure | CheckResult {
  const at = { check: `rate/${table}/${one.column}`, table, column: one.column };
  const y = days.reduce((sum, day) => sum + day.y, 0);
  const n = days.reduce((sum, day) => sum + day.n, 0);
  const judged = days.filter(
    (day) =>
      day.n >= config.minRows && (day.y > 0 || y === 0 || (y / n) * day.n >= EXPECTED_POSITIVES),
  );
  if (judged.length === 0) return unjudged(at, `fewer than ${config.minRows} rows a day`);
  // The day that is furthest from the window's rate.
  const far = (day: DayRate): number => Math.abs(Math.log((day.y + 0.5) / day.n / ((y + 0.5) / n)));
  const worst = judged.reduce((a, b) => (far(b) > far(a) ? b : a));
  const value = worst.y / worst.n;
  const low = value < y / n || value === 0;
  return {
    ...at,
    limits: one.limits,
    value,
    rows: worst.n,
    what: `${one.column} of ${table} is ${shown(value)} on ${worst.date} (${shown(worst.y)} of ${shown(worst.n)})`,
    where: `${table}, date=${worst.date}`,
    mend: 'look at what the label is made of (page views, orders) on that day before anything is trained on it',
    examples: () =>
      examplesOf(
        source,
        table,
        `"date" = $worst::date and coalesce(${one.of}, 0) ${low ? '= 0' : '> 0'} and (${one.among}) > 0`,
        { worst: worst.date },
      ),
  };
}

function shift(
  source: Source,
  { table }: TableExpectations,
  one: Rate,
  day: ClusterSums,
  reference: ClusterSums,
  config: QualityConfig,
): Measure | CheckResult {
  const at = { check: `label-shift/${table}/${one.column}`, table, column: one.column };
  if (day.n < config.minRows || reference.n < config.minRows) {
    return unjudged(at, `fewer than ${config.minRows} rows on the day or before`);
  }
  const now = day.y / day.n;
  const before = reference.y / reference.n;
  if (before === 0) return unjudged(at, 'the reference has no positive');
  const variance = ratioVariance(day) + ratioVariance(reference);
  const ratio = now / before;
  const z = variance > 0 ? (now - before) / Math.sqrt(variance) : 0;
  const noise =
    Math.sqrt(chiSquareQuantile(config.chance, 1)) *
    Math.sqrt(
      ratioVariance(day) / before ** 2 + (ratio ** 2 * ratioVariance(reference)) / before ** 2,
    );
  return {
    ...at,
    limits: one.shift,
    value: ratio,
    noise,
    rows: day.n,
    what: `${one.column} of ${table} is ${shown(now)} on ${source.day} and was ${shown(before)} in the reference: ${shown(ratio)} times as much (p = ${shown(normalTail(z))} over users)`,
    where: `${table}, date=${source.day} against ${source.reference[0]} … ${source.reference.at(-1)}`,
    mend: 'look for a change of the app, of the traffic or of the label on that day',
    examples: () =>
      examplesOf(
        source,
        table,
        `${ON_DAY} and coalesce(${one.of}, 0) ${ratio < 1 ? '= 0' : '> 0'} and (${one.among}) > 0`,
      ),
    numbers: { rate: now, reference: before, p: normalTail(z) },
  };
}

export async function measureRates(
  source: Source,
  table: TableExpectations,
  config: QualityConfig,
): Promise<(Measure | CheckResult)[]> {
  const results: (Measure | CheckResult)[] = [];
  for (const one of table.expectations) {
    if (one.kind !== 'rate') continue;
    const days = await daysOf(source, table, one);
    const day = await clusters(source, table, one, ON_DAY);
    const reference = await clusters(source, table, one, IN_REFERENCE);
    results.push(daily(source, table, one, days, config));
    results.push(shift(source, table, one, day, reference, config));
  }
  return results;
}
