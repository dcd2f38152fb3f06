/** Rows of a Parquet file as JSON text, so that they pass the same checks as lines do. */
import { randomUUID } from 'node:crypto';
import { type DuckDBConnection, DuckDBInstance, listValue } from '@duckdb/node-api';
import { sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';

const PLACES_AT_ONCE = 50_000;

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
 * @param places of the rows to read, from 0. @default all
 * @throws DuckDB's error when the file is not whole, possibly after some rows
 */
export async function* parquetRows(
  path: string,
  options: ParquetOptions,
  places?: Float64Array,
): AsyncGenerator<ParquetRow[], void, void> {
  const instance = await openDatabase(options);
  const connection = await instance.connect();
  try {
    const source = `read_parquet(${fileLiteral(path)}, hive_partitioning = false)`;
    // A column of the same name would stand for the row, so the row has a name that no column has.
    const row = `"${randomUUID()}"`;
    const result = places
      ? await numberedRows(connection, path, source, places)
      : await connection.stream(`select to_json(${row})::varchar from ${source} ${row}`);
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

/** Chosen rows as JSON without the number that stands beside them. */
async function numberedRows(
  connection: DuckDBConnection,
  path: string,
  source: string,
  places: Float64Array,
) {
  const described = await connection.runAndReadAll(`describe select * from ${source}`);
  const members = described.getRows().map(([column]) => {
    const name = String(column);
    return `${sqlText(name)}: "${name.replaceAll('"', '""')}"`;
  });
  await connection.run('create temp table place (n bigint)');
  for (let from = 0; from < places.length; from += PLACES_AT_ONCE) {
    const some = [...places.subarray(from, from + PLACES_AT_ONCE)];
    await connection.run('insert into place select unnest($places)::bigint', {
      places: listValue(some),
    });
  }
  return connection.stream(
    `select to_json({${members.join(', ')}})::varchar, file_row_number
     from read_parquet(${fileLiteral(path)}, hive_partitioning = false, file_row_number = true)
     where file_row_number in (select n from place)`,
  );
}
