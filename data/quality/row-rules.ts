/** Grain, required columns, ranges and rules: one pass over the window of each table. */
import type { SqlParameters } from '../duckdb.ts';
import { examplesOf } from './examples.ts';
import type { RowRule, TableExpectations } from './expectation.ts';
import type { CheckResult, Example, Measure } from './result.ts';
import { unjudged } from './result.ts';
import { dateParameters, IN_WINDOW, type Source, tableName } from './source.ts';

const where = ({ dated }: TableExpectations): string => (dated ? IN_WINDOW : 'true');
const place = (table: string, { window }: Source): string =>
  `${table}, ${window[0]} … ${window.at(-1)}`;

/** `holds` with its bounds under names of their own. */
function bound({ holds, bounds }: RowRule, i: number): { sql: string; parameters: SqlParameters } {
  const sql = holds.replaceAll('$low', `$low${i}`).replaceAll('$high', `$high${i}`);
  return {
    sql: `(${sql})`,
    parameters: bounds ? { [`low${i}`]: bounds.low, [`high${i}`]: bounds.high } : {},
  };
}

/** Measures every rule of a table by one scan. */
export async function measureRules(
  source: Source,
  table: TableExpectations,
): Promise<(Measure | CheckResult)[]> {
  const rules = table.expectations.filter((one) => 'holds' in one);
  if (rules.length === 0) return [];
  const compiled = rules.map(bound);
  const counts = compiled.map(
    ({ sql }, i) =>
      `count(*) filter (where ${sql} is not null) as n${i}, count(*) filter (where not ${sql}) as bad${i}`,
  );
  const sql = `select ${counts.join(',\n')} from ${tableName(table.table)} where ${where(table)}`;
  const row = await source.db.row<Record<string, number>>(sql, {
    ...dateParameters(sql, source),
    ...Object.assign({}, ...compiled.map(({ parameters }) => parameters)),
  });
  return rules.map((rule, i) => {
    const { kind, column, limits, what, mend, optional } = rule;
    const at = { check: `${kind}/${table.table}/${column}`, table: table.table, column };
    const n = row[`n${i}`]!;
    const bad = row[`bad${i}`]!;
    if (n === 0) return unjudged(at, 'no row that it could be said of');
    if (optional && bad === n) return unjudged(at, 'the log never has this column');
    return {
      ...at,
      limits,
      value: bad / n,
      rows: bad,
      what: `${bad.toLocaleString('en')} of ${n.toLocaleString('en')} rows of ${table.table} ${what}`,
      where: place(table.table, source),
      mend,
      examples: () =>
        examplesOf(
          source,
          table.table,
          `${where(table)} and not ${compiled[i]!.sql}`,
          compiled[i]!.parameters,
        ),
    };
  });
}

/** Rows that share a key with an earlier one. */
export async function measureGrain(
  source: Source,
  table: TableExpectations,
): Promise<(Measure | CheckResult)[]> {
  const view = tableName(table.table);
  return Promise.all(
    table.grain.map(async (key) => {
      const columns = key.map((name) => `"${name}"`).join(', ');
      const column = key.join('+');
      const at = { check: `grain/${table.table}/${column}`, table: table.table, column };
      // Equal keys have equal hashes: where no hash repeats no key does, and hashes are cheaper to count.
      const quick = `select count(*) as n, count(distinct hash(${columns})) as keys from ${view} where ${where(table)}`;
      const { n, keys } = await source.db.row<{ n: number; keys: number }>(
        quick,
        dateParameters(quick, source),
      );
      if (n === 0) return unjudged(at, 'the table has no rows');
      const repeated = `select count(*) as n from (select ${columns} from ${view} where ${where(table)} group by all)`;
      const surplus =
        n === keys
          ? 0
          : n - (await source.db.row<{ n: number }>(repeated, dateParameters(repeated, source))).n;
      return {
        ...at,
        limits: { stop: 0 },
        value: surplus,
        rows: surplus,
        what: `${surplus.toLocaleString('en')} of ${n.toLocaleString('en')} rows of ${table.table} repeat the ${column} of another`,
        where: place(table.table, source),
        mend: 'look for files that were delivered twice, and ingest the logs again into a new lake',
        examples: (): Promise<Example[]> =>
          examplesOf(
            source,
            table.table,
            `(${columns}) in (select (${columns}) from ${view} where ${where(table)} group by all having count(*) > 1)
             and ${where(table)}`,
          ),
      };
    }),
  );
}
