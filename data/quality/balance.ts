/**
 * Counts that have to agree between what ingest stored, the lake and the samples. Samples may have fewer by as
 * many as stitching says it left out of users with too many events.
 */
import { EVENT_TYPES } from '../contracts/device-log.ts';
import { measureCapped } from './capped.ts';
import type { CheckResult, Measure } from './result.ts';
import { dateParameters, IN_WINDOW, type Source } from './source.ts';

interface Pair {
  key: string;
  one: number;
  other: number;
}

function measure(
  source: Source,
  at: Pick<Measure, 'check' | 'table'>,
  pairs: readonly Pair[],
  words: { one: string; other: string; mend: string },
  allowed = 0,
): Measure {
  const odd = pairs.filter(({ one, other }) => one !== other);
  const rows = odd.reduce((sum, { one, other }) => sum + Math.abs(one - other), 0);
  return {
    ...at,
    column: null,
    limits: { stop: allowed },
    value: rows,
    rows,
    what: `${words.one} and ${words.other} differ by ${rows.toLocaleString('en')} rows`,
    where: `${at.table}, ${source.window[0]} … ${source.window.at(-1)}`,
    mend: words.mend,
    examples: async () =>
      odd.map(({ key, one, other }) => ({ key: `${key}: ${one} against ${other}` })),
  };
}

/** Rows per day of two queries that give `date` and `n`. */
async function byDay(source: Source, one: string, other: string): Promise<Pair[]> {
  const sql = `select strftime(coalesce(a.date, b.date), '%Y-%m-%d') as key,
      coalesce(a.n, 0) as one, coalesce(b.n, 0) as other
    from (${one}) a full join (${other}) b on a.date = b.date order by key`;
  return source.db.rows<Pair>(sql, dateParameters(sql, source));
}

/** Rows of every day that is looked at, over all types, against the account of ingest. */
async function stored(source: Source): Promise<Measure | undefined> {
  const { byDate } = source;
  if (!byDate) return undefined;
  const all = EVENT_TYPES.map((type) => `select "date" from "${type}"`).join(' union all ');
  const rows = await source.db.rows<{ date: string; n: number }>(
    `select strftime("date", '%Y-%m-%d') as date, count(*) as n from (${all}) group by all order by all`,
  );
  const days = [...new Set([...source.reference, ...source.window])].sort();
  const pairs = days.map((date) => ({
    key: `date=${date}`,
    one: rows.find((row) => row.date === date)?.n ?? 0,
    other: byDate[date] ?? 0,
  }));
  return measure(source, { check: 'balance/lake', table: 'events' }, pairs, {
    one: 'the files of the lake',
    other: 'account.json of ingest',
    mend: 'the lake is not whole: ingest the logs again',
  });
}

export async function measureBalances(source: Source): Promise<(Measure | CheckResult)[]> {
  const count = (table: string, what = '*'): string =>
    `select "date", count(${what}) as n from ${table} where ${IN_WINDOW} group by "date"`;
  const slates = await byDay(
    source,
    count('(select "date" from request union all select "date" from rerank)'),
    count('"samples.rerank"', 'distinct slate_id'),
  );
  const decisions = await byDay(source, count('decision'), count('"samples.decisions"'));
  const mend = 'the samples were not made from this lake, or not whole: stitch it again';
  const allowed = source.capped.events;
  const results: (Measure | undefined)[] = [
    await stored(source),
    measure(
      source,
      { check: 'balance/samples.rerank', table: 'samples.rerank' },
      slates,
      { one: 'requests and reranks of the lake', other: 'slates of the samples', mend },
      allowed,
    ),
    measure(
      source,
      { check: 'balance/samples.decisions', table: 'samples.decisions' },
      decisions,
      { one: 'decisions of the lake', other: 'decisions of the samples', mend },
      allowed,
    ),
    measureCapped(source.capped),
  ];
  return results.filter((result) => result !== undefined);
}
