/**
 * One column of a row group as bytes: an optional dictionary page, one data page. Values that come from
 * a dictionary or a small range are stored as indexes, times as differences, the rest plainly; nothing is
 * compressed, so a file is written about as fast as memory.
 */
import { bitWidth, writeHybrid, writeRun } from './bit-packing.ts';
import { writeDeltas } from './delta.ts';
import { type CodedTexts, renumber } from './dictionary.ts';
import { distinct } from './distinct.ts';
import { plainTexts } from './plain-texts.ts';
import { type ColumnSchema, depthOf, pathOf, physicalType } from './schema.ts';
import { ByteBuffer, type ThriftFields, type ThriftValue, writeStruct } from './thrift.ts';

/** Null among whole numbers; among doubles and int64 it is NaN, among codes −1. */
export const NULL_INT = -2_147_483_648;

/** Definition levels of a list: of null, of an empty one; a value's is `depthOf`, of null one less. */
const NULL_LIST = 0;
const EMPTY_LIST = 1;

/** Elements of each row of a list column; shared by columns of the same sequence, as are its levels. */
export class ListShape {
  /** −1 where the list is null. */
  readonly lengths: ArrayLike<number>;
  readonly rows: number;
  /** Places in the column: one for each element, and one for an empty list or null. */
  readonly slots: number;
  #repetition: Uint8Array | undefined;
  readonly #whole = new Map<number, Uint8Array>();

  constructor(lengths: ArrayLike<number>) {
    this.lengths = lengths;
    this.rows = lengths.length;
    let slots = 0;
    for (let row = 0; row < this.rows; row++) slots += Math.max(1, lengths[row]!);
    this.slots = slots;
  }

  /** Encoded repetition levels: 0 where a row begins. */
  repetition(): Uint8Array {
    if (this.#repetition) return this.#repetition;
    const levels = new Uint8Array(this.slots).fill(1);
    for (let row = 0, slot = 0; row < this.rows; row++) {
      levels[slot] = 0;
      slot += Math.max(1, this.lengths[row]!);
    }
    this.#repetition = encodedLevels(levels, this.slots, 1);
    return this.#repetition;
  }

  /** Encoded definition levels of a column without null elements. */
  whole(depth: number): Uint8Array {
    let levels = this.#whole.get(depth);
    if (!levels) {
      levels = this.definition(undefined, depth);
      this.#whole.set(depth, levels);
    }
    return levels;
  }

  /** Encoded definition levels. @param depth level of a value that is there */
  definition(present: Uint8Array | undefined, depth: number): Uint8Array {
    const levels = new Uint8Array(this.slots).fill(depth);
    for (let row = 0, slot = 0, value = 0; row < this.rows; row++) {
      const length = this.lengths[row]!;
      if (length <= 0) levels[slot++] = length < 0 ? NULL_LIST : EMPTY_LIST;
      else if (present) {
        for (let k = 0; k < length; k++) levels[slot++] = depth - 1 + present[value++]!;
      } else slot += length;
    }
    return encodedLevels(levels, this.slots, bitWidth(depth));
  }
}

/** Values of a column, for lists those of all rows one behind the other. */
export type ColumnValues =
  | { numbers: Int32Array | Float64Array }
  | { codes: Int32Array; dictionary: CodedTexts }
  | { texts: readonly (string | null)[] }
  /** So many texts in Parquet's PLAIN form; `present` has 0 for each null, which is not among them. */
  | { plain: Uint8Array; count: number; present?: Uint8Array }
  /** So many nulls. */
  | { nulls: number };

export type ColumnData = ColumnValues & {
  /** Of a list. */
  shape?: ListShape | undefined;
  /** Of a member of a struct outside of lists: 0 where the struct is null. */
  inside?: Uint8Array | undefined;
};

const PLAIN = 0;
const RLE = 3;
const DELTA_BINARY_PACKED = 5;
const RLE_DICTIONARY = 8;
const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;

/** Whole numbers whose range is smaller than this are indexes into the range. */
const SMALL_RANGE = 4096;

/** Doubles with more distinct values than this are stored plainly. */
const MOST_DISTINCT = 1 << 14;

interface Encoded {
  /** PLAIN values of the dictionary and how many. */
  dictionary?: { bytes: Uint8Array; count: number };
  encoding: number;
  bytes: ByteBuffer;
}

/** Bytes of the column at `offset` of the file, with its ColumnMetaData. */
export function encodeColumn(
  schema: ColumnSchema,
  data: ColumnData,
  rows: number,
  offset: number,
): { bytes: Uint8Array[]; length: number; meta: ThriftFields } {
  const { levels, slots, values } = levelsOf(schema, data, rows);
  const encoded = encodeValues(schema, data, values);
  const bytes: Uint8Array[] = [];
  let dictionaryOffset: number | undefined;
  if (encoded.dictionary) {
    dictionaryOffset = offset;
    const { bytes: plain, count } = encoded.dictionary;
    const header: ThriftFields = { 1: { i32: count }, 2: { i32: PLAIN } };
    writePage(bytes, DICTIONARY_PAGE, { 7: { struct: header } }, [plain]);
  }
  const dataOffset = offset + lengthOf(bytes);
  const header: ThriftFields = {
    1: { i32: slots },
    2: { i32: encoded.encoding },
    3: { i32: RLE },
    4: { i32: RLE },
  };
  writePage(bytes, DATA_PAGE, { 5: { struct: header } }, [...levels, encoded.bytes.view()]);
  const length = lengthOf(bytes);
  const encodings: ThriftValue[] = [...new Set([encoded.encoding, RLE, PLAIN])].map((i32) => ({
    i32,
  }));
  return {
    bytes,
    length,
    meta: {
      1: { i32: physicalType(schema.type) },
      2: { list: encodings },
      3: { list: pathOf(schema).map((text) => ({ text })) },
      4: { i32: 0 },
      5: { i64: slots },
      6: { i64: length },
      7: { i64: length },
      9: { i64: dataOffset },
      11: dictionaryOffset === undefined ? undefined : { i64: dictionaryOffset },
    },
  };
}

const lengthOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, part) => sum + part.length, 0);

