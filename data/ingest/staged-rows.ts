/**
 * Accepted rows of one thread on their way to the lake: rows of Parquet logs in memory while there is room,
 * and files of Parquet for the rest of them and for what the line reader read, of JSON lines for what was
 * read the long way.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAll } from '../write-all.ts';
import { type ColumnData, ParquetFile, type SchemaNode } from './fast/parquet-file.ts';
import type { Block, HeldBlock } from './held/block.ts';
import { HeldBlocks, type HoldLimit } from './held/held-blocks.ts';
import { SpilledBlocks } from './held/spilled-blocks.ts';
import { RowBuffer } from './row-buffer.ts';

const BATCH_BYTES = 16 * 2 ** 20;

/** What a thread staged; plain data. */
export interface Staged {
  held: HeldBlock[];
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
  readonly #held: HeldBlocks;
  readonly #spilled: SpilledBlocks;
  readonly #withdrawn: number[] = [];
  #bytes = 0;
  #batch = 0;

  /** @param workDir an existing folder @param lane tells apart what threads write there */
  constructor(workDir: string, lane: number, buckets: number, limit: HoldLimit) {
    this.#workDir = workDir;
    this.#lane = lane;
    this.#held = new HeldBlocks(limit);
    this.#spilled = new SpilledBlocks(workDir, `${lane}-blocks`, buckets);
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

  addBlock(block: Block): void {
    if (!this.#held.take(block)) this.#spilled.add(block);
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
  async finish(): Promise<Staged> {
    await this.#flush();
    for (const file of this.#parquet.values()) file.close();
    return {
      held: this.#held.finish(),
      json: [...this.#json].map(([table, { files, longestRow }]) => ({ table, files, longestRow })),
      parquet: [
        ...[...this.#parquet].map(([table, { path }]) => ({ table, file: path })),
        ...this.#spilled.finish(),
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
