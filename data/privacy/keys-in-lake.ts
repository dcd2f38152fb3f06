/** Which of some users a lake knows. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { listFiles } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { DuckDb, textList } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import type { Reject } from '../ingest/rejects.ts';
import { holdsUsers, REJECTS_FILE } from './lake-files.ts';

/**
 * Those of the keys that have a row in the lake, or a refused row whose user could be read.
 * @param tempDir where DuckDB may spill
 */
export async function keysInLake(
  lakeDir: string,
  keys: readonly string[],
  options: RunOptions & { tempDir: string },
): Promise<Set<string>> {
  const files = await listFiles(lakeDir);
  const found = new Set<string>();
  const paths = files.filter(holdsUsers).map((path) => fileLiteral(join(lakeDir, path)));
  if (paths.length > 0) {
    const db = await DuckDb.open(options);
    try {
      const rows = await db.rows<{ user_key: string }>(
        `select distinct user_key from read_parquet([${paths.join(', ')}], hive_partitioning = false, union_by_name = true)
         where user_key in (select unnest($keys::varchar[]))`,
        { keys: textList(keys) },
      );
      for (const { user_key } of rows) found.add(user_key);
    } finally {
      db.close();
    }
  }
  if (!files.includes(REJECTS_FILE)) return found;
  const asked = new Set(keys);
  const input = createReadStream(join(lakeDir, REJECTS_FILE));
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const key = line === '' ? null : (JSON.parse(line) as Reject).user_key;
    if (key !== null && asked.has(key)) found.add(key);
  }
  return found;
}
