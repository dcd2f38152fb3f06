/** Rows of a Parquet file as JSON text, so that they pass the same checks as lines do. */
import { DuckDBInstance } from '@duckdb/node-api';
import { sqlText } from '../duckdb.ts';

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
 * The rows in the file's order, some at a time, read by a database of its own so that nothing waits
 * for the one that stages rows.
 * @throws DuckDB's error when the file is not whole, possibly after some rows
 */
export async function* parquetRows(
  path: string,
  options: { tempDir: string; memoryLimitMb: number },
): AsyncGenerator<string[], void, void> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${options.memoryLimitMb}MB`,
    threads: '1',
    temp_directory: options.tempDir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  try {
    const source = `read_parquet(${sqlText(path)}, hive_partitioning = false)`;
    const result = await connection.stream(`select to_json(r)::varchar from ${source} r`);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) return;
      const column = chunk.getColumnVector(0);
      yield Array.from({ length: chunk.rowCount }, (_, row) => String(column.getItem(row)));
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
