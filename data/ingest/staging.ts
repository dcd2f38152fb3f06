/** What the threads staged, as relations that DuckDB reads: for the keys, and to be sorted. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunOptions } from '../../lib/progress.ts';
import type { Column } from '../contracts/columns.ts';
import { SCHEMA_VERSION } from '../contracts/device-log.ts';
import { DuckDb, sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import type { StagedFiles } from './staged-rows.ts';
import { inPasses, stagedColumns } from './staged-tables.ts';

// DuckDB allocates buffers of several times this size per thread, so it is fitted to the rows.
const MIN_OBJECT_BYTES = 2 ** 20;

/** A column that the lake does not have: the number of the row, in reading order. */
const ROW_NO: Column = { name: 'row_no', type: 'BIGINT' };

const inJson = ({ name }: Column): string => (name === 'user_key' ? 'user_id' : name);

export interface StagingOptions extends RunOptions {
  /** An existing folder that is removed by the caller. */
  workDir: string;
  buckets: number;
  memoryLimitMb: number;
  threads: number;
}

interface Sources {
  /** Whether a table of the database holds rows that came as JSON. */
  parsed: boolean;
  parquet: string[];
}

export class Staging {
  readonly db: DuckDb;
  readonly #columns: Map<string, Column[]>;
  readonly #sources = new Map<string, Sources>();
  readonly #withdrawn: number[] = [];

  private constructor(db: DuckDb, buckets: number) {
    this.db = db;
    this.#columns = stagedColumns(buckets);
  }

  static async open(options: StagingOptions): Promise<Staging> {
    const { workDir, buckets } = options;
    const db = await DuckDb.open({ ...options, tempDir: join(workDir, 'spill') });
    // Every partition opens the staged files again.
    await db.run('set parquet_metadata_cache = true');
    return new Staging(db, buckets);
  }

  /** JSON is parsed here, once; Parquet stays where it is. */
  async adopt(lanes: readonly StagedFiles[]): Promise<void> {
    const json = new Map<string, { files: string[]; longestRow: number }>();
    for (const lane of lanes) {
      for (const { table, files, longestRow } of lane.json) {
        const known = json.get(table) ?? { files: [], longestRow: 0 };
        known.files.push(...files);
        known.longestRow = Math.max(known.longestRow, longestRow);
        json.set(table, known);
      }
      for (const { table, file } of lane.parquet) this.#sourceOf(table).parquet.push(file);
      this.#withdrawn.push(...lane.withdrawn);
    }
    for (const [table, { files, longestRow }] of json) {
      const rows = jsonRows(this.#columnsOf(table), files, longestRow);
      await this.db.run(`create table "${table}" as ${rows}`, {}, 'reading rows');
      await Promise.all(files.map((file) => rm(file)));
      this.#sourceOf(table).parsed = true;
    }
  }

  /** A relation with the rows of a table; undefined when it has none. */
  source(table: string): string | undefined {
    const { parsed, parquet } = this.#sourceOf(table);
    const parts: string[] = [];
    if (parquet.length > 0) parts.push(parquetRows(table, this.#columnsOf(table), parquet));
    if (parsed) parts.push(`select * from "${table}"`);
    if (parts.length === 0) return undefined;
    const kept = this.#withdrawn.length > 0 ? ` where not ${inPasses(this.#withdrawn)}` : '';
    return `(select * from (${parts.join('\n union all\n')})${kept})`;
  }

  close(): void {
    this.db.close();
  }

  #columnsOf(table: string): Column[] {
    return [ROW_NO, ...this.#columns.get(table)!];
  }

  #sourceOf(table: string): Sources {
    let source = this.#sources.get(table);
    if (!source) {
      source = { parsed: false, parquet: [] };
      this.#sources.set(table, source);
    }
    return source;
  }
}

function parquetRows(table: string, columns: readonly Column[], files: readonly string[]): string {
  // `event_<type>_<group>`: what all rows share is not staged.
  const constants = new Map([
    ['type', sqlText(table.replace(/^event_(.*)_\d+$/, '$1'))],
    ['schema_version', `${SCHEMA_VERSION}::INTEGER`],
  ]);
  const selected = columns.map(({ name }) => {
    const constant = constants.get(name);
    return constant ? `${constant} as "${name}"` : `"${name}"`;
  });
  return `select ${selected.join(', ')}
  from read_parquet([${files.map(fileLiteral).join(', ')}], hive_partitioning = false)`;
}

function jsonRows(
  columns: readonly Column[],
  files: readonly string[],
  longestRow: number,
): string {
  const objectBytes = Math.max(MIN_OBJECT_BYTES, longestRow + 1);
  const types = columns.map((column) => `${sqlText(inJson(column))}: ${sqlText(column.type)}`);
  const selected = columns.map((column) =>
    inJson(column) === column.name ? `"${column.name}"` : `"${inJson(column)}" as "${column.name}"`,
  );
  return `select ${selected.join(', ')}
  from read_json([${files.map(fileLiteral).join(', ')}], format = 'newline_delimited',
    maximum_object_size = ${objectBytes}, columns = {${types.join(', ')}})`;
}
