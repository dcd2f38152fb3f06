/**
 * Drift of columns: the day's distribution against the reference's, over bins fitted on the reference.
 *
 * Numbers: bins that are equally full in the reference; numbers with few values, and texts: a bin per
 * value, the most frequent ones, and one for the rest. Nulls have a bin of their own.
 *
 * A limit is never below what chance alone reaches. Rows of one user resemble each other, so the noise
 * is taken over users (Rao and Scott's second-order correction): under equal distributions PSI is about
 * Σ_b λ_b χ²(1) with λ_b = (v_b + w_b) / p_b, where v_b and w_b are the variances of the bin's share on
 * both sides over users and p_b the share of both together.
 */
import { type DuckDb, type SqlParameters, textList } from '../duckdb.ts';
import type { QualityConfig } from './config.ts';
import { examplesOf } from './examples.ts';
import type { DriftColumn, TableExpectations } from './expectation.ts';
import {
  type CheckResult,
  type Limit,
  type Limits,
  type Measure,
  shown,
  unjudged,
} from './result.ts';
import { dateParameters, ON_DAY, type Source, tableName } from './source.ts';
import {
  type ClusterSums,
  JS_PER_PSI,
  jensenShannon,
  psi,
  ratioVariance,
} from './statistics/divergence.ts';
import { chiSquareQuantile } from './statistics/tails.ts';

/** Values with a bin of their own. */
const VALUES = 20;
/** Under so many users on a side a variance over users says little. */
const MIN_USERS = 20;

const NULL_BIN = '(null)';
const OTHER_BIN = '(other)';

interface Bins {
  /** SQL over `x`: a text. */
  sql: string;
  parameters: SqlParameters;
  /** A bin as a reader knows it. */
  label(bin: string): string;
}

/** Numbers that are none are as good as absent. */
const value = ({ expression, numeric }: DriftColumn): string =>
  numeric
    ? `case when isnan((${expression})::double) then null else (${expression})::double end`
    : `(${expression})::varchar`;

async function fitBins(db: DuckDb, column: DriftColumn, bins: number): Promise<Bins> {
  const name = `"${column.name}"`;
  const frequent = await db.rows<{ x: string }>(
    `select x::varchar as x from (
       select ${name} as x, count(*) as n from drift where not is_day and ${name} is not null group by all
     ) order by n desc, x limit ${VALUES + 1}`,
  );
  if (!column.numeric || frequent.length <= VALUES) {
    const parameters: SqlParameters = {
      values: textList(frequent.slice(0, VALUES).map(({ x }) => x)),
    };
    return {
      sql: `case when x is null then '${NULL_BIN}'
        when list_contains($values::varchar[], x::varchar) then x::varchar else '${OTHER_BIN}' end`,
      parameters,
      label: (bin) => bin,
    };
  }
  const at = Array.from({ length: bins - 1 }, (_, i) => ((i + 1) / bins).toFixed(6)).join(', ');
  const { edges } = await db.row<{ edges: number[] }>(
    `select quantile_disc(${name}, [${at}]) as edges from drift where not is_day`,
  );
  const parameters: SqlParameters = {};
  const distinct = [...new Set(edges)];
  const above = distinct.map((edge, i) => {
    parameters[`edge${i}`] = edge;
    return `(x > $edge${i}::double)::int`;
  });
  const label = (bin: string): string => {
    if (bin === NULL_BIN) return bin;
    const low = distinct[Number(bin) - 1];
    const high = distinct[Number(bin)];
    if (low === undefined) return `≤ ${shown(high!)}`;
    return high === undefined ? `> ${shown(low)}` : `${shown(low)} … ${shown(high)}`;
  };
  return { sql: `coalesce((${above.join(' + ')})::varchar, '${NULL_BIN}')`, parameters, label };
}

interface Bin {
  bin: string;
  isDay: boolean;
  y: number;
  yy: number;
  yn: number;
}
type Side = Pick<ClusterSums, 'n' | 'nn'> & { users: number };

/** Counts of a column by bin and side, with the sums over users. */
async function countBins(db: DuckDb, { name }: DriftColumn, bins: Bins): Promise<Bin[]> {
  return db.rows<Bin>(
    `with c as (
       select is_day, user_key, ${bins.sql} as bin, count(*)::double as y
       from (select is_day, user_key, "${name}" as x from drift) group by all
     )
     select bin, is_day as "isDay", sum(y) as y, sum(y * y) as yy, sum(y * n) as yn
     from c join drift_user using (is_day, user_key) group by all order by bin`,
    bins.parameters,
  );
}

const scaled = (limits: Limits, by: number): Limits =>
  Object.fromEntries(
    Object.entries(limits).map(([level, limit]: [string, Limit]) => [
      level,
      typeof limit === 'number' ? limit * by : limit,
    ]),
  );

/** What Σ λ_i χ²(1) passes with this chance, by Satterthwaite's χ² of equal mean and variance. */
function weightedTail(weights: readonly number[], chance: number): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const squares = weights.reduce((total, weight) => total + weight ** 2, 0);
  if (sum === 0) return 0;
  const df = sum ** 2 / squares;
  return (sum / df) * chiSquareQuantile(chance, df);
}

