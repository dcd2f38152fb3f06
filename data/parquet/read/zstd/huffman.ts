/** Huffman-coded literals (RFC 8878, section 4.2). */
import { Damage } from '../damage.ts';
import { buildTable, Distribution, highestBit } from './fse.ts';

const MAX_BITS = 11;
const MAX_WEIGHTS = 255;
const WEIGHT_LIMITS = { accuracyLog: 6, symbols: MAX_BITS + 2 };

/** Decodes streams with the tree that was read last. */
export class Huffman {
  /** Bits of the longest code; 0: no tree was read. */
  maxBits = 0;
  /** By the next `maxBits` bits: symbol × 16 + the bits it takes. */
  readonly #codes = new Uint16Array(1 << MAX_BITS);
  readonly #weights = new Uint8Array(MAX_WEIGHTS + 1);
  readonly #shares = new Distribution();
  readonly #symbol = new Uint8Array(64);
  readonly #step = new Int32Array(64);

  /** Reads a tree's description; returns the byte after it. `bytes` must reach 4 bytes past `end`. */
  read(bytes: Uint8Array, start: number, end: number): number {
    const header = start < end ? bytes[start]! : 0;
    const packed = header < 128;
    const after = start + 1 + (packed ? header : (header - 126) >> 1);
    if (header === 0 || after > end) throw new Damage('a Huffman table is cut off');
    this.maxBits = 0;
    if (packed) this.#build(this.#unpack(bytes, start + 1, after));
    else {
      const count = header - 127;
      for (let i = 0; i < count; i++) {
        const byte = bytes[start + 1 + (i >> 1)]!;
        this.#weights[i] = i % 2 === 0 ? byte >> 4 : byte & 15;
      }
      this.#build(count);
    }
    return after;
  }

  /** Weights packed by FSE: two states take turns until the bits are used up. @returns how many */
  #unpack(bytes: Uint8Array, start: number, end: number): number {
    const from = this.#shares.read(bytes, start, end, WEIGHT_LIMITS);
    const symbol = this.#symbol;
    const step = this.#step;
    const weights = this.#weights;
    buildTable(this.#shares, symbol, step);
    const last = end > from ? bytes[end - 1]! : 0;
    if (last === 0) throw new Damage('Huffman weights have no end mark');
    const log = this.#shares.accuracyLog;
    let left = 8 * (end - from - 1) + highestBit(last) - 2 * log;
    if (left < 0) throw new Damage('Huffman weights are cut off');
    let current = bitsAt(bytes, from, left + log, log);
    let other = bitsAt(bytes, from, left, log);
    for (let count = 0; count < MAX_WEIGHTS - 1; ) {
      weights[count++] = symbol[current]!;
      const move = step[current]!;
      left -= move & 15;
      if (left < 0) {
        weights[count++] = symbol[other]!;
        return count;
      }
      current = other;
      other = (move >>> 4) + bitsAt(bytes, from, left, move & 15);
    }
    throw new Damage('too many Huffman weights');
  }

