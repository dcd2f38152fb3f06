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

type Coded = Extract<ColumnVector, { kind: 'coded-texts' }>;

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
      this.#recode(vector, count, out, at);
    } else if (vector.kind === 'texts') {
      const { levels } = vector;
      const codes = this.#index.codes(vector.texts, levels, source.maxDefinition);
      out.set(codes, at);
    } else throw new TypeError('a staged column of texts holds something else');
    this.#codes.length += count;
  }

  /** Looks at those texts only that there are codes of: a dictionary may be of many more rows. */
  #recode({ codes, dictionary }: Coded, count: number, out: Int32Array, at: number): void {
    const { bytes, starts } = dictionary;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const own = new Int32Array(starts.length - 1).fill(-1);
    for (let i = 0; i < count; i++) {
      const code = codes[i]!;
      if (code < 0) {
        out[at + i] = -1;
        continue;
      }
      let found = own[code]!;
      if (found < 0) {
        found = this.#index.codeOf(bytes, view, starts[code]!, starts[code + 1]!);
        own[code] = found;
      }
      out[at + i] = found;
    }
  }

  data(places: Int32Array): ColumnData {
    return { codes: gatherInts(this.#codes.data, places), dictionary: this.#index };
  }
}

/** Texts of which hardly two are alike. */
class UniqueTexts implements Values {
  #bytes = new Uint8Array(0);
  #used = 0;
  readonly #starts: Ints;
  /** By text: 0 for null. Made when the first null comes. */
  #present: Ints | undefined;
  readonly #room: number;

  constructor(room: number) {
    this.#room = room;
    this.#starts = new Ints(room + 1);
    this.#starts.push(0);
  }

  get texts() {
    return { bytes: this.#bytes, starts: this.#starts.view() };
  }

  append(source: Source | undefined, count: number): void {
    const before = this.#starts.length - 1;
    this.#note(source, before, count);
    if (!source) {
      this.#starts.fill(this.#used, count);
      return;
    }
    const { vector } = source;
    if (vector.kind === 'texts') {
      const { bytes, starts } = vector.texts;
      const shift = this.#used - starts[0]!;
      this.#take(bytes, starts[0]!, starts[count]!);
      const out = this.#starts.reserve(count);
      const at = this.#starts.length;
      for (let i = 0; i < count; i++) out[at + i] = starts[i + 1]! + shift;
      this.#starts.length += count;
    } else if (vector.kind === 'coded-texts') {
      const { bytes, starts } = vector.dictionary;
      for (let i = 0; i < count; i++) {
        const code = vector.codes[i]!;
        if (code >= 0) this.#take(bytes, starts[code]!, starts[code + 1]!);
        this.#starts.push(this.#used);
      }
    } else throw new TypeError('a staged column of texts holds something else');
  }

  /** Notes which of the next texts are null. */
  #note(source: Source | undefined, before: number, count: number): void {
    const levels = source?.vector.levels;
    if (source && !levels && !this.#present) return;
    if (!this.#present) {
      this.#present = new Ints(this.#room);
      this.#present.fill(1, before);
    }
    if (!source || !levels) this.#present.fill(source ? 1 : 0, count);
    else {
      for (let i = 0; i < count; i++) {
        this.#present.push(levels[i]! < source.maxDefinition ? 0 : 1);
      }
    }
  }

  #take(bytes: Uint8Array, from: number, to: number): void {
    const end = this.#used + to - from;
    if (end > this.#bytes.length) {
      // As if all texts were as long as those so far.
      const texts = Math.max(1, this.#starts.length - 1);
      const guess = this.#used === 0 ? end : Math.ceil((end / texts) * this.#room);
      const larger = new Uint8Array(Math.max(end + (end >> 1), Math.min(guess, 8 * end)));
      larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(from, to), this.#used);
    this.#used = end;
  }

  data(places: Int32Array): ColumnData {
    const present = this.#present?.data;
    if (!present) return { plain: plainOf(this.texts, places), count: places.length };
    const there = new Uint8Array(places.length);
    const kept = new Int32Array(places.length);
    let count = 0;
    for (let i = 0; i < places.length; i++) {
      if (present[places[i]!] === 0) continue;
      there[i] = 1;
      kept[count++] = places[i]!;
    }
    const some = kept.subarray(0, count);
    return { plain: plainOf(this.texts, some), count, present: there };
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

export function gatherInts(source: Int32Array, places: Int32Array): Int32Array {
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

export function elementsOf(
  rows: Int32Array,
  starts: Int32Array,
  isNullList: (row: number) => boolean,
): Elements {
  const lengths = new Int32Array(rows.length);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const length = starts[rows[i]! + 1]! - starts[rows[i]!]!;
    lengths[i] = isNullList(rows[i]!) ? -1 : length;
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

/** Nulls of a leaf. @param elements of the column's lists; when there are none, these are null */
export function nullData(leaf: LakeLeaf, rows: number, elements?: Elements): ColumnData {
  if (!leaf.list) {
    return leaf.member === undefined
      ? { nulls: rows }
      : { nulls: rows, inside: new Uint8Array(rows) };
  }
  const shape = elements?.shape ?? new ListShape(new Int32Array(rows).fill(-1));
  return { nulls: elements?.places.length ?? 0, shape };
}

/** Whether no element has a value. */
export const isNull = ({ vector: { levels }, maxDefinition }: Source): boolean =>
  levels !== undefined && !levels.includes(maxDefinition);

/** One leaf of the rows of a unit. */
export class UnitColumn {
  readonly leaf: LakeLeaf;
  readonly #values: Values;
  /** Values so far while all of them are null, which then take no room. */
  #nulls = 0;
  #allNull = true;
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
      this.#append(source, rows);
      this.#appendInside(source, rows);
      return;
    }
    const lists = source?.vector.lists;
    if (source && !lists) throw new TypeError(`${this.leaf.name} is staged without lists`);
    const count = lists ? lists.starts[rows]! : 0;
    this.#append(source, count);
    const there = this.#there!;
    const starts = this.#starts;
    const [marks, ends] = [there.reserve(rows), starts.reserve(rows)];
    for (let row = 0; row < rows; row++) {
      marks[there.length + row] = lists && !lists.nulls?.[row] ? 1 : 0;
      ends[starts.length + row] = this.#elements + (lists ? lists.starts[row + 1]! : 0);
    }
    there.length += rows;
    starts.length += rows;
    this.#elements += count;
  }

  #append(source: Source | undefined, count: number): void {
    // Wherever rows waited, a column without a value is written in one way.
    const missing = source === undefined || count === 0 || isNull(source);
    if (this.#allNull && missing) {
      this.#nulls += count;
      return;
    }
    if (this.#allNull) this.#values.append(undefined, this.#nulls);
    this.#allNull = false;
    this.#values.append(missing ? undefined : source, count);
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
    const there = this.#there!.data;
    return elementsOf(rows, this.#starts!.data, (row) => there[row] === 0);
  }

  /** @param elements of lists, those of the rows */
  data(rows: Int32Array, elements: Elements | undefined): ColumnData {
    const places = elements?.places ?? rows;
    const data: ColumnData = this.#allNull ? { nulls: places.length } : this.#values.data(places);
    if (elements) return { ...data, shape: elements.shape };
    if (!this.#inside) return data;
    return { ...data, inside: Uint8Array.from(gatherInts(this.#inside.data, rows)) };
  }

  /** Numbers of a column of BIGINT or DOUBLE; NaN is null. */
  get numbers(): Float64Array {
    if (this.#allNull) return new Float64Array(this.#nulls).fill(Number.NaN);
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
