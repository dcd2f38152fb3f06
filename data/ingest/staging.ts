/**
 * Where accepted rows wait for the lake: files of JSON lines beside the output, by kind of row, which
 * DuckDB reads with typed columns. They are read once for the keys and once to be sorted: a table in
 * between would cost more than it saves. `row_no` numbers the rows of the run in reading order.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunOptions } from '../../lib/progress.ts';
import type { Column } from '../contracts/columns.ts';
import { DuckDb, sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { writeAll } from '../write-all.ts';
import { RowBuffer } from './row-buffer.ts';

const BATCH_BYTES = 16 * 2 ** 20;
// DuckDB allocates buffers of several times this size per thread, so it is fitted to the batch.
const MIN_OBJECT_BYTES = 2 ** 20;

/** Columns that the lake does not have. */
const ROW_NO: Column = { name: 'row_no', type: 'BIGINT' };

const inJson = ({ name }: Column): string => (name === 'user_key' ? 'user_id' : name);

async function writePieces(path: string, pieces: readonly Buffer[]): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    let at = 0;
    for (const piece of pieces) {
      await writeAll(file, piece, at, path);
      at += piece.length;
    }
  } finally {
    await file.close();
  }
}

interface Table {
  name: string;
  columns: Column[];
  rows: RowBuffer;
  /** What was flushed. */
  files: string[];
  longestRow: number;
}

export interface StagingOptions extends RunOptions {
  /** An existing folder that is removed by the caller. */
  workDir: string;
  memoryLimitMb: number;
  threads: number;
}

export class Staging {
  readonly db: DuckDb;
  readonly #workDir: string;
  readonly #tables = new Map<string, Table>();
  /** Row numbers that were taken back, both ends included. */
  readonly #withdrawn: [first: number, last: number][] = [];
  #bytes = 0;
  #batch = 0;
  #nextRow = 0;

  private constructor(db: DuckDb, workDir: string) {
    this.db = db;
    this.#workDir = workDir;
  }

  static async open(options: StagingOptions): Promise<Staging> {
    const { workDir } = options;
    const db = await DuckDb.open({ ...options, tempDir: join(workDir, 'spill') });
    return new Staging(db, workDir);
  }

  /** Makes a table for rows with these columns; `row_no` is added. */
  createTable(name: string, columns: readonly Column[]): void {
    const all = [ROW_NO, ...columns];
    this.#tables.set(name, { name, columns: all, rows: new RowBuffer(), files: [], longestRow: 0 });
  }

  /** The number that the next row will get. */
  get nextRow(): number {
    return this.#nextRow;
  }

  /**
   * @param json an object of the table's columns; the user's key is under `user_id`
   * @param members more columns as JSON members without braces: `"day":1,"bucket":2`
   */
  add(table: string, json: string, members = ''): void {
    const { rows } = this.#tables.get(table)!;
    const before = rows.bytes;
    rows.add(`{"row_no":${this.#nextRow++}${members && `,${members}`}`, json);
    this.#bytes += rows.bytes - before;
  }

  /** Writes out what has come together once it is worth it. */
  async breathe(): Promise<void> {
    if (this.#bytes >= BATCH_BYTES) await this.flush();
  }

  /** Writes out every row. */
  async flush(): Promise<void> {
    const batch = this.#batch++;
    for (const table of this.#tables.values()) {
      const { name, rows } = table;
      if (rows.rows === 0) continue;
      const path = join(this.#workDir, `${name}-${batch}.ndjson`);
      await writePieces(path, rows.pieces());
      table.files.push(path);
      table.longestRow = Math.max(table.longestRow, rows.longestRow);
      table.rows = new RowBuffer();
    }
    this.#bytes = 0;
  }

  /** Takes back the rows from number `row` on. Their numbers are not given again. */
  rewind(row: number): void {
    if (this.#nextRow > row) this.#withdrawn.push([row, this.#nextRow - 1]);
  }

  /** A relation with the rows of a table, as far as they are flushed; undefined when it has none. */
  source(table: string): string | undefined {
    const { columns, files, longestRow } = this.#tables.get(table)!;
    if (files.length === 0) return undefined;
    const objectBytes = Math.max(MIN_OBJECT_BYTES, longestRow + 1);
    const types = columns.map((column) => `${sqlText(inJson(column))}: ${sqlText(column.type)}`);
    const selected = columns.map((column) =>
      inJson(column) === column.name
        ? `"${column.name}"`
        : `"${inJson(column)}" as "${column.name}"`,
    );
    const kept = this.#withdrawn.map(([first, last]) => `row_no not between ${first} and ${last}`);
    return `(select ${selected.join(', ')}
  from read_json([${files.map(fileLiteral).join(', ')}], format = 'newline_delimited',
    maximum_object_size = ${objectBytes}, columns = {${types.join(', ')}})
  where ${kept.join(' and ') || 'true'})`;
  }

  close(): void {
    this.db.close();
  }
}