  /** @param count weights of all symbols but the last, whose weight completes the sum to a power of two */
  #build(count: number): void {
    const weights = this.#weights;
    let sum = 0;
    for (let s = 0; s < count; s++) {
      if (weights[s]! > MAX_BITS) throw new Damage('bad Huffman weights');
      sum += (1 << weights[s]!) >> 1;
    }
    if (sum === 0) throw new Damage('bad Huffman weights');
    const maxBits = highestBit(sum) + 1;
    const left = (1 << maxBits) - sum;
    if (maxBits > MAX_BITS || (left & (left - 1)) !== 0) throw new Damage('bad Huffman weights');
    weights[count] = highestBit(left) + 1;
    let code = 0;
    // The rarest symbols, of weight 1, have the longest codes and come first.
    for (let weight = 1; weight <= maxBits; weight++) {
      const span = 1 << (weight - 1);
      for (let s = 0; s <= count; s++) {
        if (weights[s] !== weight) continue;
        this.#codes.fill((s << 4) | (maxBits + 1 - weight), code, code + span);
        code += span;
      }
    }
    this.maxBits = maxBits;
  }

  /**
   * Decodes two streams side by side: one waits for its table while the other works. Places in the
   * input count from `base`, 8 bytes before which and 8 bytes after which are readable.
   */
  decodeTwo(
    view: DataView,
    base: number,
    a: { start: number; end: number; from: number; to: number },
    b: { start: number; end: number; from: number; to: number },
    out: Uint8Array,
  ): void {
    const codes = this.#codes;
    const { maxBits } = this;
    const mask = (1 << maxBits) - 1;
    const pair = 2 * maxBits;
    const firstA = 8 * a.start;
    const firstB = 8 * b.start;
    let leftA = lastBit(view, base, a.start, a.end);
    let leftB = lastBit(view, base, b.start, b.end);
    let atA = a.from;
    let atB = b.from;
    const stop = atA + 2 * (Math.min(a.to - a.from, b.to - b.from) >> 1);
    while (atA < stop) {
      const lowA = leftA - pair;
      const lowB = leftB - pair;
      const wordA = view.getInt32(base + (lowA >> 3), true) >>> (lowA & 7);
      const wordB = view.getInt32(base + (lowB >> 3), true) >>> (lowB & 7);
      const oneA = codes[(wordA >>> maxBits) & mask]!;
      const oneB = codes[(wordB >>> maxBits) & mask]!;
      const twoA = codes[(wordA >>> (maxBits - (oneA & 15))) & mask]!;
      const twoB = codes[(wordB >>> (maxBits - (oneB & 15))) & mask]!;
      out[atA] = oneA >>> 4;
      out[atB] = oneB >>> 4;
      out[atA + 1] = twoA >>> 4;
      out[atB + 1] = twoB >>> 4;
      atA += 2;
      atB += 2;
      leftA -= (oneA & 15) + (twoA & 15);
      leftB -= (oneB & 15) + (twoB & 15);
      if (((leftA - firstA) | (leftB - firstB)) < 0) {
        throw new Damage('a literal stream is too short');
      }
    }
    this.#finish(view, base, leftA, firstA, out, atA, a.to);
    this.#finish(view, base, leftB, firstB, out, atB, b.to);
  }

  /** Decodes one stream; places as in `decodeTwo`. */
  decode(view: DataView, base: number, start: number, end: number, out: Uint8Array, to: number) {
    this.#finish(view, base, lastBit(view, base, start, end), 8 * start, out, 0, to);
  }

  /** Decodes what is left of a stream, which must hold exactly that. */
  #finish(
    view: DataView,
    base: number,
    bits: number,
    first: number,
    out: Uint8Array,
    from: number,
    to: number,
  ): void {
    const codes = this.#codes;
    const { maxBits } = this;
    const mask = (1 << maxBits) - 1;
    let left = bits;
    for (let at = from; at < to; at++) {
      const low = left - maxBits;
      const code = codes[(view.getInt32(base + (low >> 3), true) >>> (low & 7)) & mask]!;
      out[at] = code >>> 4;
      left -= code & 15;
      if (left < first) throw new Damage('a literal stream is too short');
    }
    if (left !== first) throw new Damage('a literal stream is too long');
  }
}

/** Bits before the end mark: the highest set bit of the last byte. */
export function lastBit(view: DataView, base: number, start: number, end: number): number {
  const last = end > start ? view.getUint8(base + end - 1) : 0;
  if (last === 0) throw new Damage('a bit stream has no end mark');
  return 8 * (end - 1) + highestBit(last);
}

/** At most 8 bits. */
function bitsAt(bytes: Uint8Array, start: number, bit: number, count: number): number {
  const at = start + (bit >>> 3);
  return ((bytes[at]! | (bytes[at + 1]! << 8)) >>> (bit & 7)) & ((1 << count) - 1);
}
