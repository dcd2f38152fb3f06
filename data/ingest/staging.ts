/**
 * Where accepted rows wait for the lake: one DuckDB table per kind of row, in a file beside the
 * output.
 *
 * Rows come as JSON text, are collected to batches, and DuckDB reads each batch with typed columns.
 * That is faster than appending values one by one through the addon, and DuckDB's threads work while
 * this one parses the next batch. `row_no` numbers the rows of the run in reading order.
 */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { type Column, columnList } from '../contracts/columns.ts';
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
  #bytes = 0;
  #batch = 0;
  #nextRow = 0;
  #inFlight: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;

  private constructor(db: DuckDb, workDir: string) {
    this.db = db;
    this.#workDir = workDir;
  }

  /** @throws EdgeloomError `bad-output-path` */
  static async open(options: StagingOptions): Promise<Staging> {
    const { workDir } = options;
    // DuckDB puts the name of its log before the mark, as in an address: the folder would not exist.
    if (workDir.includes('?')) {
      throw new EdgeloomError({
        code: 'bad-output-path',
        what: 'DuckDB cannot keep a database in a folder with a question mark in its path',
        where: workDir,
        fix: 'choose an output folder without one',
        exitCode: 2,
      });
    }
    const db = await DuckDb.open({ ...options, tempDir: join(workDir, 'spill') });
    const staging = new Staging(db, workDir);
    await db.run(`attach ${sqlText(join(workDir, 'staging.duckdb'))} as staging`);
    await db.run('use staging');
    // Nothing here outlives the run.
    await db.run('set preserve_insertion_order = true');
    return staging;
  }

  /** Makes a table for rows with these columns; `row_no` is added. */
  async createTable(name: string, columns: readonly Column[]): Promise<void> {
    const all = [ROW_NO, ...columns];
    await this.db.run(`create table "${name}" (${columnList(all)})`);
    this.#tables.set(name, { name, columns: all, rows: new RowBuffer() });
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

  /** Starts loading a batch when it is full; waits only for the batch before it. */
  async breathe(): Promise<void> {
    if (this.#bytes >= BATCH_BYTES) await this.#startLoading();
  }

  /** Waits until every row is in its table. */
  async flush(): Promise<void> {
    await this.#startLoading();
    await this.#settled();
  }

  /** Takes back the rows from number `row` on. */
  async rewind(row: number): Promise<void> {
    await this.flush();
    for (const name of this.#tables.keys()) {
      await this.db.run(`delete from "${name}" where row_no >= ${row}`);
    }
    this.#nextRow = row;
  }

  async close(): Promise<void> {
    try {
      await this.#inFlight;
    } finally {
      this.db.close();
    }
  }

  async #startLoading(): Promise<void> {
    await this.#settled();
    const batches = [...this.#tables.values()]
      .filter((table) => table.rows.rows > 0)
      .map((table) => ({ ...table }));
    for (const table of this.#tables.values()) table.rows = new RowBuffer();
    this.#bytes = 0;
    this.#inFlight = this.#load(batches).catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  async #settled(): Promise<void> {
    await this.#inFlight;
    if (this.#failure) throw this.#failure.error;
  }

  async #load(batches: Table[]): Promise<void> {
    const batch = this.#batch++;
    for (const { name, columns, rows } of batches) {
      const path = join(this.#workDir, `${name}-${batch}.ndjson`);
      await writePieces(path, rows.pieces());
      const objectBytes = Math.max(MIN_OBJECT_BYTES, rows.longestRow + 1);
      const types = columns.map((column) => `${sqlText(inJson(column))}: ${sqlText(column.type)}`);
      const read =
        `read_json(${fileLiteral(path)}, format = 'newline_delimited', ` +
        `maximum_object_size = ${objectBytes}, columns = {${types.join(', ')}})`;
      const selected = columns.map((column) => `"${inJson(column)}"`).join(', ');
      await this.db.run(
        `insert into "${name}" select ${selected} from ${read}`,
        {},
        'loading rows',
      );
      await rm(path);
    }
  }
}
