/** A lake without some users: events, tables, rejects, and an account that says so. */
import { join } from 'node:path';
import type { RunOptions } from '../../lib/progress.ts';
import { textList } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { TABLE_KEYS } from '../ingest/table-sink.ts';
import {
  ACCOUNT_FILE,
  type LakeAccount,
  Removal,
  type RemovedRows,
  readAccount,
} from './lake-account.ts';
import {
  type Copying,
  copyingLake,
  eventFile,
  holdsUsers,
  REJECTS_FILE,
  takeOver,
  userTable,
  writeParquet,
} from './lake-files.ts';
import { rewriteRejects } from './reject-lines.ts';
import { isRejectOf } from './whose-reject.ts';

export interface EraseLakeOptions extends RunOptions {
  lakeDir: string;
  /** Absent or empty before. */
  outDir: string;
  /** Keys of the users, as the lake has them. */
  keys: Iterable<string>;
  /** Keys of an id under the secrets that the lake may have been made with. */
  keysOf: (id: string) => readonly string[];
}

export interface ErasedLake {
  removed: RemovedRows;
  account: LakeAccount;
  /** Nothing of the users was there: the copy is equal. */
  unchanged: boolean;
}

/** Rows of the users in each file that has some. */
async function countRows(
  { db, lakeDir }: Copying,
  paths: readonly string[],
): Promise<Map<string, number>> {
  if (paths.length === 0) return new Map();
  const places = paths.map((path) => join(lakeDir, path));
  const rows = await db.rows<{ filename: string; n: number }>(
    `select filename, count(*) as n
     from read_parquet([${places.map(fileLiteral).join(', ')}], filename = true,
       hive_partitioning = false, union_by_name = true)
     where user_key in (select user_key from erased) group by filename`,
  );
  const found = new Map(rows.map(({ filename, n }) => [filename, n]));
  return new Map(
    paths.flatMap((path, i) => {
      const n = found.get(places[i]!);
      return n ? [[path, n] as const] : [];
    }),
  );
}

/** Other users' rows stay as they are, in their order; a file that has none left is left out, as by ingest. */
async function eraseRows(
  copying: Copying,
  paths: readonly string[],
  told: (path: string, n: number) => void,
): Promise<Set<string>> {
  const counts = await countRows(copying, paths);
  for (const [path, n] of counts) {
    const file = fileLiteral(join(copying.lakeDir, path));
    const source = `read_parquet(${file}, hive_partitioning = false)`;
    const { total } = await copying.db.row<{ total: number }>(
      `select count(*) as total from ${source}`,
    );
    told(path, n);
    const table = userTable(path);
    if (total === n && !table) continue;
    const order = table ? TABLE_KEYS[table] : ['user_key', 'ts', 'event_id'];
    const rows = `select * from ${source} where user_key not in (select user_key from erased)`;
    await writeParquet(copying, `${rows} order by ${order.join(', ')}`, path);
  }
  return new Set(counts.keys());
}

/**
 * Fills `outDir` with the lake without the users. Erasing a and then b gives the bytes of erasing both.
 * @throws EdgeloomError `output-not-empty`, `account-does-not-balance`; then `outDir` is not there
 */
export async function eraseFromLake(options: EraseLakeOptions): Promise<ErasedLake> {
  const theirs = new Set(options.keys);
  const { lakeDir, outDir, keysOf, signal } = options;
  return copyingLake({ lakeDir, outDir, signal }, async (copying) => {
    const removal = new Removal();
    const keys = textList([...theirs]);
    await copying.db.createTable('erased', 'select unnest($keys::varchar[]) as user_key', { keys });
    const paths = copying.files.filter(holdsUsers);
    const changed = await eraseRows(copying, paths, (path, n) => {
      const table = userTable(path);
      const file = eventFile(path);
      if (table) removal.table(table, n);
      else if (file) removal.events(file.type, file.date, n);
    });
    await rewriteRejects(join(lakeDir, REJECTS_FILE), join(outDir, REJECTS_FILE), (reject) => {
      if (!isRejectOf(reject, (key) => theirs.has(key), keysOf)) return reject;
      removal.reject(reject);
      return undefined;
    });
    const written = new Set([...changed, REJECTS_FILE]);
    if (removal.any) written.add(ACCOUNT_FILE);
    for (const path of copying.files) if (!written.has(path)) await takeOver(copying, path);
    const before = await readAccount(lakeDir);
    const account = removal.any ? await removal.settle(before, outDir, 'erased') : before;
    return { removed: removal.rows, account, unchanged: !removal.any };
  });
}
