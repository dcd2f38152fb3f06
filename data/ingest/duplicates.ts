/** Finds rows that repeat an earlier one: the first in reading order stays. */
import { FILE_OF_ROW } from './staged-tables.ts';
import type { Staging } from './staging.ts';

export interface DuplicateCounts {
  total: number;
  /** By the name of the staged table. */
  byTable: Map<string, number>;
  /** By the position of the file. */
  byFile: Map<number, number>;
}

/** Numbers of the surplus rows that were found last: `where row_no not in (select row_no from duplicate)`. */
export const DUPLICATES = 'duplicate';

/**
 * Fills the table `duplicate`, which every connection sees.
 *
 * Few keys repeat, so rows are first grouped by a hash of theirs, which takes a tenth of the memory;
 * only rows whose hash repeats are compared by the key itself.
 * @param tables staged tables among which a key may occur once
 * @param key the columns of the key
 */
export async function findDuplicates(
  staging: Staging,
  tables: readonly string[],
  key: readonly string[],
): Promise<DuplicateCounts> {
  const { db } = staging;
  const columns = key.map((name) => `"${name}"`).join(', ');
  const union = (select: (table: string) => string): string =>
    tables
      .flatMap((table) => {
        const source = staging.source(table);
        return source ? [`select ${select(table)} from ${source}`] : [];
      })
      .join('\n  union all\n  ');
  const hashes = union(() => `hash(${columns}) as h`);
  if (hashes === '') {
    await db.run(`create or replace table ${DUPLICATES} (row_no bigint)`);
    return { total: 0, byTable: new Map(), byFile: new Map() };
  }
  await db.createTable('repeated_hash', `select h from (${hashes}) group by h having count(*) > 1`);
  // Grain: one row per surplus row.
  await db.run(
    `create or replace table ${DUPLICATES} as
with suspected as materialized (
  select * from (
  ${union((table) => `row_no, '${table}' as tab, ${columns}`)}
  ) where hash(${columns}) in (select h from repeated_hash)
), repeated as (
  select ${columns}, min(row_no) as first_row from suspected group by ${columns} having count(*) > 1
)
select row_no, tab from suspected join repeated using (${columns}) where row_no > first_row`,
  );
  await db.run('drop table repeated_hash');
  const byFile = await db.rows<{ file: number; n: number }>(
    `select ${FILE_OF_ROW} as file, count(*) as n from ${DUPLICATES} group by file order by file`,
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
