/** Texts of a column chunk, page after page: codes into a dictionary, or the texts themselves. */
import { Damage, NotSupported } from '../damage.ts';
import { readIntDeltas } from './delta.ts';
import { ENCODING } from './encoding.ts';
import { readHybrid } from './hybrid.ts';
import { readIndexWidth } from './index-width.ts';
import type { Slice } from './slice.ts';
import { spread } from './spread.ts';
import { TextPool, type Texts } from './text-pool.ts';

export type TextValues = { texts: Texts } | { codes: Int32Array; dictionary: Texts };

export class TextDecoder {
  readonly #slots: number;
  /** The dictionary, then the texts of pages without it. */
  readonly #pool = new TextPool();
  #dictionarySize = 0;
  /** Made with the dictionary. */
  #codes: Int32Array | undefined;
  #count = 0;

  constructor(slots: number) {
    this.#slots = slots;
  }

  dictionary(slice: Slice, count: number): void {
    this.#pool.addPlain(slice, count);
    this.#dictionarySize = count;
    this.#codes = new Int32Array(this.#slots);
  }

  values(encoding: number, slice: Slice, count: number): void {
    if (encoding === ENCODING.dictionary || encoding === ENCODING.oldDictionary) {
      this.#indexed(slice, count);
      return;
    }
    const first = this.#pool.count;
    this.#add(encoding, slice, count);
    const codes = this.#codes;
    if (codes) for (let i = 0; i < count; i++) codes[this.#count + i] = first + i;
    this.#count += count;
  }

  #add(encoding: number, slice: Slice, count: number): void {
    const pool = this.#pool;
    if (encoding === ENCODING.plain) pool.addPlain(slice, count);
    else if (encoding === ENCODING.deltaLength)
      pool.addLengths(slice, lengths(slice, count), count);
    else if (encoding === ENCODING.deltaBytes) {
      const prefixes = lengths(slice, count);
      pool.addPrefixed(slice, prefixes, lengths(slice, count), count);
    } else throw new NotSupported(`encoding ${encoding} of texts`);
  }

  #indexed(slice: Slice, count: number): void {
    const codes = this.#codes;
    if (!codes) throw new Damage('a page has no dictionary');
    const width = readIndexWidth(slice, count);
    const from = this.#count;
    readHybrid(slice, width, codes, from, count);
    if (width === 32 || 2 ** width > this.#dictionarySize) {
      const size = this.#dictionarySize;
      for (let i = from; i < from + count; i++) {
        if (codes[i]! >>> 0 >= size) throw new Damage('a value is not in the dictionary');
      }
    }
    this.#count += count;
  }

  finish(elements: number, levels: Uint8Array | undefined, maxDefinition: number): TextValues {
    const codes = this.#codes;
    if (!codes) {
      if (levels) this.#pool.spread(elements, levels, maxDefinition);
      return { texts: this.#pool.texts() };
    }
    if (levels) spread(codes, this.#count, elements, levels, maxDefinition, -1);
    return { codes: codes.subarray(0, elements), dictionary: this.#pool.texts() };
  }
}

function lengths(slice: Slice, count: number): Int32Array {
  const values = new Int32Array(count);
  readIntDeltas(slice, values, 0, count);
  return values;
}
