/** The users whose rows differ between two lakes. */
import type { DuckDb } from '../duckdb.ts';
import { EVENT_COLUMNS, type StitchedType, viewSql } from './lake-schema.ts';

/** Users with a row that one of two sets of files has and the other has not, sorted. */
export async function changedUsers(
  db: DuckDb,
  type: StitchedType,
  before: readonly string[],
  after: readonly string[],
): Promise<string[]> {
  await db.run(viewSql('rows_before', EVENT_COLUMNS[type], before));
  await db.run(viewSql('rows_after', EVENT_COLUMNS[type], after));
  const rows = await db.rows<{ user_key: string }>(
    `select distinct user_key from (
       (from rows_before except all from rows_after)
       union all by name
       (from rows_after except all from rows_before)
     ) order by user_key`,
  );
  return rows.map(({ user_key }) => user_key);
}
