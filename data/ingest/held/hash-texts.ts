/** 64-bit hashes of texts, as two halves each. */
import type { Texts } from '../../columns/text-index.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';

export interface TextHashes {
  low: Int32Array;
  high: Int32Array;
}

const LOW_FACTOR = 0xcc9e2d51 | 0;
const HIGH_FACTOR = 0x1b873593;

/** MurmurHash3's last mixing. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/**
 * Hashes of a column without nulls: two 32-bit hashes in the manner of MurmurHash3, each with a seed, a
 * rotation and factors of its own. Equal texts have equal hashes in all threads that know the seed; texts
 * with equal hashes have to be compared.
 * @param seed drawn anew in each run, so that nobody can send texts that all have one hash
 */
export function hashesOf(vector: ColumnVector, seed: number): TextHashes {
  if (vector.kind === 'texts') return hashTexts(vector.texts, seed);
  if (vector.kind !== 'coded-texts') throw new TypeError('event ids are texts');
  const { low, high } = hashTexts(vector.dictionary, seed);
  return {
    low: vector.codes.map((code) => low[code]!),
    high: vector.codes.map((code) => high[code]!),
  };
}

function hashTexts({ bytes, starts }: Texts, seed: number): TextHashes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = starts.length - 1;
  const hashes = { low: new Int32Array(count), high: new Int32Array(count) };
  for (let i = 0; i < count; i++) {
    const to = starts[i + 1]!;
    let at = starts[i]!;
    let low = seed ^ (to - at);
    let high = Math.imul(seed, LOW_FACTOR) + (to - at);
    for (; at + 4 <= to; at += 4) {
      const word = view.getInt32(at, true);
      low = mixLow(low, word);
      high = mixHigh(high, word);
    }
    if (at < to) {
      let rest = 0;
      for (let shift = 0; at < to; at++, shift += 8) rest |= view.getUint8(at) << shift;
      low = mixLow(low, rest);
      high = mixHigh(high, rest);
    }
    hashes.low[i] = finish(low);
    hashes.high[i] = finish(high ^ low);
  }
  return hashes;
}

function mixLow(hash: number, word: number): number {
  const once = Math.imul(word, LOW_FACTOR);
  const mixed = hash ^ Math.imul((once << 15) | (once >>> 17), HIGH_FACTOR);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function mixHigh(hash: number, word: number): number {
  const once = Math.imul(word, 0x239b961b);
  const mixed = hash ^ Math.imul((once << 16) | (once >>> 16), 0xab0e9789 | 0);
  return (Math.imul((mixed << 17) | (mixed >>> 15), 5) + 0x561ccd1b) | 0;
}
