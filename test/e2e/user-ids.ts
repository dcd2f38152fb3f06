/** Looking for raw user ids in what a run wrote. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDb, sqlText } from '../../data/duckdb.ts';
import { listFiles } from '../../lib/files.ts';

const ID = /\bu\d{3,}\b/g;

/** The ids of a simulated log, from its events. */
export async function rawUserIds(logs: string, db: DuckDb): Promise<Set<string>> {
  const files = sqlText(join(logs, 'events', '**', '*.ndjson*'));
  const rows = await db.rows<{ user_id: string }>(
    `select distinct user_id from read_json(${files}, columns = {user_id: 'VARCHAR'}, format = 'newline_delimited')`,
  );
  return new Set(rows.map((row) => row.user_id));
}

/** A file's bytes as text; Parquet is compressed, so its rows instead. */
async function textOf(path: string, db: DuckDb): Promise<string> {
  if (!path.endsWith('.parquet')) return readFile(path, 'latin1');
  const rows = await db.rows<{ row: string }>(
    `select r::varchar as row from read_parquet(${sqlText(path)}) r`,
  );
  return rows.map(({ row }) => row).join('\n');
}

export const idsIn = (text: string, ids: ReadonlySet<string>): string[] =>
  [...new Set(text.match(ID) ?? [])].filter((id) => ids.has(id));

/** Files below a folder that hold a raw id; the quarantine `rejects.ndjson` is meant to. */
export async function filesWithIds(
  folder: string,
  ids: ReadonlySet<string>,
  db: DuckDb,
): Promise<{ looked: string[]; found: string[] }> {
  const looked: string[] = [];
  const found: string[] = [];
  for (const file of await listFiles(folder)) {
    if (file.endsWith('rejects.ndjson')) continue;
    looked.push(file);
    if (idsIn(await textOf(join(folder, file), db), ids).length > 0) found.push(file);
  }
  return { looked, found };
}
