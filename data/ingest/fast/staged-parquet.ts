/** Parquet files of this process, row group by row group: columns with dictionaries. */
import { closeSync, openSync, writevSync } from 'node:fs';
import type { ColumnData } from '../../parquet/column.ts';
import type { ColumnSchema } from '../../parquet/schema.ts';
import { ParquetEncoder } from '../../parquet/writer.ts';
import { diskFull } from '../../write-all.ts';

/** Readable after `close`. */
export class StagedParquet {
  readonly path: string;
  readonly #encoder: ParquetEncoder;

  constructor(path: string, columns: readonly ColumnSchema[]) {
    this.path = path;
    this.#encoder = new ParquetEncoder(columns);
    this.#write(this.#encoder.start());
  }

  group(rows: number, data: readonly ColumnData[]): void {
    this.#write(this.#encoder.group(rows, data));
  }

  close(): void {
    this.#write(this.#encoder.end());
  }

  /** Opened for each write: a run has more tables than it may have open files. */
  #write(pieces: readonly Uint8Array[]): void {
    const file = openSync(this.path, 'a', 0o600);
    try {
      const wanted = pieces.reduce((sum, { length }) => sum + length, 0);
      let done = writevSync(file, [...pieces]);
      if (done === wanted) return;
      const bytes = Buffer.concat(pieces);
      while (done < wanted) done += writevSync(file, [bytes.subarray(done)]);
    } catch (error) {
      throw diskFull(error, this.path);
    } finally {
      closeSync(file);
    }
  }
}
