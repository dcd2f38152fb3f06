/** Columns of staged rows in memory, and any of their rows as a file of the lake takes them. */
import { Floats, Ints } from '../../columns/growing.ts';
import { plainOf, TextIndex } from '../../columns/text-index.ts';
import { type ColumnData, ListShape, NULL_INT } from '../../parquet/column.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { LakeLeaf } from './leaves.ts';

/** What a column of a row group holds, and the definition level of a value that is there. */
export interface Source {
  vector: ColumnVector;
  maxDefinition: number;
}

/** The values of one leaf, elements of lists one behind the other. */
interface Values {
  /** @param source undefined: `count` nulls */
  append(source: Source | undefined, count: number): void;
  /** Of these elements, in this order. */
  data(places: Int32Array): ColumnData;
}

class Codes implements Values {
  readonly #index = new TextIndex();
  readonly #codes: Ints;

  get index(): TextIndex {
    return this.#index;
  }

  /** By row; −1 is null. */
  get codes(): Int32Array {
    return this.#codes.view();
  }

  constructor(room: number) {
    this.#codes = new Ints(room);
  }

  append(source: Source | undefined, count: number): void {
    if (!source) {
      this.#codes.fill(-1, count);
      return;
    }
    const { vector } = source;
    const out = this.#codes.reserve(count);
    const at = this.#codes.length;
    if (vector.kind === 'coded-texts') {
      const own = this.#index.codes(vector.dictionary);
      const { codes } = vector;
      for (let i = 0; i < count; i++) out[at + i] = codes[i]! < 0 ? -1 : own[codes[i]!]!;
    } else if (vector.kind === 'texts') {
      const { levels } = vector;
      const codes = this.#index.codes(vector.texts, levels, source.maxDefinition);
      out.set(codes, at);
    } else throw new TypeError('a staged column of texts holds something else');
    this.#codes.length += count;
  }

