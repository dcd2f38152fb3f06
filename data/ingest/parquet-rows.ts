/** Rows of a Parquet file as JSON text, so that they pass the same checks as lines do. */
import { DuckDb, sqlText } from '../duckdb.ts';

/** Drops null fields at every depth: in a file with one column per field, null means absent. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}

/**
 * The rows in the file's order.
 * @throws DuckDB's error when the file is not whole, possibly after some rows
 */
export async function* parquetRows(
  path: string,
  options: { tempDir: string; memoryLimitMb: number; signal?: AbortSignal | undefined },
): AsyncGenerator<string[], void, void> {
  const db = await DuckDb.open({ ...options, threads: 1 });
  try {
    const source = `read_parquet(${sqlText(path)}, hive_partitioning = false)`;
    for await (const chunk of db.chunks(`select to_json(r)::varchar as row from ${source} r`)) {
      const column = chunk.getColumnVector(0);
      yield Array.from({ length: chunk.rowCount }, (_, i) => String(column.getItem(i)));
    }
  } finally {
    db.close();
  }
}
