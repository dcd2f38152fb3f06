/**
 * Parquet files, read column by column: typed arrays, dictionary codes and bytes, no string a value. Reads
 * what `../writer.ts`, DuckDB, Arrow, polars and pandas write; says of the rest that it does not.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { EdgeloomError } from '../../../lib/errors.ts';
import { Damage, NotSupported, TooLarge } from './damage.ts';
import { type ColumnVector, decodeChunk, type ReadOptions } from './decode.ts';
import { type Chunk, type Footer, readFooter } from './footer.ts';

const MAGIC = 0x31524150;
const ENCRYPTED_MAGIC = 0x45524150;
/** Length of the footer and magic number. */
const TAIL_BYTES = 8;
/** Read at once from the end: holds the footer of most files. */
const FIRST_READ_BYTES = 1 << 16;
const MAX_FOOTER_BYTES = 2 ** 28;

/** An open file; `close` it. */
export class ParquetFile {
  readonly path: string;
  readonly rows: number;
  readonly leaves: Footer['leaves'];
  readonly groups: Footer['groups'];
  readonly createdBy: string | undefined;
  readonly #file: FileHandle;
  readonly #content: Uint8Array | undefined;

  /** @param content all of its bytes, when they are in memory */
  constructor(path: string, file: FileHandle, footer: Footer, content?: Uint8Array) {
    this.path = path;
    this.#file = file;
    this.#content = content;
    this.rows = footer.rows;
    this.leaves = footer.leaves;
    this.groups = footer.groups;
    this.createdBy = footer.createdBy;
  }

  /** Number of the leaf with this path (`candidates.list.element.item_id`); undefined when there is none. */
  leaf(path: string): number | undefined {
    const index = this.leaves.findIndex((leaf) => leaf.path.join('.') === path);
    return index < 0 ? undefined : index;
  }

  /**
   * Reads one leaf of one row group.
   * @throws EdgeloomError `bad-parquet` for damage, `parquet-not-supported` for what other readers may
   * know (`chunk.unsupported` says most of that beforehand), `number-too-large` for an INT64 beyond 2^53
   */
  async readColumn(group: number, leaf: number, options: ReadOptions = {}): Promise<ColumnVector> {
    const { rows, chunks } = this.groups[group]!;
    const chunk = chunks[leaf]!;
    const column = this.leaves[leaf]!;
    try {
      const bytes = await this.#readChunk(chunk);
      return decodeChunk(bytes, column, chunk, rows, options);
    } catch (error) {
      throw problem(error, this.path, `row group ${group}, column ${column.path.join('.')}`);
    }
  }

  async #readChunk(chunk: Chunk): Promise<Uint8Array> {
    if (chunk.unsupported) throw new NotSupported(chunk.unsupported);
    const { start, length } = chunk;
    if (this.#content) return this.#content.subarray(start, start + length);
    return readRange(this.#file, start, length);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

export interface OpenOptions {
  /** A file of at most so many bytes is read at once: one call instead of one a column chunk. @default 0 */
  wholeUpTo?: number;
}

/**
 * Opens a file and reads its footer.
 * @throws EdgeloomError `bad-parquet`, `parquet-not-supported`; what the file system says
 */
export async function openParquet(
  path: string,
  { wholeUpTo = 0 }: OpenOptions = {},
): Promise<ParquetFile> {
  const file = await open(path, 'r');
  try {
    const footer = await footerOf(file);
    const { size } = await file.stat();
    const content = size <= wholeUpTo ? await readRange(file, 0, size) : undefined;
    return new ParquetFile(path, file, footer, content);
  } catch (error) {
    await file.close();
    throw problem(error, path, 'the footer');
  }
}

async function footerOf(file: FileHandle): Promise<Footer> {
  const { size } = await file.stat();
  if (size < 4 + TAIL_BYTES) throw new Damage('the file is too short');
  const first = Math.min(size, FIRST_READ_BYTES);
  let tail = await readRange(file, size - first, first);
  const view = new DataView(tail.buffer, tail.byteOffset + first - TAIL_BYTES, TAIL_BYTES);
  const magic = view.getUint32(4, true);
  if (magic === ENCRYPTED_MAGIC) throw new NotSupported('an encrypted footer');
  if (magic !== MAGIC) throw new Damage('the file does not end as Parquet does');
  const length = view.getUint32(0, true);
  const dataEnd = size - TAIL_BYTES - length;
  if (dataEnd < 4) throw new Damage('the footer is longer than the file');
  if (length > MAX_FOOTER_BYTES) throw new NotSupported('a footer above 256 MiB');
  if (length + TAIL_BYTES > first) {
    tail = await readRange(file, dataEnd, length + TAIL_BYTES);
  }
  const start = tail.length - TAIL_BYTES - length;
  return readFooter(tail.subarray(start, start + length), dataEnd);
}

async function readRange(file: FileHandle, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, start + at);
    if (bytesRead === 0) throw new Damage('the file is shorter than it was');
    at += bytesRead;
  }
  return bytes;
}

function problem(error: unknown, path: string, place: string): unknown {
  const where = `${path}: ${place}`;
  const { message } = error as Error;
  if (error instanceof Damage) {
    const fix = 'write the file anew, or take it out';
    return new EdgeloomError({ code: 'bad-parquet', what: message, where, fix }, { cause: error });
  }
  if (error instanceof NotSupported) {
    const what = `this reader does not know ${message}`;
    const fix = 'read the file with DuckDB, or write it in a plainer form';
    return new EdgeloomError({ code: 'parquet-not-supported', what, where, fix }, { cause: error });
  }
  if (error instanceof TooLarge) {
    const fix = 'write the column as DOUBLE or text, or read it rounded';
    return new EdgeloomError(
      { code: 'number-too-large', what: message, where, fix },
      { cause: error },
    );
  }
  return error;
}
