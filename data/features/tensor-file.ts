/** A safetensors file written rows at a time, for tables that do not fit in memory. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAll } from '../write-all.ts';

export interface ColumnSpec {
  dtype: 'F32' | 'I32' | 'F64';
  /** Shape of one row. */
  shape: number[];
}

/** Rows of one column on their way to the file. */
export type ColumnBuffer = Float32Array | Int32Array | Float64Array;

const BUFFERS = { F32: Float32Array, I32: Int32Array, F64: Float64Array };

const width = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/**
 * Columns of `rows` rows each. Rows are filled into `buffers` (zeroed for every batch) and flushed in
 * order; the file has its name only when it is whole.
 */
export class TensorFile<Name extends string> {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #columns: { name: Name; start: number; rowBytes: number }[];
  readonly #rows: number;
  #done = 0;
  /** By column: room for `batchRows` rows, row-major. */
  readonly buffers: Record<Name, ColumnBuffer>;

  private constructor(
    path: string,
    temporary: string,
    file: FileHandle,
    columns: { name: Name; start: number; rowBytes: number }[],
    rows: number,
    buffers: Record<Name, ColumnBuffer>,
  ) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#columns = columns;
    this.#rows = rows;
    this.buffers = buffers;
  }

  static async create<Name extends string>(
    path: string,
    rows: number,
    specs: Record<Name, ColumnSpec>,
    batchRows: number,
  ): Promise<TensorFile<Name>> {
    const header: Record<string, unknown> = {};
    const columns: { name: Name; start: number; rowBytes: number }[] = [];
    const buffers = {} as Record<Name, ColumnBuffer>;
    let end = 0;
    for (const [name, { dtype, shape }] of Object.entries(specs) as [Name, ColumnSpec][]) {
      const start = end;
      const Kind = BUFFERS[dtype];
      const rowBytes = width(shape) * Kind.BYTES_PER_ELEMENT;
      end += rows * rowBytes;
      header[name] = { dtype, shape: [rows, ...shape], data_offsets: [start, end] };
      columns.push({ name, start, rowBytes });
      buffers[name] = new Kind(batchRows * width(shape));
    }
    let json = JSON.stringify(header);
    json += ' '.repeat((8 - (json.length % 8)) % 8);
    const prefix = Buffer.alloc(8 + json.length);
    prefix.writeBigUInt64LE(BigInt(json.length), 0);
    prefix.write(json, 8, 'latin1');
    for (const column of columns) column.start += prefix.length;

    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.partial-${randomBytes(6).toString('hex')}`;
    const file = await open(temporary, 'wx', 0o644);
    const tensors = new TensorFile(path, temporary, file, columns, rows, buffers);
    try {
      await writeAll(file, prefix, 0, path);
    } catch (error) {
      await tensors.abandon();
      throw error;
    }
    return tensors;
  }

  /** Writes the first `count` rows of the buffers and zeroes them. */
  async flush(count: number): Promise<void> {
    if (this.#done + count > this.#rows) {
      throw new RangeError(`${this.#path}: more than ${this.#rows} rows`);
    }
    for (const { name, start, rowBytes } of this.#columns) {
      const buffer = this.buffers[name];
      const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, count * rowBytes);
      await writeAll(this.#file, bytes, start + this.#done * rowBytes, this.#path);
      buffer.fill(0);
    }
    this.#done += count;
  }

  /** @throws RangeError when rows are missing */
  async finish(): Promise<void> {
    if (this.#done !== this.#rows) {
      throw new RangeError(`${this.#path}: ${this.#done} of ${this.#rows} rows`);
    }
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#temporary, this.#path);
  }

  async abandon(): Promise<void> {
    await this.#file.close();
    await rm(this.#temporary, { force: true });
  }
}
