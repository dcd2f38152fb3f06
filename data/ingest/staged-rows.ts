/**
 * Accepted rows on their way to the lake, as files of one thread: row groups of Parquet from the line
 * reader and from Parquet logs, JSON lines for what was read the long way.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ColumnData as EncodedData } from '../parquet/column.ts';
import type { ColumnSchema } from '../parquet/schema.ts';
import { writeAll } from '../write-all.ts';
import { type ColumnData, ParquetFile, type SchemaNode } from './fast/parquet-file.ts';
import { StagedParquet } from './fast/staged-parquet.ts';
import { RowBuffer } from './row-buffer.ts';

const BATCH_BYTES = 16 * 2 ** 20;

/** What a thread staged; plain data. */
export interface StagedFiles {
  json: { table: string; files: string[]; longestRow: number }[];
  parquet: { table: string; file: string }[];
  /** First row numbers of passes that were taken back. */
  withdrawn: number[];
}

interface JsonTable {
  rows: RowBuffer;
  files: string[];
  longestRow: number;
}

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

export class StagedRows {
  readonly #workDir: string;
  readonly #lane: number;
  readonly #json = new Map<string, JsonTable>();
  readonly #parquet = new Map<string, ParquetFile>();
  readonly #groups = new Map<string, StagedParquet>();
  readonly #withdrawn: number[] = [];
  #bytes = 0;
  #batch = 0;

  /** @param workDir an existing folder @param lane tells apart what threads write there */
  constructor(workDir: string, lane: number) {
    this.#workDir = workDir;
    this.#lane = lane;
  }

  /**
   * @param json an object of the table's columns; the user's key is under `user_id`
   * @param members more columns as JSON members without braces: `"day":1,"bucket":2`
   */
  add(table: string, rowNo: number, json: string, members = ''): void {
    let known = this.#json.get(table);
    if (!known) {
      known = { rows: new RowBuffer(), files: [], longestRow: 0 };
      this.#json.set(table, known);
    }
    const before = known.rows.bytes;
    known.rows.add(`{"row_no":${rowNo}${members && `,${members}`}`, json);
    this.#bytes += known.rows.bytes - before;
  }

  addColumns(table: string, schema: SchemaNode[], rows: number, columns: ColumnData[]): void {
    let file = this.#parquet.get(table);
    if (!file) {
      file = new ParquetFile(join(this.#workDir, `${table}-${this.#lane}.parquet`), schema);
      this.#parquet.set(table, file);
    }
    file.append(rows, columns);
  }

  /** A row group of the table's columns. @param columns the same ones each time, in their order */
  addGroup(
    table: string,
    columns: readonly ColumnSchema[],
    rows: number,
    data: readonly EncodedData[],
  ): void {
    let file = this.#groups.get(table);
    if (!file) {
      file = new StagedParquet(
        join(this.#workDir, `${table}-${this.#lane}-groups.parquet`),
        columns,
      );
      this.#groups.set(table, file);
    }
    file.group(rows, data);
  }

  /** Takes back the rows of a pass. */
  withdraw(firstRowNo: number): void {
    this.#withdrawn.push(firstRowNo);
  }

  /** Writes out what has come together once it is worth it. */
  async breathe(): Promise<void> {
    if (this.#bytes >= BATCH_BYTES) await this.#flush();
  }

  /** Writes out every row. */
  async finish(): Promise<StagedFiles> {
    await this.#flush();
    for (const file of [...this.#parquet.values(), ...this.#groups.values()]) file.close();
    return {
      json: [...this.#json].map(([table, { files, longestRow }]) => ({ table, files, longestRow })),
      parquet: [
        ...[...this.#parquet].map(([table, { path }]) => ({ table, file: path })),
        ...[...this.#groups].map(([table, { path }]) => ({ table, file: path })),
      ],
      withdrawn: this.#withdrawn,
    };
  }

  async #flush(): Promise<void> {
    const batch = this.#batch++;
    for (const [name, table] of this.#json) {
      const { rows } = table;
      if (rows.rows === 0) continue;
      const path = join(this.#workDir, `${name}-${this.#lane}-${batch}.ndjson`);
      await writePieces(path, rows.pieces());
      table.files.push(path);
      table.longestRow = Math.max(table.longestRow, rows.longestRow);
      table.rows = new RowBuffer();
    }
    this.#bytes = 0;
  }
}
