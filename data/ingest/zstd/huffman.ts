/** Huffman-coded literals (RFC 8878, section 4.2). */
import { BackwardBits, highestBit, ZstdDamage } from './bits.ts';
import { FseState, readFseTable } from './fse.ts';

const MAX_BITS = 11;
const MAX_SYMBOLS = 256;

export interface HuffmanTable {
  maxBits: number;
  /** By the next `maxBits` bits: the symbol and the bits it takes. */
  symbol: Uint8Array;
  bits: Uint8Array;
}

/** Weights packed by FSE: two states take turns until the bits are used up. */
function readPackedWeights(bytes: Uint8Array, start: number, end: number): number[] {
  const { table, after } = readFseTable(bytes, start, end, {
    accuracyLog: 6,
    symbols: MAX_SYMBOLS,
  });
  const input = new BackwardBits(bytes, after, end);
  let current = new FseState(table, input);
  let other = new FseState(table, input);
  if (input.left < 0) throw new ZstdDamage('Huffman weights are cut off');
  const weights: number[] = [];
  while (weights.length < MAX_SYMBOLS) {
    weights.push(current.symbol);
    current.advance(input);
    if (input.left < 0) {
      weights.push(other.symbol);
      return weights;
    }
    [current, other] = [other, current];
  }
  throw new ZstdDamage('too many Huffman weights');
}

/** Reads a tree's description; returns the table and the byte after it. */
export function readHuffmanTable(
  bytes: Uint8Array,
  start: number,
  end: number,
): { table: HuffmanTable; after: number } {
  if (start >= end) throw new ZstdDamage('a Huffman table is missing');
  const header = bytes[start]!;
  const packed = header < 128;
  const after = start + 1 + (packed ? header : (header - 126) >> 1);
  if (after > end) throw new ZstdDamage('a Huffman table is cut off');
  if (packed) return { table: buildHuffman(readPackedWeights(bytes, start + 1, after)), after };
  const weights = Array.from({ length: header - 127 }, (_, i) => {
    const byte = bytes[start + 1 + (i >> 1)]!;
    return i % 2 === 0 ? byte >> 4 : byte & 15;
  });
  return { table: buildHuffman(weights), after };
}

/** @param weights of all symbols but the last, whose weight completes the sum to a power of two */
function buildHuffman(weights: readonly number[]): HuffmanTable {
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  if (sum === 0 || weights.length >= MAX_SYMBOLS) throw new ZstdDamage('bad Huffman weights');
  const maxBits = Math.floor(Math.log2(sum)) + 1;
  const left = 2 ** maxBits - sum;
  if (maxBits > MAX_BITS || (left & (left - 1)) !== 0) throw new ZstdDamage('bad Huffman weights');
  const all = [...weights, highestBit(left) + 1];
  const symbol = new Uint8Array(1 << maxBits);
  const bits = new Uint8Array(1 << maxBits);
  let code = 0;
  // The rarest symbols, of weight 1, have the longest codes and come first.
  for (let weight = 1; weight <= maxBits; weight++) {
    all.forEach((own, s) => {
      if (own !== weight) return;
      const next = code + 2 ** (weight - 1);
      symbol.fill(s, code, next);
      bits.fill(maxBits + 1 - weight, code, next);
      code = next;
    });
  }
  if (code !== 1 << maxBits) throw new ZstdDamage('bad Huffman weights');
  return { maxBits, symbol, bits };
}

/** Decodes one stream into `out[from … to)`; the stream must hold exactly that. */
export function decodeHuffman(
  table: HuffmanTable,
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  from: number,
  to: number,
): void {
  const { maxBits, symbol, bits } = table;
  const mask = (1 << maxBits) - 1;
  let { left } = new BackwardBits(bytes, start, end);
  for (let at = from; at < to; at++) {
    const low = left - maxBits;
    let code: number;
    if (low >= 0) {
      const byte = start + (low >>> 3);
      const word = bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16);
      code = (word >>> (low & 7)) & mask;
    } else {
      const word = bytes[start]! | (bytes[start + 1]! << 8);
      code = ((word & ((1 << left) - 1)) << -low) & mask;
    }
    out[at] = symbol[code]!;
    left -= bits[code]!;
    if (left < 0) throw new ZstdDamage('a literal stream is too short');
  }
  if (left !== 0) throw new ZstdDamage('a literal stream is too long');
}
