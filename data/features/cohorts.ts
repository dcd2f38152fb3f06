/**
 * Forms the cohorts of a date (`lib/cohorts.ts` says what one is) from what the cloud had heard before it.
 * The least number of users is enforced here: whoever reads a cohort reads one that is large enough.
 */
import { listValue } from '@duckdb/node-api';
import type { Cohort, CohortOptions } from '../../lib/cohorts.ts';
import type { DuckDb } from '../duckdb.ts';
import { featuresSql } from './open-samples.ts';

/** A list parameter; DuckDB cannot tell the type of an empty one, which the statements take for null. */
const doubles = (values: readonly number[]) => (values.length > 0 ? listValue([...values]) : null);

/** Place of a click rate among ascending inner edges `e`: the number of edges at or below it. */
const PLACE = 'coalesce(len(list_filter($edges::double[], lambda e: e <= rate)), 0)::integer';

/**
 * Inner edges after merging, and the users of each interval: the smallest interval under the minimum joins
 * its smaller neighbour, the lower one when they are equal, until none is left.
 * @param sizes users by interval, one more than edges
 */
export function mergeSmall(
  edges: readonly number[],
  sizes: readonly number[],
  minUsers: number,
): { edges: number[]; sizes: number[] } {
  const merged = { edges: [...edges], sizes: [...sizes] };
  for (;;) {
    const smallest = merged.sizes.indexOf(Math.min(...merged.sizes));
    if (merged.edges.length === 0 || merged.sizes[smallest]! >= minUsers) return merged;
    const below = merged.sizes[smallest - 1] ?? Infinity;
    const above = merged.sizes[smallest + 1] ?? Infinity;
    // Edge i lies between the intervals i and i + 1.
    const edge = below <= above ? smallest - 1 : smallest;
    merged.edges.splice(edge, 1);
    merged.sizes.splice(edge, 2, merged.sizes[edge]! + merged.sizes[edge + 1]!);
  }
}

/** Edges between equal parts. Users of one rate stay together, so equal quantiles leave fewer parts. */
async function quantileEdges(db: DuckDb, parts: number): Promise<number[]> {
  const { least, edges } = await db.row<{ least: number | null; edges: number[] | null }>(
    `select rates[1] as least,
       list_transform(range(1, $parts::integer), lambda k: rates[k * len(rates) // $parts::integer + 1]) as edges
     from (select list(rate order by rate) as rates from cohort_rate)`,
    { parts },
  );
  // An edge at the least rate would leave nothing below it.
  return (edges ?? []).filter((edge, i, all) => edge > (all[i - 1] ?? least!) && edge > least!);
}

/**
 * The cohorts of a date, by click rate. None when all users together are fewer than the minimum: a model
 * change learnt from few could tell about them.
 * @param db a database with the relation `user_day`
 */
export async function formCohorts(
  db: DuckDb,
  date: string,
  { edges: given, quantiles, minUsers, minExposures }: CohortOptions,
): Promise<Cohort[]> {
  const parameters = { date, min_exposures: minExposures };
  await db.createTable('cohort_rate', await featuresSql('cohort-rates'), parameters);
  const all = given ?? (await quantileEdges(db, quantiles));
  const counted = await db.rows<{ place: number; users: number }>(
    `select ${PLACE} as place, count(*)::integer as users from cohort_rate group by place`,
    { edges: doubles(all) },
  );
  const counts = Array<number>(all.length + 1).fill(0);
  for (const { place, users } of counted) counts[place] = users;
  const { edges, sizes } = mergeSmall(all, counts, minUsers);
  if (sizes[0]! < minUsers) return [];
  const bounds = [0, ...edges, 1];
  return sizes.map((users, i) => ({
    ...{ name: `cohort-${i}`, low: bounds[i]!, high: bounds[i + 1]!, users },
  }));
}

/** Makes the cohorts of some dates the table `cohort_day`; a date without cohorts has no row. */
export async function setCohortDays(
  db: DuckDb,
  days: Readonly<Record<string, readonly Cohort[]>>,
): Promise<void> {
  await db.run('create or replace temp table cohort_day (date date, edges double[])');
  for (const [date, cohorts] of Object.entries(days)) {
    if (cohorts.length === 0) continue;
    const edges = doubles(cohorts.slice(1).map(({ low }) => low));
    await db.run(
      'insert into cohort_day values ($date::date, coalesce($edges::double[], []::double[]))',
      { date, edges },
    );
  }
}
