/** Finds and removes staged rows that repeat an earlier one: the first in reading order stays. */
import type { Staging } from './staging.ts';

export interface DuplicateCounts {
  total: number;
  /** By the name of the staged table. */
  byTable: Map<string, number>;
  /** By the index of the file among `fileStarts`. */
  byFile: Map<number, number>;
}

/**
 * @param tables staged tables among which a key may occur once
 * @param key the columns of the key
 * @param fileStarts number of the first row of each file, in reading order
 */
export async function removeDuplicates(
  staging: Staging,
  tables: readonly string[],
  key: readonly string[],
  fileStarts: readonly number[],
): Promise<DuplicateCounts> {
  const { db } = staging;
  const columns = key.map((name) => `"${name}"`).join(', ');
  const keys = tables
    .map((table) => `select row_no, '${table}' as tab, ${columns} from "${table}"`)
    .join('\n  union all\n  ');
  // Grain: one row per surplus row. Aggregating first keeps the join to the few keys that repeat.
  await db.createTable(
    'duplicate',
    `with keyed as (
  ${keys}
), repeated as (
  select ${columns}, min(row_no) as first_row from keyed group by ${columns} having count(*) > 1
)
select row_no, tab from keyed join repeated using (${columns}) where row_no > first_row`,
  );
  const starts = fileStarts.map((start, index) => `(${index}, ${start})`).join(', ');
  const byFile = await db.rows<{ file: number; n: number }>(
    `select file, count(*) as n
     from duplicate asof join (values ${starts}) as f(file, start) on row_no >= start
     group by file order by file`,
  );
  const byTable = await db.rows<{ tab: string; n: number }>(
    'select tab, count(*) as n from duplicate group by tab order by tab',
  );
  for (const { tab } of byTable) {
    await db.run(`delete from "${tab}" where row_no in (select row_no from duplicate)`);
  }
  await db.run('drop table duplicate');
  return {
    total: byTable.reduce((sum, { n }) => sum + n, 0),
    byTable: new Map(byTable.map(({ tab, n }) => [tab, n])),
    byFile: new Map(byFile.map(({ file, n }) => [file, n])),
  };
}
