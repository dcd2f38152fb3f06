/** Texts one behind the other: bytes and where each begins. */
import { Damage, NotSupported } from '../damage.ts';
import { take } from './plain.ts';
import type { Slice } from './slice.ts';

/** Text `i` is the bytes `starts[i] … starts[i + 1]`, UTF-8 as far as the writer kept to it. */
export interface Texts {
  bytes: Uint8Array;
  starts: Int32Array;
}

/** More bytes of one column chunk are left to other readers. */
const MAX_BYTES = 2 ** 29;
/** Copies by words write past the end. */
const PADDING = 4;
/** From this length on the engine's own copying pays for the call. */
const LONG_COPY = 96;

export class TextPool {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #starts = new Int32Array(64);
  #end = 0;
  count = 0;

  /** Makes room for texts of `bytes` bytes together. */
  #reserve(texts: number, bytes: number): void {
    const size = this.#end + bytes + PADDING;
    if (size > MAX_BYTES) throw new NotSupported('more than 512 MiB of texts in a row group');
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(MAX_BYTES, Math.max(size, 2 * this.#bytes.length)));
      larger.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    const places = this.count + texts + 1;
    if (places > this.#starts.length) {
      const larger = new Int32Array(Math.max(places, 2 * this.#starts.length));
      larger.set(this.#starts.subarray(0, this.count + 1));
      this.#starts = larger;
    }
  }

  /** Texts in the PLAIN form: each behind its length of four bytes. @throws Damage */
  addPlain(slice: Slice, count: number): void {
    const { bytes, view, end } = slice;
    if (4 * count > end - slice.at) throw new Damage('a page has fewer texts than it says');
    this.#reserve(count, end - slice.at - 4 * count);
    const target = this.#bytes;
    const targetView = this.#view;
    const starts = this.#starts;
    // A word may be read up to here.
    const words = view.byteLength - 3;
    let at = slice.at;
    let to = this.#end;
    for (let i = this.count + 1, stop = i + count; i < stop; i++) {
      const length = at + 4 <= end ? view.getUint32(at, true) : -1;
      at += 4;
      const next = at + length;
      if (length < 0 || next > end) throw new Damage('a text runs past the end of its page');
      const textEnd = to + length;
      if (length >= LONG_COPY) target.set(bytes.subarray(at, next), to);
      else {
        let from = at;
        for (; to < textEnd && from < words; to += 4, from += 4) {
          targetView.setInt32(to, view.getInt32(from, true), true);
        }
        for (; to < textEnd; to++, from++) target[to] = bytes[from]!;
      }
      to = textEnd;
      at = next;
      starts[i] = to;
    }
    slice.at = at;
    this.#end = to;
    this.count += count;
  }

  /** Texts whose lengths are known: the bytes stand one behind the other. @throws Damage */
  addLengths(slice: Slice, lengths: Int32Array, count: number): void {
    const total = sum(lengths, count);
    const from = take(slice, total);
    this.#reserve(count, total);
    this.#bytes.set(slice.bytes.subarray(from, from + total), this.#end);
    for (let i = 0; i < count; i++) {
      this.#end += lengths[i]!;
      this.#starts[++this.count] = this.#end;
    }
  }

  /** Texts of which each begins as the one before: so many bytes of that, then a suffix. @throws Damage */
  addPrefixed(slice: Slice, prefixes: Int32Array, suffixes: Int32Array, count: number): void {
    const total = sum(suffixes, count);
    let from = take(slice, total);
    this.#reserve(count, total + sum(prefixes, count));
    const target = this.#bytes;
    let before = this.#end;
    let beforeLength = 0;
    for (let i = 0; i < count; i++) {
      const prefix = prefixes[i]!;
      const suffix = suffixes[i]!;
      if (prefix > beforeLength) throw new Damage('a text shares more than the one before has');
      const start = this.#end;
      target.copyWithin(start, before, before + prefix);
      target.set(slice.bytes.subarray(from, from + suffix), start + prefix);
      from += suffix;
      before = start;
      beforeLength = prefix + suffix;
      this.#end = start + beforeLength;
      this.#starts[++this.count] = this.#end;
    }
  }

  /** Texts for `elements` places: nulls become empty ones. Ends the pool's use. */
  spread(elements: number, levels: Uint8Array, present: number): void {
    this.#reserve(elements - this.count, 0);
    const starts = this.#starts;
    let from = this.count;
    starts[elements] = this.#end;
    for (let to = elements - 1; to >= 0; to--) {
      if (levels[to] === present) from--;
      starts[to] = starts[from]!;
    }
    this.count = elements;
  }

  texts(): Texts {
    return {
      bytes: this.#bytes.subarray(0, this.#end),
      starts: this.#starts.subarray(0, this.count + 1),
    };
  }
}

function sum(lengths: Int32Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) {
    const length = lengths[i]!;
    if (length < 0) throw new Damage('a text has a negative length');
    total += length;
  }
  return total;
}
