/** A batch that fills while rows are visited. */
import type { Columns } from './columns.ts';
import { batchColumns, gatherRows } from './gather.ts';
import type { InputSpec } from './types.ts';

/** Rows on their way into a batch of one kind. */
export class OpenBatch {
  readonly #specs: Record<string, InputSpec>;
  readonly #rows: Int32Array;
  readonly #take: () => ArrayBuffer;
  #buffer: ArrayBuffer | undefined;
  /** Rows so far, and those of them that are in the buffer. */
  #count = 0;
  #written = 0;

  /** @param take gives a buffer with room for a batch */
  constructor(specs: Record<string, InputSpec>, batchSize: number, take: () => ArrayBuffer) {
    this.#specs = specs;
    this.#rows = new Int32Array(batchSize);
    this.#take = take;
  }

  get rows(): number {
    return this.#count;
  }

  /** @returns whether the batch is full */
  add(row: number): boolean {
    this.#rows[this.#count++] = row;
    return this.#count === this.#rows.length;
  }

  /** Copies the rows that were added since the last call; then the pool may be read anew. */
  write(stored: Columns): void {
    if (this.#written === this.#count) return;
    this.#buffer ??= this.#take();
    const size = this.#rows.length;
    const columns = batchColumns(this.#specs, this.#buffer, size, size);
    const rows = this.#rows.subarray(this.#written, this.#count);
    gatherRows(this.#specs, stored, rows, columns, this.#written);
    this.#written = this.#count;
  }

  /** The batch, all of whose rows are written. The next one begins. */
  end(): { buffer: ArrayBuffer; rows: number } {
    const batch = { buffer: this.#buffer!, rows: this.#count };
    this.drop();
    this.#buffer = undefined;
    return batch;
  }

  /** Forgets the rows. */
  drop(): void {
    this.#count = 0;
    this.#written = 0;
  }
}
