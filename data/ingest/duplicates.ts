/** Finds staged rows that repeat an earlier one: the first in reading order stays. */
import type { Staging } from './staging.ts';

export interface DuplicateCounts {
  total: number;
  /** By the name of the staged table. */
  byTable: Map<string, number>;
  /** By the index of the file among `fileStarts`. */
  byFile: Map<number, number>;
}

/** Numbers of the surplus rows that were found last: `where row_no not in (select row_no from duplicate)`. */
export const DUPLICATES = 'duplicate';

/**
 * Fills the table `duplicate`, which every connection sees.
 * @param tables staged tables among which a key may occur once
 * @param key the columns of the key
 * @param fileStarts number of the first row of each file, in reading order
 */
export async function findDuplicates(
  staging: Staging,
  tables: readonly string[],
  key: readonly string[],
  fileStarts: readonly number[],
): Promise<DuplicateCounts> {
  const { db } = staging;
  const columns = key.map((name) => `"${name}"`).join(', ');
  const keys = tables
    .flatMap((table) => {
      const source = staging.source(table);
      return source ? [`select row_no, '${table}' as tab, ${columns} from ${source}`] : [];
    })
    .join('\n  union all\n  ');
  if (keys === '') {
    await db.run(`create or replace table ${DUPLICATES} (row_no bigint)`);
    return { total: 0, byTable: new Map(), byFile: new Map() };
  }
  // Grain: one row per surplus row. Aggregating first keeps the join to the few keys that repeat.
  await db.run(
    `create or replace table ${DUPLICATES} as
with keyed as materialized (
  ${keys}
), repeated as (
  select ${columns}, min(row_no) as first_row from keyed group by ${columns} having count(*) > 1
)
select row_no, tab from keyed join repeated using (${columns}) where row_no > first_row`,
  );
  const starts = fileStarts.map((start, index) => `(${index}, ${start})`).join(', ');
  const byFile = await db.rows<{ file: number; n: number }>(
    `select file, count(*) as n
     from ${DUPLICATES} asof join (values ${starts}) as f(file, start) on row_no >= start
     group by file order by file`,
  );
  const byTable = await db.rows<{ tab: string; n: number }>(
    `select tab, count(*) as n from ${DUPLICATES} group by tab order by tab`,
  );
  return {
    total: byTable.reduce((sum, { n }) => sum + n, 0),
    byTable: new Map(byTable.map(({ tab, n }) => [tab, n])),
    byFile: new Map(byFile.map(({ file, n }) => [file, n])),
  };
}