/** Appends a page: its header and its parts, which are not copied. */
function writePage(
  out: Uint8Array[],
  type: number,
  header: ThriftFields,
  parts: readonly Uint8Array[],
): void {
  const size = lengthOf(parts);
  const bytes = new ByteBuffer(64);
  writeStruct(bytes, { 1: { i32: type }, 2: { i32: size }, 3: { i32: size }, ...header });
  out.push(bytes.view(), ...parts);
}

/** Repetition and definition levels, and which values are there. */
function levelsOf(schema: ColumnSchema, data: ColumnData, rows: number) {
  const values = presence(data);
  const depth = depthOf(schema);
  if (!schema.list) {
    const { inside } = data;
    const width = bitWidth(depth);
    if (inside) {
      const present = values.present ?? new Uint8Array(rows).fill(1);
      const levels = encodedLevels(sum(inside, present), rows, width);
      return { levels: [levels], slots: rows, values };
    }
    const { present } = values;
    const same = values.count === 0 ? 0 : depth;
    const levels =
      present && values.count > 0
        ? encodedLevels(present, rows, width)
        : oneLevel(same, rows, width);
    return { levels: [levels], slots: rows, values };
  }
  const { shape } = data;
  if (!shape) throw new TypeError(`the list ${schema.name} has no lengths`);
  const definition = values.present ? shape.definition(values.present, depth) : shape.whole(depth);
  return { levels: [shape.repetition(), definition], slots: shape.slots, values };
}

/** The same level in every row. */
function oneLevel(level: number, rows: number, width: number): Uint8Array {
  const encoded = new ByteBuffer(16);
  encoded.length = 4;
  writeRun(encoded, level, rows, width);
  new DataView(encoded.bytes.buffer).setUint32(0, encoded.length - 4, true);
  return encoded.view();
}

function sum(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a[i]! + b[i]!;
  return out;
}

/** Levels with their length in front. */
function encodedLevels(values: Uint8Array, count: number, width: number): Uint8Array {
  const encoded = new ByteBuffer((count * width) / 8 + 16);
  encoded.length = 4;
  writeHybrid(encoded, values, count, width);
  new DataView(encoded.bytes.buffer).setUint32(0, encoded.length - 4, true);
  return encoded.view();
}

interface Presence {
  /** 1 where there is a value; absent when there is one everywhere. */
  present: Uint8Array | undefined;
  /** Values that are there. */
  count: number;
}

/** Place of the first null; −1: there is none. */
function firstNull(data: Exclude<ColumnData, { plain: Uint8Array } | { nulls: number }>): number {
  if ('texts' in data) return data.texts.indexOf(null);
  if ('codes' in data) {
    const { codes } = data;
    for (let i = 0; i < codes.length; i++) if (codes[i]! < 0) return i;
    return -1;
  }
  const { numbers } = data;
  if (numbers instanceof Int32Array) return numbers.indexOf(NULL_INT);
  for (let i = 0; i < numbers.length; i++) if (Number.isNaN(numbers[i]!)) return i;
  return -1;
}

/** 1 for each value that is there. */
function marks(data: Exclude<ColumnData, { plain: Uint8Array } | { nulls: number }>): Uint8Array {
  if ('texts' in data) return Uint8Array.from(data.texts, (text) => Number(text !== null));
  const values = 'codes' in data ? data.codes : data.numbers;
  const present = new Uint8Array(values.length);
  if ('codes' in data) for (let i = 0; i < values.length; i++) present[i] = Number(values[i]! >= 0);
  else if (values instanceof Int32Array) {
    for (let i = 0; i < values.length; i++) present[i] = Number(values[i] !== NULL_INT);
  } else for (let i = 0; i < values.length; i++) present[i] = Number(!Number.isNaN(values[i]!));
  return present;
}