/** The measured divergences of one column, and the bin that gained the most. */
function compare(counts: readonly Bin[], day: Side, reference: Side, chance: number) {
  const names = [...new Set(counts.map(({ bin }) => bin))];
  const side = (isDay: boolean, bin: string): ClusterSums => {
    const found = counts.find((one) => one.isDay === isDay && one.bin === bin);
    const { n, nn } = isDay ? day : reference;
    return { y: found?.y ?? 0, yy: found?.yy ?? 0, yn: found?.yn ?? 0, n, nn };
  };
  const now = names.map((bin) => side(true, bin));
  const before = names.map((bin) => side(false, bin));
  const weights = names.map((_, b) => {
    const pooled = (now[b]!.y + before[b]!.y) / (day.n + reference.n);
    return (ratioVariance(now[b]!) + ratioVariance(before[b]!)) / pooled;
  });
  const gains = names.map((_, b) => now[b]!.y / day.n - before[b]!.y / reference.n);
  const most = gains.indexOf(Math.max(...gains));
  const counted = [now.map(({ y }) => y), before.map(({ y }) => y)] as const;
  return {
    psi: psi(...counted),
    js: jensenShannon(...counted),
    noise: weightedTail(weights, chance),
    most: names[most]!,
    rows: now[most]!.y,
    from: before[most]!.y / reference.n,
    to: now[most]!.y / day.n,
  };
}

async function measureColumn(
  source: Source,
  { table }: TableExpectations,
  column: DriftColumn,
  sides: { day: Side; reference: Side },
  config: QualityConfig,
): Promise<(Measure | CheckResult)[]> {
  const { day, reference } = sides;
  const bins = await fitBins(source.db, column, config.bins);
  const counts = await countBins(source.db, column, bins);
  const kinds = ['psi', 'js'] as const;
  const at = (kind: string) => ({
    check: `${kind}/${table}/${column.name}`,
    table,
    column: column.name,
  });
  if (counts.every(({ bin }) => bin === NULL_BIN)) {
    return kinds.map((kind) => unjudged(at(kind), 'the log never has this column'));
  }
  const found = compare(counts, day, reference, config.chance);
  const measures = { psi: found.psi, js: found.js };
  const what = (kind: 'psi' | 'js'): string =>
    `${column.name} of ${table} has drifted on ${source.day}: ${kind === 'psi' ? 'PSI' : 'Jensen–Shannon divergence'} ${shown(measures[kind])} against the reference. Most gained the bin ${bins.label(found.most)} (${shown(100 * found.from)} % → ${shown(100 * found.to)} % of the rows)`;
  return kinds.map((kind) => ({
    ...at(kind),
    limits: kind === 'psi' ? column.limits : scaled(column.limits, JS_PER_PSI),
    value: measures[kind],
    noise: kind === 'psi' ? found.noise : found.noise * JS_PER_PSI,
    rows: found.rows,
    what: what(kind),
    where: `${table}, date=${source.day} against ${source.reference[0]} … ${source.reference.at(-1)}`,
    mend: 'find what changed (app version, traffic, upstream ranker); if it is meant, switch the check off with the reason until the reference has caught up',
    examples: () => {
      const inBin = bins.sql.replaceAll(/\bx\b/g, `(${value(column)})`);
      return examplesOf(source, table, `${ON_DAY} and ${inBin} = $most`, {
        ...bins.parameters,
        most: found.most,
      });
    },
    numbers: { psi: found.psi, js: found.js },
  }));
}

export async function measureDrift(
  source: Source,
  table: TableExpectations,
  config: QualityConfig,
): Promise<(Measure | CheckResult)[]> {
  const columns = table.drift;
  if (columns.length === 0) return [];
  const { db } = source;
  const select = columns.map((column) => `${value(column)} as "${column.name}"`).join(',\n');
  const sql = `select ${ON_DAY} as is_day, user_key, ${select} from ${tableName(table.table)}
    where ${ON_DAY} or "date" in (select unnest($reference::date[]))`;
  await db.createTable('drift', sql, dateParameters(sql, source));
  await db.createTable(
    'drift_user',
    'select is_day, user_key, count(*)::double as n from drift group by all',
  );
  const sides = await db.rows<Side & { isDay: boolean }>(
    `select is_day as "isDay", sum(n) as n, sum(n * n) as nn, count(*) as users
     from drift_user group by all`,
  );
  const day = sides.find(({ isDay }) => isDay);
  const reference = sides.find(({ isDay }) => !isDay);
  const results: (Measure | CheckResult)[] = [];
  for (const column of columns) {
    const enough =
      day &&
      reference &&
      Math.min(day.n, reference.n) >= config.minRows &&
      Math.min(day.users, reference.users) >= MIN_USERS;
    if (enough)
      results.push(...(await measureColumn(source, table, column, { day, reference }, config)));
    else {
      for (const kind of ['psi', 'js']) {
        const at = { check: `${kind}/${table.table}/${column.name}`, table: table.table };
        results.push(
          unjudged(
            { ...at, column: column.name },
            `fewer than ${config.minRows} rows or ${MIN_USERS} users on the day or before`,
          ),
        );
      }
    }
  }
  return results;
}
