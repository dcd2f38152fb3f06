/** Stored columns of a pool of rows in memory, used again for the next pool. */
import { EdgeloomError } from '../../lib/errors.ts';
import { emptyTensorData, type NamedTensor, type SafetensorsFile } from '../../lib/safetensors.ts';
import type { Columns } from './columns.ts';
import type { Block } from './row-order.ts';

/** Room for some rows of some columns. */
export class RowPool {
  /** One after the other; rows past those that were read last hold what stood there before. */
  readonly columns: Columns;

  /**
   * @param file gives dtypes and widths, which those that are read later must have
   * @param rows room for so many
   */
  constructor(file: SafetensorsFile, names: readonly string[], rows: number) {
    this.columns = Object.fromEntries(
      names.map((name) => {
        const shape = [rows, ...file.shape(name).slice(1)];
        const values = shape.reduce((product, size) => product * size, 1);
        return [name, { shape, data: emptyTensorData(file.dtype(name), values) }];
      }),
    );
  }

  /**
   * Reads runs of rows. All runs are asked for at once: a disk answers several together.
   * @param files that `file` of a run names by place
   * @param whenRead called with the columns of every run
   */
  async read(
    files: readonly SafetensorsFile[],
    runs: readonly Block[],
    whenRead?: (columns: Columns, run: Block) => void,
  ): Promise<Columns> {
    let first = 0;
    const reads = runs.map(async (run) => {
      const columns = this.#part(first, run.to - run.from);
      first += run.to - run.from;
      for (const [name, { data }] of Object.entries(columns)) {
        await files[run.file]!.readInto(name, run.from, data);
      }
      whenRead?.(columns, run);
    });
    // All of them end before the room is used again, also when one fails.
    const ends = await Promise.allSettled(reads);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    return this.columns;
  }

  #part(first: number, rows: number): Columns {
    return Object.fromEntries(
      Object.entries(this.columns).map(([name, { shape, data }]): [string, NamedTensor] => {
        const width = data.length / shape[0]!;
        const part = data.subarray(first * width, (first + rows) * width);
        return [name, { shape: [rows, ...shape.slice(1)], data: part }];
      }),
    );
  }
}

/**
 * Columns must be there, with the same dtype and width in every file, before any row is read.
 * @throws EdgeloomError `bad-samples` naming file and column
 */
export function checkFiles(files: readonly SafetensorsFile[], names: readonly string[]): void {
  const bad = (what: string, where: string) =>
    new EdgeloomError({ code: 'bad-samples', what, where, fix: 'run the features stage again' });
  const kindOf = (file: SafetensorsFile, name: string) =>
    `${file.dtype(name)} [${file.shape(name).slice(1)}]`;
  for (const file of files) {
    const present = new Set(file.names());
    for (const name of names) {
      if (!present.has(name)) throw bad(`The samples have no column ${name}`, file.path);
      const kind = kindOf(file, name);
      const first = kindOf(files[0]!, name);
      if (kind === first) continue;
      throw bad(`${name} has rows of ${kind}, other days' are of ${first}`, file.path);
    }
  }
}
