/** Numbers of a column chunk, page after page. */
import { NULL_INT } from '../../column.ts';
import { Damage, NotSupported, TooLarge } from '../damage.ts';
import type { PhysicalType } from '../schema.ts';
import { readIntDeltas, readLongDeltas } from './delta.ts';
import { ENCODING } from './encoding.ts';
import { readHybrid } from './hybrid.ts';
import { readIndexWidth } from './index-width.ts';
import { joinStreams, readAligned, readFloats, readLongs, readUnsigned } from './plain.ts';
import { type Slice, sliceOf } from './slice.ts';
import { spread } from './spread.ts';

export type Numbers = Int32Array | Float64Array;

export interface NumberKind {
  physical: PhysicalType;
  unsigned: boolean;
  /** Take the nearest double for what is beyond 2^53. */
  round: boolean;
}

const isInt = ({ physical, unsigned }: NumberKind): boolean => physical === 'int32' && !unsigned;

const SIZES: Partial<Record<PhysicalType, number>> = { int32: 4, float: 4, int64: 8, double: 8 };

/** Indexes of a page are kept as room for the next one, of any chunk, up to so many. */
const KEPT_INDEXES = 2 ** 21;
let indexes = new Int32Array(0);

export class NumberDecoder {
  readonly #kind: NumberKind;
  readonly #out: Numbers;
  #count = 0;
  #dictionary: Numbers | undefined;
  #indexes = indexes;

  /** @param slots room for so many values */
  constructor(kind: NumberKind, slots: number) {
    this.#kind = kind;
    this.#out = room(kind, slots);
  }

  dictionary(slice: Slice, count: number): void {
    // Every number of a dictionary takes its bytes: no more than the page has.
    if (count > slice.end) throw new Damage('a dictionary has fewer values than it says');
    const values = room(this.#kind, count);
    readPlain(this.#kind, slice, values, 0, count);
    this.#dictionary = values;
  }

  values(encoding: number, slice: Slice, count: number): void {
    const out = this.#out;
    const from = this.#count;
    this.#count += count;
    if (encoding === ENCODING.plain) readPlain(this.#kind, slice, out, from, count);
    else if (encoding === ENCODING.delta) readDeltas(this.#kind, slice, out, from, count);
    else if (encoding === ENCODING.split) {
      const joined = joinStreams(slice, SIZES[this.#kind.physical]!, count);
      readPlain(this.#kind, sliceOf(joined), out, from, count);
    } else if (encoding === ENCODING.dictionary || encoding === ENCODING.oldDictionary) {
      this.#indexed(slice, from, count);
    } else throw new NotSupported(`encoding ${encoding} of numbers`);
  }

  #indexed(slice: Slice, from: number, count: number): void {
    const dictionary = this.#dictionary;
    if (!dictionary) throw new Damage('a page has no dictionary');
    if (this.#indexes.length < count) this.#indexes = new Int32Array(count);
    if (count <= KEPT_INDEXES) indexes = this.#indexes;
    readHybrid(slice, readIndexWidth(slice, count), this.#indexes, 0, count);
    const fits =
      dictionary instanceof Int32Array
        ? lookUpInts(dictionary, this.#indexes, count, this.#out as Int32Array, from)
        : lookUpDoubles(dictionary, this.#indexes, count, this.#out as Float64Array, from);
    if (!fits) throw new Damage('a value is not in the dictionary');
  }

  /** @param levels of the elements when there are nulls */
  finish(elements: number, levels: Uint8Array | undefined, maxDefinition: number): Numbers {
    const out = this.#out;
    if (levels) {
      const missing = out instanceof Int32Array ? NULL_INT : Number.NaN;
      spread(out, this.#count, elements, levels, maxDefinition, missing);
    }
    return out.subarray(0, elements);
  }
}

const room = (kind: NumberKind, count: number): Numbers =>
  isInt(kind) ? new Int32Array(count) : new Float64Array(count);

function readPlain(kind: NumberKind, slice: Slice, out: Numbers, from: number, count: number) {
  if (out instanceof Int32Array || kind.physical === 'double') readAligned(slice, out, from, count);
  else if (kind.physical === 'float') readFloats(slice, out, from, count);
  else if (kind.physical === 'int32') readUnsigned(slice, out, from, count);
  else if (!readLongs(slice, out, from, count, kind.unsigned) && !kind.round) throw new TooLarge();
}

function readDeltas(kind: NumberKind, slice: Slice, out: Numbers, from: number, count: number) {
  if (kind.physical === 'int64') {
    const exact = readLongDeltas(slice, out as Float64Array, from, count, kind.unsigned);
    if (!exact && !kind.round) throw new TooLarge();
  } else if (out instanceof Int32Array) readIntDeltas(slice, out, from, count);
  else if (kind.physical === 'int32') {
    const signed = new Int32Array(count);
    readIntDeltas(slice, signed, 0, count);
    for (let i = 0; i < count; i++) out[from + i] = signed[i]! >>> 0;
  } else throw new NotSupported('differences of floating-point numbers');
}

function lookUpInts(
  dictionary: Int32Array,
  indexes: Int32Array,
  count: number,
  out: Int32Array,
  from: number,
): boolean {
  const size = dictionary.length;
  for (let i = 0; i < count; i++) {
    const index = indexes[i]!;
    if (index >>> 0 >= size) return false;
    out[from + i] = dictionary[index]!;
  }
  return true;
}

/** As `lookUpInts`: a function that met both types would be slow for both. */
function lookUpDoubles(
  dictionary: Float64Array,
  indexes: Int32Array,
  count: number,
  out: Float64Array,
  from: number,
): boolean {
  const size = dictionary.length;
  for (let i = 0; i < count; i++) {
    const index = indexes[i]!;
    if (index >>> 0 >= size) return false;
    out[from + i] = dictionary[index]!;
  }
  return true;
}
