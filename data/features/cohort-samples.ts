/**
 * Samples of the kind `cohort`: each rerank row, and beside it what was known of its user strictly before
 * the row's date (cohort, clicks, exposures, stability statistics). A file for each file of rerank samples, at
 * the same path, its rows by user and time: what is sorted is one part of a day.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DuckDb, sqlText } from '../duckdb.ts';
import { viewSql } from '../stitch/lake-schema.ts';
import { RERANK_COLUMNS } from '../stitch/sample-schema.ts';
import type { Samples } from './open-samples.ts';
import { STATISTICS } from './user-statistics.ts';

/** Of the user before the date: null, all of them, when the cloud had not heard of the user. */
const USER_COLUMNS = {
  cohort: 'INTEGER',
  clicks: 'INTEGER',
  exposures: 'INTEGER',
  ...Object.fromEntries(STATISTICS.map((name) => [name, 'DOUBLE'])),
};
export const COHORT_COLUMNS: Record<string, string> = { ...RERANK_COLUMNS, ...USER_COLUMNS };

const USER = Object.entries(USER_COLUMNS)
  .map(([name, type]) => `u.${name}::${type} as ${name}`)
  .join(', ');

/** Rows are wide: a full row group of DuckDB's own size would take a gigabyte of memory. */
const ROW_GROUP = 8192;

/**
 * Writes `cohort/` of one date from the rerank samples and the table `user_statistics`.
 * @param folder of tensors
 * @returns the rows written
 */
export async function writeCohortSamples(
  db: DuckDb,
  { dir, files }: Samples,
  date: string,
  folder: string,
): Promise<number> {
  let written = 0;
  for (const path of files.filter((file) => file.startsWith(`rerank/date=${date}/`))) {
    await db.run(viewSql('rerank_file', RERANK_COLUMNS, [join(dir, path)]));
    const to = join(folder, path.replace('rerank', 'cohort'));
    await mkdir(dirname(to), { recursive: true });
    await db.run(
      `copy (select r.*, ${USER} from rerank_file r left join user_statistics u using (user_key, date)
         order by user_key, decision_ts, slate_id, part)
       to ${sqlText(to)} (format parquet, compression zstd, parquet_version v2, row_group_size ${ROW_GROUP})`,
    );
    const { n } = await db.row<{ n: number }>('select count(*)::integer as n from rerank_file');
    written += n;
  }
  return written;
}
