/** Rows that name a row of another table which is not there. */
import { examplesOf } from './examples.ts';
import type { Reference, TableExpectations } from './expectation.ts';
import { type CheckResult, type Measure, unjudged } from './result.ts';
import { dateParameters, IN_WINDOW, type Source, tableName } from './source.ts';

const given = ({ columns }: Reference): string =>
  columns.map((name) => `t."${name}" is not null`).join(' and ');

function lost({ columns, to }: Reference): string {
  const equal = columns.map((name, i) => `o."${to.columns[i]}" = t."${name}"`).join(' and ');
  return `not exists (select 1 from ${tableName(to.table)} as o where ${equal})`;
}

export async function measureReferences(
  source: Source,
  table: TableExpectations,
): Promise<(Measure | CheckResult)[]> {
  const results: (Measure | CheckResult)[] = [];
  for (const reference of table.expectations) {
    if (reference.kind !== 'reference') continue;
    const { column, to, limits, mend } = reference;
    const at = {
      check: `reference/${table.table}/${column}→${to.table.replace('tables.', '')}`,
      table: table.table,
      column,
    };
    const rows = `from ${tableName(table.table)} as t where ${IN_WINDOW} and ${given(reference)}`;
    const sql = `select (select count(*) ${rows}) as n,
      (select count(*) ${rows} and ${lost(reference)}) as bad,
      exists (select 1 from ${tableName(to.table)}) as there`;
    const { n, bad, there } = await source.db.row<{ n: number; bad: number; there: boolean }>(
      sql,
      dateParameters(sql, source),
    );
    if (n === 0) results.push(unjudged(at, 'no row names one'));
    else if (!there && to.table.startsWith('tables.'))
      results.push(unjudged(at, `the log has no ${to.table.replace('tables.', '')} table`));
    else {
      results.push({
        ...at,
        limits,
        value: bad / n,
        rows: bad,
        what: `${bad.toLocaleString('en')} of ${n.toLocaleString('en')} rows of ${table.table} name a ${column} that ${to.table} does not have`,
        where: `${table.table}, ${source.window[0]} … ${source.window.at(-1)}`,
        mend,
        examples: () =>
          examplesOf(
            source,
            table.table,
            `${IN_WINDOW} and ${given(reference)} and ${lost(reference)}`,
          ),
      });
    }
  }
  return results;
}
