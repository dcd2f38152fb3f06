/** Texts as bytes, numbered 0, 1, … in the order in which they were first met; equal bytes, one number. */
import type { CodedTexts } from '../parquet/dictionary.ts';
import { Ints } from './growing.ts';

/** Texts one behind the other: text i is `bytes[starts[i]] … bytes[starts[i + 1] − 1]`. */
export interface Texts {
  bytes: Uint8Array;
  starts: Int32Array;
}

// Drawn anew in each process, so that nobody can send texts that all fall on one place of the table.
const SEED = Math.floor(Math.random() * 2 ** 32);
/** Room behind the bytes, for copies by words. */
const PADDING = 8;

/** MurmurHash3's mixing over words of four bytes. */
function hashOf(view: DataView, from: number, to: number): number {
  let hash = SEED ^ (to - from);
  let at = from;
  for (; at + 4 <= to; at += 4) hash = mix(hash, view.getInt32(at, true));
  let rest = 0;
  for (let shift = 0; at < to; at++, shift += 8) rest |= view.getUint8(at) << shift;
  hash = mix(hash, rest);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mix(hash: number, word: number): number {
  const once = Math.imul(word, 0xcc9e2d51);
  const mixed = hash ^ Math.imul((once << 15) | (once >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Whether the bytes `from … to − 1` are those of another view from `start` on. */
export function sameBytes(
  view: DataView,
  from: number,
  to: number,
  other: DataView,
  start: number,
): boolean {
  let at = from;
  let own = start;
  for (; at + 4 <= to; at += 4, own += 4) {
    if (view.getInt32(at, true) !== other.getInt32(own, true)) return false;
  }
  for (; at < to; at++, own++) if (view.getUint8(at) !== other.getUint8(own)) return false;
  return true;
}

export class TextIndex implements CodedTexts {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  readonly #starts = new Ints(1024);
  readonly #hashes = new Ints(1024);
  /** Pairs: code + 1, or 0 where the place is free, and the text's hash, so that a miss costs one look. */
  #table = new Int32Array(2 * 2048);
  /** Those that were asked for. */
  readonly #texts = new Map<number, string>();

  constructor() {
    this.#starts.push(0);
  }

  get size(): number {
    return this.#hashes.length;
  }

  texts(): Texts {
    return { bytes: this.#bytes, starts: this.#starts.view() };
  }

  text(code: number): string {
    let text = this.#texts.get(code);
    if (text === undefined) {
      text = Buffer.from(this.bytesOf(code)).toString();
      this.#texts.set(code, text);
    }
    return text;
  }

  bytesOf(code: number): Uint8Array {
    return this.#bytes.subarray(this.#starts.data[code]!, this.#starts.data[code + 1]!);
  }

  /** The code of a JavaScript text, which is added when it is new. */
  codeOfText(text: string): number {
    const bytes = Buffer.from(text);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.codeOf(bytes, view, 0, bytes.length);
  }

  /** The code of the text `from … to − 1`; −1 when it has none. */
  find(view: DataView, from: number, to: number): number {
    return this.#table[this.#placeOf(hashOf(view, from, to), view, from, to)]! - 1;
  }

  /**
   * Codes of all texts, which are added when they are new.
   * @param levels of the texts; those below `present` are null and get −1
   */
  codes({ bytes, starts }: Texts, levels?: Uint8Array, present = 0): Int32Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const codes = new Int32Array(starts.length - 1);
    let last = -1;
    for (let i = 0; i < codes.length; i++) {
      const from = starts[i]!;
      const to = starts[i + 1]!;
      if (levels && levels[i]! < present) codes[i] = -1;
      else {
        // Neighbours are often alike.
        if (last < 0 || !this.#equals(last, view, from, to))
          last = this.codeOf(bytes, view, from, to);
        codes[i] = last;
      }
    }
    return codes;
  }

  plain(codes: readonly number[]): Uint8Array {
    return plainOf(this.texts(), codes);
  }

  /** The code of the text `from … to − 1`, which is added when it is new. @param view of the bytes */
  codeOf(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    const hash = hashOf(view, from, to);
    const place = this.#placeOf(hash, view, from, to);
    const found = this.#table[place]!;
    if (found > 0) return found - 1;
    const code = this.#add(bytes, from, to, hash);
    this.#table[place] = code + 1;
    this.#table[place + 1] = hash;
    if (4 * (code + 1) > this.#table.length) this.#grow();
    return code;
  }

  /** Where the text's pair stands in the table, or the free place where it belongs. */
  #placeOf(hash: number, view: DataView, from: number, to: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let place = (2 * hash) & mask;
    for (;;) {
      const code = table[place]! - 1;
      if (code < 0 || (table[place + 1] === hash && this.#equals(code, view, from, to))) {
        return place;
      }
      place = (place + 2) & mask;
    }
  }

  #equals(code: number, view: DataView, from: number, to: number): boolean {
    const own = this.#starts.data[code]!;
    return (
      this.#starts.data[code + 1]! - own === to - from && sameBytes(view, from, to, this.#view, own)
    );
  }

  #add(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const start = this.#starts.data[this.#hashes.length]!;
    const end = start + to - from;
    if (end + PADDING > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, end + PADDING));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    for (let at = from, own = start; at < to; at++, own++) this.#bytes[own] = bytes[at]!;
    this.#starts.push(end);
    this.#hashes.push(hash);
    return this.#hashes.length - 1;
  }

  #grow(): void {
    const table = new Int32Array(2 * this.#table.length);
    const mask = table.length - 1;
    const hashes = this.#hashes.data;
    for (let code = 0; code < this.#hashes.length; code++) {
      const hash = hashes[code]!;
      let place = (2 * hash) & mask;
      while (table[place] !== 0) place = (place + 2) & mask;
      table[place] = code + 1;
      table[place + 1] = hash;
    }
    this.#table = table;
  }
}

/** Texts as they were read, by number; there may be two of a kind. */
export class PooledTexts implements CodedTexts {
  readonly #texts: Texts;

  constructor(texts: Texts) {
    this.#texts = texts;
  }

  get size(): number {
    return this.#texts.starts.length - 1;
  }

  plain(codes: readonly number[]): Uint8Array {
    return plainOf(this.#texts, codes);
  }
}

/** Parquet's PLAIN form of some texts, in the order of their numbers. */
export function plainOf({ bytes, starts }: Texts, numbers: ArrayLike<number>): Uint8Array {
  let length = 0;
  for (let i = 0; i < numbers.length; i++) {
    length += 4 + starts[numbers[i]! + 1]! - starts[numbers[i]!]!;
  }
  // Words are copied past the end of a text; the next one begins there.
  const out = new Uint8Array(length + 4);
  const target = new DataView(out.buffer);
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = bytes.byteLength - 3;
  let at = 0;
  for (let i = 0; i < numbers.length; i++) {
    let from = starts[numbers[i]!]!;
    const size = starts[numbers[i]! + 1]! - from;
    target.setInt32(at, size, true);
    at += 4;
    const end = at + size;
    for (; at < end && from < words; at += 4, from += 4) {
      target.setInt32(at, source.getInt32(from, true), true);
    }
    for (; at < end; at++, from++) out[at] = bytes[from]!;
    at = end;
  }
  return out.subarray(0, length);
}
