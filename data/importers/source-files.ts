/** Files of a published data set, recognised by their columns and not by their names. */
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import type { DuckDb } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';

export interface SourceFile {
  /** Relative to the source folder. */
  path: string;
  columns: string[];
  /** SQL that reads it; the columns of a CSV are text. */
  relation: string;
}

function relationOf(path: string): string | undefined {
  if (/\.parquet$/.test(path))
    return `read_parquet(${fileLiteral(path)}, hive_partitioning = false)`;
  if (/\.csv(\.gz)?$/.test(path)) {
    return `read_csv(${fileLiteral(path)}, header = true, all_varchar = true, delim = ',', quote = '"')`;
  }
  return undefined;
}

/**
 * Every CSV and Parquet file of the folder with its columns, sorted by path.
 * @throws EdgeloomError `source-not-found`, or `unreadable-source` naming the file
 */
export async function sourceFiles(db: DuckDb, folder: string): Promise<SourceFile[]> {
  const paths = await listFiles(folder).catch((error: unknown) => {
    if (error instanceof EdgeloomError) throw error;
    throw new EdgeloomError(
      {
        code: 'source-not-found',
        what: 'The folder to import cannot be read',
        where: folder,
        fix: 'give the folder that holds the published files',
      },
      { cause: error },
    );
  });
  const files: SourceFile[] = [];
  for (const path of paths) {
    const relation = relationOf(join(folder, path));
    if (!relation) continue;
    try {
      const described = await db.rows<{ column_name: string }>(
        `describe select * from ${relation}`,
      );
      files.push({ path, relation, columns: described.map((column) => column.column_name) });
    } catch (error) {
      throw new EdgeloomError(
        {
          code: 'unreadable-source',
          what: `A source file cannot be read: ${(error as Error).message.split('\n')[0]}`,
          where: path,
          fix: 'download it again',
        },
        { cause: error },
      );
    }
  }
  return files;
}

export const hasColumns = (file: SourceFile, ...columns: string[]): boolean =>
  columns.every((column) => file.columns.includes(column));

/**
 * Reads the named columns of a file with their types; a column that the file lacks is null.
 * @param columns SQL types by column
 */
export function selectTyped(file: SourceFile, columns: Record<string, string>): string {
  const selected = Object.entries(columns).map(([column, type]) =>
    file.columns.includes(column)
      ? `cast("${column}" as ${type}) as "${column}"`
      : `null::${type} as "${column}"`,
  );
  return `select ${selected.join(', ')} from ${file.relation}`;
}
