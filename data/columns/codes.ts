/**
 * Texts as small numbers, found by their bytes: a text that was met before costs a hash and a comparison,
 * only a new one a JavaScript string. Bytes are compared, so no two texts are taken for one.
 */
import { isUtf8 } from 'node:buffer';
import { Dictionary } from '../parquet/dictionary.ts';
import { NotUtf8, sameBytes, type TextBytes, textBytes } from './text-bytes.ts';

const LARGEST = 2 ** 31 - 1;

export class Codes {
  /** The texts by their codes; empty of codes without texts. */
  readonly dictionary = new Dictionary();
  size = 0;
  readonly #texts: boolean;
  /** Two words a place: hash, code + 1. The second is 0 where the place is free. */
  #places = new Int32Array(2048);
  #mask = 1023;
  /** Texts one behind the other: that of code c is the bytes `#starts[c]` … `#starts[c + 1] − 1`. */
  #own = textBytes(new Uint8Array(4096));
  #starts = new Int32Array(1024);

  /** @param texts whether the texts are asked for; codes that are only compared do without */
  constructor(texts = true) {
    this.#texts = texts;
  }

  /** The code of the text `bytes[from] … bytes[to − 1]`. @throws NotUtf8 when it is new and is not */
  codeOf(text: TextBytes, from: number, to: number): number {
    const hash = hashOf(text.view, from, to);
    const place = this.#placeOf(hash, text.view, from, to);
    const found = this.#places[2 * place + 1]!;
    if (found > 0) return found - 1;
    const code = this.#add(text.bytes, from, to);
    this.#places[2 * place] = hash;
    this.#places[2 * place + 1] = code + 1;
    if (2 * this.size > this.#mask) this.#grow();
    return code;
  }

  /** As `codeOf`, but −1 for a text that has no code. */
  find({ view }: TextBytes, from: number, to: number): number {
    return this.#places[2 * this.#placeOf(hashOf(view, from, to), view, from, to) + 1]! - 1;
  }

  /** Where the text stands, or the free place where it belongs. */
  #placeOf(hash: number, view: DataView, from: number, to: number): number {
    const places = this.#places;
    const mask = this.#mask;
    let place = hash & mask;
    for (;;) {
      const code = places[2 * place + 1]! - 1;
      if (code < 0 || (places[2 * place] === hash && this.#is(code, view, from, to))) return place;
      place = (place + 1) & mask;
    }
  }

  /** The code of a JavaScript text. */
  codeOfText(text: string): number {
    const bytes = Buffer.from(text);
    return this.codeOf(textBytes(bytes), 0, bytes.length);
  }

  /** The bytes of a text, until the next one is added. */
  bytesOf(code: number): Uint8Array {
    return this.#own.bytes.subarray(this.#starts[code]!, this.#starts[code + 1]!);
  }

  #is(code: number, view: DataView, from: number, to: number): boolean {
    const start = this.#starts[code]!;
    if (this.#starts[code + 1]! - start !== to - from) return false;
    return sameBytes(view, from, to, this.#own.view, start);
  }

  #add(bytes: Uint8Array, from: number, to: number): number {
    const code = this.size;
    const start = this.#starts[code]!;
    const end = start + to - from;
    this.#reserve(end);
    const own = this.#own.bytes;
    let all = 0;
    for (let at = from, put = start; at < to; at++, put++) {
      const byte = bytes[at]!;
      own[put] = byte;
      all |= byte;
    }
    const ascii = all < 128;
    if (!ascii && !isUtf8(own.subarray(start, end))) throw new NotUtf8();
    if (this.#texts) {
      this.dictionary.add(own.toString(ascii ? 'latin1' : 'utf8', start, end));
    }
    this.size = code + 1;
    this.#starts[code + 1] = end;
    return code;
  }

  /** Makes room for texts up to `end` bytes, and one more text. */
  #reserve(end: number): void {
    if (end > LARGEST) throw new RangeError('more than 2 GiB of different texts');
    const { bytes } = this.#own;
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.min(LARGEST, Math.max(end, 2 * bytes.length)));
      larger.set(bytes);
      this.#own = textBytes(larger);
    }
    if (this.size + 2 > this.#starts.length) {
      const larger = new Int32Array(2 * this.#starts.length);
      larger.set(this.#starts);
      this.#starts = larger;
    }
  }

  #grow(): void {
    const before = this.#places;
    const places = new Int32Array(2 * before.length);
    const mask = places.length / 2 - 1;
    for (let i = 0; i < before.length; i += 2) {
      if (before[i + 1] === 0) continue;
      let place = before[i]! & mask;
      while (places[2 * place + 1] !== 0) place = (place + 1) & mask;
      places[2 * place] = before[i]!;
      places[2 * place + 1] = before[i + 1]!;
    }
    this.#places = places;
    this.#mask = mask;
  }
}

/** Mixes a word at a time, as MurmurHash does at its end. */
function hashOf(view: DataView, from: number, to: number): number {
  let hash = to - from;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  let rest = 0;
  for (; at < to; at++) rest = (rest << 8) | view.getUint8(at);
  hash = Math.imul(hash ^ rest, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