  data(places: Int32Array): ColumnData {
    return { codes: gatherInts(this.#codes.data, places), dictionary: this.#index };
  }
}

/** Texts of which hardly two are alike, none of them null. */
class UniqueTexts implements Values {
  #bytes = new Uint8Array(1024);
  #used = 0;
  readonly #starts: Ints;

  constructor(room: number) {
    this.#starts = new Ints(room + 1);
    this.#starts.push(0);
  }

  get texts() {
    return { bytes: this.#bytes, starts: this.#starts.view() };
  }

  append(source: Source | undefined, count: number): void {
    const vector = source?.vector;
    if (vector?.kind === 'texts') {
      const { bytes, starts } = vector.texts;
      const shift = this.#used - starts[0]!;
      this.#take(bytes.subarray(starts[0]!, starts[count]!));
      const out = this.#starts.reserve(count);
      const at = this.#starts.length;
      for (let i = 0; i < count; i++) out[at + i] = starts[i + 1]! + shift;
      this.#starts.length += count;
    } else if (vector?.kind === 'coded-texts') {
      const { bytes, starts } = vector.dictionary;
      for (let i = 0; i < count; i++) {
        const code = vector.codes[i]!;
        this.#take(bytes.subarray(starts[code]!, starts[code + 1]!));
        this.#starts.push(this.#used);
      }
    } else throw new TypeError('a staged row has no id');
  }

  #take(bytes: Uint8Array): void {
    const end = this.#used + bytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, end));
      larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#used);
    this.#used = end;
  }

  data(places: Int32Array): ColumnData {
    return { plain: plainOf(this.texts, places), count: places.length };
  }
}

class WholeNumbers implements Values {
  readonly #values: Ints;

  constructor(room: number) {
    this.#values = new Ints(room);
  }

  append(source: Source | undefined, count: number): void {
    if (!source) {
      this.#values.fill(NULL_INT, count);
      return;
    }
    const { vector } = source;
    if (vector.kind !== 'numbers') throw new TypeError('a column of numbers holds something else');
    const out = this.#values.reserve(count);
    const at = this.#values.length;
    const { numbers } = vector;
    if (numbers instanceof Int32Array) out.set(numbers, at);
    else {
      for (let i = 0; i < count; i++) {
        out[at + i] = Number.isNaN(numbers[i]!) ? NULL_INT : numbers[i]!;
      }
    }
    this.#values.length += count;
  }

  data(places: Int32Array): ColumnData {
    return { numbers: gatherInts(this.#values.data, places) };
  }
}

class Doubles implements Values {
  readonly values: Floats;

  constructor(room: number) {
    this.values = new Floats(room);
  }

  append(source: Source | undefined, count: number): void {
    if (!source) {
      this.values.fill(Number.NaN, count);
      return;
    }
    const { vector } = source;
    if (vector.kind !== 'numbers') throw new TypeError('a column of numbers holds something else');
    const out = this.values.reserve(count);
    const at = this.values.length;
    const { numbers, levels } = vector;
    out.set(numbers, at);
    if (levels && numbers instanceof Int32Array) {
      for (let i = 0; i < count; i++) {
        if (levels[i]! < source.maxDefinition) out[at + i] = Number.NaN;
      }
    }
    this.values.length += count;
  }

  data(places: Int32Array): ColumnData {
    const source = this.values.data;
    const out = new Float64Array(places.length);
    for (let i = 0; i < out.length; i++) out[i] = source[places[i]!]!;
    return { numbers: out };
  }
}

function gatherInts(source: Int32Array, places: Int32Array): Int32Array {
  const out = new Int32Array(places.length);
  for (let i = 0; i < out.length; i++) out[i] = source[places[i]!]!;
  return out;
}

function valuesFor({ type, unique }: LakeLeaf, room: number): Values {
  if (type === 'text') return unique ? new UniqueTexts(room) : new Codes(room);
  return type === 'int32' ? new WholeNumbers(room) : new Doubles(room);
}

/** Elements of rows, for lists: shared by the members of one struct. */
export interface Elements {
  shape: ListShape;
  places: Int32Array;
}

/** Nulls of a leaf. @param elements of the column's lists; when there are none, these are null */
export function nullData(leaf: LakeLeaf, rows: number, elements?: Elements): ColumnData {
  const values = valuesFor({ ...leaf, unique: false }, 0);
  if (!leaf.list) {
    values.append(undefined, rows);
    const data = values.data(Int32Array.from({ length: rows }, (_, row) => row));
    return leaf.member === undefined ? data : { ...data, inside: new Uint8Array(rows) };
  }
  const shape = elements?.shape ?? new ListShape(new Int32Array(rows).fill(-1));
  const places = elements?.places ?? new Int32Array(0);
  values.append(undefined, places.length);
  return { ...values.data(places.map((_, place) => place)), shape };
}

/** One leaf of the rows of a unit. */
export class UnitColumn {
  readonly leaf: LakeLeaf;
  readonly #values: Values;
  /** Of lists: where the elements of each row begin, and 0 where the list is null. */
  readonly #starts: Ints | undefined;
  readonly #there: Ints | undefined;
  /** Of structs outside of lists: 0 where the struct is null. */
  readonly #inside: Ints | undefined;
  #elements = 0;

  /** @param rows that will come, about */
  constructor(leaf: LakeLeaf, rows: number) {
    this.leaf = leaf;
    this.#values = valuesFor(leaf, rows);
    if (leaf.list) {
      this.#starts = new Ints(rows + 1);
      this.#starts.push(0);
      this.#there = new Ints(rows);
    } else if (leaf.member !== undefined) this.#inside = new Ints(rows);
  }

  /** @param source undefined when the file has no such column */
  append(source: Source | undefined, rows: number): void {
    if (!this.#starts) {
      this.#values.append(source, rows);
      this.#appendInside(source, rows);
      return;
    }
    const lists = source?.vector.lists;
    if (source && !lists) throw new TypeError(`${this.leaf.name} is staged without lists`);
    const count = lists ? lists.starts[rows]! : 0;
    this.#values.append(source, count);
    for (let row = 0; row < rows; row++) {
      this.#there!.push(lists && !lists.nulls?.[row] ? 1 : 0);
      this.#starts.push(this.#elements + (lists ? lists.starts[row + 1]! : 0));
    }
    this.#elements += count;
  }

  #appendInside(source: Source | undefined, rows: number): void {
    if (!this.#inside) return;
    const levels = source?.vector.levels;
    for (let row = 0; row < rows; row++) {
      this.#inside.push(source && (!levels || levels[row]! > 0) ? 1 : 0);
    }
  }

  /** Elements of the lists of these rows. */
  elements(rows: Int32Array): Elements {
    const [starts, there] = [this.#starts!.data, this.#there!.data];
    const lengths = new Int32Array(rows.length);
    let count = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const length = starts[row + 1]! - starts[row]!;
      lengths[i] = there[row] ? length : -1;
      count += length;
    }
    const places = new Int32Array(count);
    let at = 0;
    for (let i = 0; i < rows.length; i++) {
      const end = starts[rows[i]! + 1]!;
      for (let place = starts[rows[i]!]!; place < end; place++) places[at++] = place;
    }
    return { shape: new ListShape(lengths), places };
  }

  /** @param elements of lists, those of the rows */
  data(rows: Int32Array, elements: Elements | undefined): ColumnData {
    if (elements) return { ...this.#values.data(elements.places), shape: elements.shape };
    const data = this.#values.data(rows);
    if (!this.#inside) return data;
    return { ...data, inside: Uint8Array.from(rows, (row) => this.#inside!.data[row]!) };
  }

  /** Numbers of a column of BIGINT or DOUBLE. */
  get numbers(): Float64Array {
    return (this.#values as Doubles).values.data;
  }

  /** Texts of a unique column. */
  get texts() {
    return (this.#values as UniqueTexts).texts;
  }

  /** Codes and texts of a column that is not unique. */
  get coded() {
    return this.#values as Codes;
  }
}
