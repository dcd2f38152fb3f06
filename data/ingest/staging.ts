/** What the threads staged, as relations that DuckDB reads: for the keys, and to be sorted. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunOptions } from '../../lib/progress.ts';
import type { Column } from '../contracts/columns.ts';
import { type EventType, SCHEMA_VERSION } from '../contracts/device-log.ts';
import { DuckDb, sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { type HeldBlock, releasedBlock } from './held/block.ts';
import { SpilledBlocks } from './held/spilled-blocks.ts';
import type { Staged } from './staged-rows.ts';
import { inPasses, stagedColumns } from './staged-tables.ts';

// DuckDB allocates buffers of several times this size per thread, so it is fitted to the rows.
const MIN_OBJECT_BYTES = 2 ** 20;

/** A column that the lake does not have: the number of the row, in reading order. */
const ROW_NO: Column = { name: 'row_no', type: 'BIGINT' };

/** For this process only. */
const STAGED = 'format parquet, compression uncompressed, row_group_size 8192';

const inJson = ({ name }: Column): string => (name === 'user_key' ? 'user_id' : name);

export interface StagingOptions extends RunOptions {
  /** An existing folder that is removed by the caller. */
  workDir: string;
  buckets: number;
  memoryLimitMb: number;
  threads: number;
}

export class Staging {
  readonly db: DuckDb;
  readonly #columns: Map<string, Column[]>;
  readonly #files = new Map<string, string[]>();
  readonly #workDir: string;
  readonly #buckets: number;
  #held: HeldBlock[] = [];
  /** First row numbers of passes that were taken back. */
  readonly withdrawn: number[] = [];

  private constructor(db: DuckDb, workDir: string, buckets: number) {
    this.db = db;
    this.#workDir = workDir;
    this.#buckets = buckets;
    this.#columns = stagedColumns(buckets);
  }

  static async open(options: StagingOptions): Promise<Staging> {
    const { workDir, buckets } = options;
    const db = await DuckDb.open({ ...options, tempDir: join(workDir, 'spill') });
    // Every partition opens the staged files again.
    await db.run('set parquet_metadata_cache = true');
    return new Staging(db, workDir, buckets);
  }

  /** JSON becomes Parquet here; Parquet stays where it is. */
  async adopt(lanes: readonly Staged[]): Promise<void> {
    const json = new Map<string, { files: string[]; longestRow: number }>();
    for (const lane of lanes) {
      for (const { table, files, longestRow } of lane.json) {
        const known = json.get(table) ?? { files: [], longestRow: 0 };
        known.files.push(...files);
        known.longestRow = Math.max(known.longestRow, longestRow);
        json.set(table, known);
      }
      for (const { table, file } of lane.parquet) this.#add(table, file);
      this.withdrawn.push(...lane.withdrawn);
      this.#held.push(...lane.held);
    }
    for (const [table, { files, longestRow }] of json) {
      const rows = jsonRows(this.#columnsOf(table), files, longestRow);
      const path = join(this.#workDir, `${table}-json.parquet`);
      await this.db.run(`copy (${rows}) to ${sqlText(path)} (${STAGED})`, {}, 'reading rows');
      await Promise.all(files.map((file) => rm(file)));
      this.#add(table, path);
    }
  }

  /** Rows of an event type that wait in memory. @default those of all types */
  held(type?: EventType): readonly HeldBlock[] {
    return type ? this.#held.filter((block) => block.type === type) : this.#held;
  }

  /** Writes out what is held of a type, so that it is all in files. */
  spill(type: EventType): void {
    const spilled = new SpilledBlocks(this.#workDir, 'spilled', this.#buckets);
    for (const block of this.held(type)) spilled.add(releasedBlock(block));
    this.#held = this.#held.filter((block) => block.type !== type);
    for (const { table, file } of spilled.finish()) this.#add(table, file);
  }

  /** Parquet files with the rows of a table, those of passes that were taken back among them. */
  files(table: string): readonly string[] {
    return this.#files.get(table) ?? [];
  }

  /** A relation with the rows of a table; undefined when it has none. */
  source(table: string): string | undefined {
    const files = this.files(table);
    if (files.length === 0) return undefined;
    const kept = this.withdrawn.length > 0 ? ` where not ${inPasses(this.withdrawn)}` : '';
    return `(${parquetRows(table, this.#columnsOf(table), files)}${kept})`;
  }

  close(): void {
    this.db.close();
  }

  #columnsOf(table: string): Column[] {
    return [ROW_NO, ...this.#columns.get(table)!];
  }

  #add(table: string, file: string): void {
    this.#files.set(table, [...this.files(table), file]);
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
