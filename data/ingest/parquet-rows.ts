/** Rows of a Parquet file as JSON text, so that they pass the same checks as lines do. */
import { randomUUID } from 'node:crypto';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';

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
 * DuckDB writes NaN and infinities bare, which is not JSON. They become 1e999, which parses as
 * infinity, so that the contract refuses the field and not the parser the row. Strings stay.
 */
export const withNumbers = (text: string): string =>
  /nan|inf/i.test(text)
    ? text.replace(/"(?:[^"\\]|\\.)*"|-?(?:nan|inf(?:inity)?)/gi, (token) =>
        token.startsWith('"') ? token : '1e999',
      )
    : text;

interface ParquetOptions {
  tempDir: string;
  memoryLimitMb: number;
}

/** A database of its own, so that nothing waits for the one that stages rows. */
const openDatabase = ({ tempDir, memoryLimitMb }: ParquetOptions): Promise<DuckDBInstance> =>
  DuckDBInstance.create(':memory:', {
    memory_limit: `${memoryLimitMb}MB`,
    threads: '1',
    temp_directory: tempDir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });

/** Rows that the file's footer names, whether or not they can be read; null without such a footer. */
export async function parquetRowCount(
  path: string,
  options: ParquetOptions,
): Promise<number | null> {
  const instance = await openDatabase(options);
  const connection = await instance.connect();
  try {
    const source = `parquet_file_metadata(${fileLiteral(path)})`;
    const reader = await connection.runAndReadAll(`select num_rows::double from ${source}`);
    const rows = Number(reader.getRows()[0]?.[0]);
    return Number.isSafeInteger(rows) && rows >= 0 ? rows : null;
  } catch {
    return null;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A row and its number, from 1. */
export interface ParquetRow {
  number: number;
  text: string;
}

/**
 * Rows in the file's order, some at a time.
 * @param condition on the columns; all rows when there is none
 * @throws DuckDB's error when the file is not whole, possibly after some rows
 */
export async function* parquetRows(
  path: string,
  options: ParquetOptions,
  condition = 'true',
): AsyncGenerator<ParquetRow[], void, void> {
  const instance = await openDatabase(options);
  const connection = await instance.connect();
  try {
    const source = `read_parquet(${fileLiteral(path)}, hive_partitioning = false)`;
    // A column of the same name would stand for the row, so the row has a name that no column has.
    const row = `"${randomUUID()}"`;
    const result = await connection.stream(
      condition === 'true'
        ? `select to_json(${row})::varchar from ${source} ${row}`
        : await numberedRows(connection, path, source, condition),
    );
    for (let number = 0; ; ) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) return;
      const texts = chunk.getColumnVector(0);
      const numbers = chunk.columnCount > 1 ? chunk.getColumnVector(1) : undefined;
      yield Array.from({ length: chunk.rowCount }, (_, i) => {
        number = numbers ? Number(numbers.getItem(i)) + 1 : number + 1;
        return { number, text: String(texts.getItem(i)) };
      });
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The row as JSON without the number that stands beside it. */
async function numberedRows(
  connection: DuckDBConnection,
  path: string,
  source: string,
  condition: string,
): Promise<string> {
  const described = await connection.runAndReadAll(`describe select * from ${source}`);
  const members = described.getRows().map(([column]) => {
    const name = String(column);
    return `${sqlText(name)}: "${name.replaceAll('"', '""')}"`;
  });
  return `select to_json({${members.join(', ')}})::varchar, file_row_number
    from read_parquet(${fileLiteral(path)}, hive_partitioning = false, file_row_number = true)
    where ${condition}`;
}
