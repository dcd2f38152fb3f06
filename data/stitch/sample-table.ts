/** Rows of samples as columns in memory, written group by group as Parquet. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Floats, Ints } from '../columns/growing.ts';
import { type ColumnData, ListShape, NULL_INT } from '../parquet/column.ts';
import type { CodedTexts } from '../parquet/dictionary.ts';
import type { ColumnSchema, ValueType } from '../parquet/schema.ts';
import { ParquetWriter } from '../parquet/writer.ts';

const VALUE_TYPES: Record<string, ValueType> = {
  VARCHAR: 'text',
  INTEGER: 'int32',
  UTINYINT: 'uint8',
  BIGINT: 'int64',
  DOUBLE: 'double',
  DATE: 'date',
};

/** A group is written when its longest column has about this many values. */
const GROUP_VALUES = 1 << 19;

export interface SampleColumns {
  /** DuckDB types by column: the declaration of `sample-schema.ts`. */
  types: Readonly<Record<string, string>>;
  /** The sequence that a list column belongs to; columns of one sequence are equally long. */
  sequenceOf: (column: string) => string;
  /** The texts behind the codes of a column; without one a text column takes strings. */
  dictionaryOf: (column: string) => CodedTexts | undefined;
}

/** One file of samples. Every column gets the same number of rows before `endRow` is called. */
export class SampleTable {
  rows = 0;
  readonly #path: string;
  readonly #columns: SampleColumns;
  readonly #schema: ColumnSchema[];
  readonly #numbers = new Map<string, Ints | Floats>();
  readonly #texts = new Map<string, (string | null)[]>();
  readonly #lengths = new Map<string, Ints>();
  #values = 0;
  #writer: ParquetWriter | undefined;

  constructor(path: string, columns: SampleColumns) {
    this.#path = path;
    this.#columns = columns;
    this.#schema = Object.entries(columns.types).map(([name, type]) => ({
      name,
      type: VALUE_TYPES[type.replace('[]', '')]!,
      list: type.endsWith('[]'),
    }));
    for (const { name, type, list } of this.#schema) {
      if (type === 'text' && !columns.dictionaryOf(name)) this.#texts.set(name, []);
      else
        this.#numbers.set(name, type === 'double' || type === 'int64' ? new Floats() : new Ints());
      if (list && !this.#lengths.has(columns.sequenceOf(name))) {
        this.#lengths.set(columns.sequenceOf(name), new Ints());
      }
    }
  }

  /** Whether a column takes strings. */
  get hasTexts(): boolean {
    return this.#texts.size > 0;
  }

  /** The values of a number or code column; undefined when the table does not have it. */
  numbers(name: string): Ints | Floats | undefined {
    return this.#numbers.get(name);
  }

  /** Appends one value; nothing when the table does not have the column. Null: NULL_INT, NaN, code −1. */
  set(name: string, value: number): void {
    this.#numbers.get(name)?.push(value);
  }

  setText(name: string, value: string | null): void {
    this.#texts.get(name)?.push(value);
  }

  /** How long the lists of a sequence are in this row. */
  setLength(sequence: string, length: number): void {
    this.#lengths.get(sequence)?.push(length);
    if (length > 0) this.#values += length;
  }

  /** @returns whether it is time to `flush` */
  endRow(): boolean {
    this.rows++;
    return this.#values > GROUP_VALUES;
  }

  /** Writes the rows so far. */
  async flush(): Promise<void> {
    const held = this.rows - (this.#writer?.rows ?? 0);
    if (held === 0) return;
    if (!this.#writer) {
      await mkdir(dirname(this.#path), { recursive: true });
      this.#writer = await ParquetWriter.create(this.#path, this.#schema);
    }
    const shapes = new Map([...this.#lengths].map(([name, n]) => [name, new ListShape(n.view())]));
    await this.#writer.group(
      held,
      this.#schema.map((column) => this.#data(column, shapes)),
    );
    for (const values of this.#numbers.values()) values.clear();
    for (const texts of this.#texts.values()) texts.length = 0;
    for (const lengths of this.#lengths.values()) lengths.clear();
    this.#values = 0;
  }

  #data({ name, list }: ColumnSchema, shapes: ReadonlyMap<string, ListShape>): ColumnData {
    const shape = list ? shapes.get(this.#columns.sequenceOf(name)) : undefined;
    const texts = this.#texts.get(name);
    if (texts) return { texts, shape };
    const numbers = this.#numbers.get(name)!.view();
    const dictionary = this.#columns.dictionaryOf(name);
    if (dictionary) return { codes: numbers as Int32Array, dictionary, shape };
    return { numbers, shape };
  }

  /** Ends the file; a table without rows leaves none. */
  async close(): Promise<void> {
    await this.flush();
    await this.#writer?.close();
  }

  async abandon(): Promise<void> {
    await this.#writer?.abandon();
  }
}

/** A flag, or null where the log cannot know. */
export const flag = (known: boolean, value: number): number => (known ? value : NULL_INT);
