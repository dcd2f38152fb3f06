/** Writes Parquet files group by group: plain columns, structs and lists, dictionary and delta encodings. */
import { type FileHandle, open } from 'node:fs/promises';
import { type ColumnData, encodeColumn } from './column.ts';
import { type ColumnSchema, schemaElements } from './schema.ts';
import { ByteBuffer, type ThriftValue, writeStruct } from './thrift.ts';

const MAGIC = new TextEncoder().encode('PAR1');

/** A file as pieces of bytes, to be written one behind the other: `start`, groups, `end`. */
export class ParquetEncoder {
  readonly #columns: readonly ColumnSchema[];
  readonly #groups: ThriftValue[] = [];
  #offset = MAGIC.length;
  #rows = 0;

  constructor(columns: readonly ColumnSchema[]) {
    this.#columns = columns;
  }

  get rows(): number {
    return this.#rows;
  }

  start(): Uint8Array[] {
    return [MAGIC];
  }

  /** `rows` ≥ 1 rows; `data` in the order of the columns. */
  group(rows: number, data: readonly ColumnData[]): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let end = this.#offset;
    const chunks: ThriftValue[] = this.#columns.map((schema, c) => {
      const start = end;
      const { bytes, length, meta } = encodeColumn(schema, data[c]!, rows, start);
      parts.push(...bytes);
      end += length;
      return { struct: { 2: { i64: start }, 3: { struct: meta } } };
    });
    this.#groups.push({
      struct: { 1: { list: chunks }, 2: { i64: end - this.#offset }, 3: { i64: rows } },
    });
    this.#rows += rows;
    this.#offset = end;
    return parts;
  }

  /** The footer. */
  end(): Uint8Array[] {
    const footer = new ByteBuffer(4096);
    writeStruct(footer, {
      1: { i32: 2 },
      2: { list: schemaElements(this.#columns) },
      3: { i64: this.#rows },
      4: { list: this.#groups },
      6: { text: 'edgeloom' },
    });
    const { length } = footer;
    for (let shift = 0; shift < 32; shift += 8) footer.byte((length >>> shift) & 255);
    footer.append(MAGIC);
    return [footer.view()];
  }
}

export class ParquetWriter {
  readonly #file: FileHandle;
  readonly #encoder: ParquetEncoder;

  private constructor(file: FileHandle, columns: readonly ColumnSchema[]) {
    this.#file = file;
    this.#encoder = new ParquetEncoder(columns);
  }

  /** Creates the file; it is no Parquet file before `close`. @throws when there is one already */
  static async create(path: string, columns: readonly ColumnSchema[]): Promise<ParquetWriter> {
    const writer = new ParquetWriter(await open(path, 'wx'), columns);
    await writer.#write(writer.#encoder.start());
    return writer;
  }

  get rows(): number {
    return this.#encoder.rows;
  }

  /** Writes `rows` ≥ 1 rows; `data` in the order of the columns. */
  async group(rows: number, data: readonly ColumnData[]): Promise<void> {
    await this.#write(this.#encoder.group(rows, data));
  }

  /** Writes the footer. */
  async close(): Promise<void> {
    await this.#write(this.#encoder.end());
    await this.#file.close();
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #write(parts: readonly Uint8Array[]): Promise<void> {
    const { bytesWritten } = await this.#file.writev([...parts]);
    const wanted = parts.reduce((sum, part) => sum + part.length, 0);
    // A disk that fills up writes a part and says nothing; what is left is tried again and then fails.
    if (bytesWritten < wanted) {
      await this.#file.writeFile(Buffer.concat(parts).subarray(bytesWritten));
    }
  }
}
