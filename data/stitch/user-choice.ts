/** Some users of a bucket, and the users whose rows differ between two lakes. */
import { type DuckDb, textList } from '../duckdb.ts';
import type { LakeFile } from './lake.ts';
import { EVENT_COLUMNS, STITCHED_TYPES, type StitchedType, viewSql } from './lake-schema.ts';

/** Views `file_<type>` over the files, of these users only. */
export async function viewUsers(
  db: DuckDb,
  files: readonly LakeFile[],
  users: readonly string[],
): Promise<void> {
  const chosen = { users: textList(users) };
  await db.createTable('chosen_user', 'select unnest($users) as user_key', chosen);
  for (const type of STITCHED_TYPES) {
    const paths = files.filter((file) => file.type === type).map((file) => file.path);
    await db.run(viewSql(`all_${type}`, EVENT_COLUMNS[type], paths));
    await db.run(
      `create or replace temp view file_${type} as
       select * from all_${type} where user_key in (select user_key from chosen_user)`,
    );
  }
}

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