function presence(data: ColumnData): Presence {
  if ('plain' in data) return { present: data.present, count: data.count };
  if ('nulls' in data) return { present: new Uint8Array(data.nulls), count: 0 };
  const values = 'texts' in data ? data.texts : 'codes' in data ? data.codes : data.numbers;
  if (firstNull(data) < 0) return { present: undefined, count: values.length };
  const present = marks(data);
  let count = 0;
  for (let i = 0; i < present.length; i++) count += present[i]!;
  return { present, count };
}

/** Only the values that are there. */
function packed<T extends Int32Array | Float64Array>(values: T, { present, count }: Presence): T {
  if (!present) return values;
  const kept = new (values.constructor as new (n: number) => T)(count);
  for (let i = 0, k = 0; i < values.length; i++) if (present[i]) kept[k++] = values[i]!;
  return kept;
}

function encodeValues(schema: ColumnSchema, data: ColumnData, there: Presence): Encoded {
  if ('plain' in data) return { encoding: PLAIN, bytes: bufferOf(data.plain) };
  // However nulls are handed over, a column of nothing else is written in one way.
  if ('nulls' in data || there.count === 0) return { encoding: PLAIN, bytes: new ByteBuffer(0) };
  if ('texts' in data) return { encoding: PLAIN, bytes: bufferOf(plainTexts(data.texts)) };
  if ('codes' in data) return dictionaryCodes(packed(data.codes, there), data.dictionary);
  const values = packed(data.numbers, there);
  if (schema.type === 'int64') {
    const bytes = new ByteBuffer(4 * values.length + 1024);
    writeDeltas(bytes, values, values.length);
    return { encoding: DELTA_BINARY_PACKED, bytes };
  }
  if (schema.type === 'double') return plainOrDictionary(values as Float64Array);
  return smallRange(values) ?? { encoding: PLAIN, bytes: plain(values) };
}

/** Doubles that repeat (durations of whole milliseconds, rates) are indexes into the distinct ones. */
function plainOrDictionary(values: Float64Array): Encoded {
  const found = distinct(values, MOST_DISTINCT);
  if (!found) return { encoding: PLAIN, bytes: plain(values) };
  return {
    dictionary: { bytes: plain(found.values).view(), count: found.values.length },
    encoding: RLE_DICTIONARY,
    bytes: indexes(found.places, values.length, Math.max(0, found.values.length - 1)),
  };
}

/** Little-endian, as every platform is that this runs on. */
function plain(values: Int32Array | Float64Array): ByteBuffer {
  return bufferOf(
    new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength),
  );
}

function bufferOf(bytes: Uint8Array): ByteBuffer {
  const buffer = new ByteBuffer(0);
  buffer.bytes = bytes as Uint8Array<ArrayBuffer>;
  buffer.length = bytes.length;
  return buffer;
}

function indexes(values: ArrayLike<number>, count: number, largest: number): ByteBuffer {
  const width = bitWidth(largest);
  const bytes = new ByteBuffer((count * width) / 8 + 16);
  bytes.byte(width);
  if (count > 0) writeHybrid(bytes, values, count, width);
  return bytes;
}

/**
 * Codes numbered anew in the order in which they first appear, and a dictionary of only those: the bytes
 * depend on the rows alone, not on what other files of the same part hold.
 */
function dictionaryCodes(codes: Int32Array, dictionary: CodedTexts): Encoded {
  const { own, used } = renumber(codes, dictionary.size);
  const bytes = dictionary.plain(used);
  return {
    dictionary: { bytes, count: used.length },
    encoding: RLE_DICTIONARY,
    bytes: indexes(own, own.length, Math.max(0, used.length - 1)),
  };
}

/** Scratch of `smallRange`. */
let placesOf = new Int32Array(1024);

function smallRange(values: Int32Array | Float64Array): Encoded | undefined {
  const { length } = values;
  if (length === 0) return;
  let lowest = values[0]!;
  let highest = lowest;
  for (let i = 1; i < length; i++) {
    const value = values[i]!;
    if (value < lowest) lowest = value;
    else if (value > highest) highest = value;
  }
  if (highest - lowest >= Math.min(SMALL_RANGE, length)) return;
  const range = new Int32Array(highest - lowest + 1);
  for (let i = 0; i < range.length; i++) range[i] = lowest + i;
  if (placesOf.length < length) placesOf = new Int32Array(2 * length);
  const places = placesOf;
  for (let i = 0; i < length; i++) places[i] = values[i]! - lowest;
  return {
    dictionary: { bytes: plain(range).view(), count: range.length },
    encoding: RLE_DICTIONARY,
    bytes: indexes(places, length, range.length - 1),
  };
}
