/**
 * XXH64 with seed 0, streamed: the checksum of zstd frames, which the zstd decoder does not verify.
 *
 * JavaScript has no fast 64-bit integers, so a number is two 32-bit halves (`hi`, `lo`), and the
 * four accumulators live in one Int32Array as [hi, lo] pairs.
 * Algorithm: the xxHash specification, "XXH64 algorithm description".
 */

type Pair = readonly [hi: number, lo: number];

const PRIME_1: Pair = [0x9e3779b1, 0x85ebca87];
const PRIME_2: Pair = [0xc2b2ae3d, 0x27d4eb4f];
const PRIME_3: Pair = [0x165667b1, 0x9e3779f9];
const PRIME_4: Pair = [0x85ebca77, 0xc2b2ae63];
const PRIME_5: Pair = [0x27d4eb2f, 0x165667c5];

const STRIPE_BYTES = 32;

/** High 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const low = Math.imul(a0, b0) >>> 16;
  const p01 = Math.imul(a0, b1);
  const p10 = Math.imul(a1, b0);
  const middle = low + (p01 & 0xffff) + (p10 & 0xffff);
  return (Math.imul(a1, b1) + (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16)) | 0;
}

function add([ah, al]: Pair, [bh, bl]: Pair): Pair {
  const lo = (al >>> 0) + (bl >>> 0);
  return [(ah + bh + (lo > 0xffffffff ? 1 : 0)) | 0, lo | 0];
}

function multiply([ah, al]: Pair, [bh, bl]: Pair): Pair {
  return [(multiplyHigh(al, bl) + Math.imul(ah, bl) + Math.imul(al, bh)) | 0, Math.imul(al, bl)];
}

const xor = ([ah, al]: Pair, [bh, bl]: Pair): Pair => [ah ^ bh, al ^ bl];

function rotateLeft([hi, lo]: Pair, bits: number): Pair {
  if (bits >= 32) return rotateLeft([lo, hi], bits - 32);
  if (bits === 0) return [hi, lo];
  return [(hi << bits) | (lo >>> (32 - bits)), (lo << bits) | (hi >>> (32 - bits))];
}

function shiftRight([hi, lo]: Pair, bits: number): Pair {
  return bits >= 32 ? [0, hi >>> (bits - 32)] : [hi >>> bits, (lo >>> bits) | (hi << (32 - bits))];
}

const round = (accumulator: Pair, lane: Pair): Pair =>
  multiply(rotateLeft(add(accumulator, multiply(lane, PRIME_2)), 31), PRIME_1);

export class Xxh64 {
  readonly #state = new Int32Array(8);
  readonly #rest = Buffer.alloc(STRIPE_BYTES);
  #restLength = 0;
  #length = 0;

  constructor() {
    const zero: Pair = [0, 0];
    const start = [
      add(PRIME_1, PRIME_2),
      PRIME_2,
      zero,
      add(add(xor(PRIME_1, [-1, -1]), [0, 1]), zero),
    ];
    start.forEach(([hi, lo], i) => {
      this.#state[2 * i] = hi;
      this.#state[2 * i + 1] = lo;
    });
  }

  update(bytes: Uint8Array): void {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#length += data.length;
    let at = 0;
    if (this.#restLength > 0) {
      at = data.copy(this.#rest, this.#restLength, 0, STRIPE_BYTES - this.#restLength);
      this.#restLength += at;
      if (this.#restLength < STRIPE_BYTES) return;
      this.#stripes(this.#rest, 0, 1);
      this.#restLength = 0;
    }
    const stripes = Math.floor((data.length - at) / STRIPE_BYTES);
    this.#stripes(data, at, stripes);
    this.#restLength = data.copy(this.#rest, 0, at + stripes * STRIPE_BYTES);
  }

  /** The round function of the specification, unrolled into halves because it meets every byte. */
  #stripes(data: Buffer, from: number, count: number): void {
    const state = this.#state;
    const [P1H, P1L] = PRIME_1;
    const [P2H, P2L] = PRIME_2;
    let at = from;
    for (let stripe = 0; stripe < count; stripe++) {
      for (let i = 0; i < 8; i += 2) {
        const laneLo =
          data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
        const laneHi =
          data[at + 4]! | (data[at + 5]! << 8) | (data[at + 6]! << 16) | (data[at + 7]! << 24);
        at += 8;
        const productLo = Math.imul(laneLo, P2L);
        const productHi =
          (multiplyHigh(laneLo, P2L) + Math.imul(laneHi, P2L) + Math.imul(laneLo, P2H)) | 0;
        const sumLo = (state[i + 1]! + productLo) | 0;
        const carry = sumLo >>> 0 < productLo >>> 0 ? 1 : 0;
        const sumHi = (state[i]! + productHi + carry) | 0;
        const turnedHi = (sumHi << 31) | (sumLo >>> 1);
        const turnedLo = (sumLo << 31) | (sumHi >>> 1);
        state[i + 1] = Math.imul(turnedLo, P1L);
        state[i] =
          multiplyHigh(turnedLo, P1L) + Math.imul(turnedHi, P1L) + Math.imul(turnedLo, P1H);
      }
    }
  }

  /** The 64-bit hash so far. */
  digest(): Pair {
    const state = this.#state;
    const accumulator = (i: number): Pair => [state[2 * i]!, state[2 * i + 1]!];
    let hash: Pair = PRIME_5;
    if (this.#length >= STRIPE_BYTES) {
      hash = [1, 7, 12, 18]
        .map((bits, i) => rotateLeft(accumulator(i), bits))
        .reduce((sum, part) => add(sum, part));
      for (let i = 0; i < 4; i++) {
        hash = add(multiply(xor(hash, round([0, 0], accumulator(i))), PRIME_1), PRIME_4);
      }
    }
    hash = add(hash, [Math.floor(this.#length / 2 ** 32), this.#length | 0]);
    const rest = this.#rest;
    let at = 0;
    for (; at + 8 <= this.#restLength; at += 8) {
      const lane: Pair = [rest.readInt32LE(at + 4), rest.readInt32LE(at)];
      hash = add(multiply(rotateLeft(xor(hash, round([0, 0], lane)), 27), PRIME_1), PRIME_4);
    }
    if (at + 4 <= this.#restLength) {
      const lane: Pair = [0, rest.readInt32LE(at)];
      hash = add(multiply(rotateLeft(xor(hash, multiply(lane, PRIME_1)), 23), PRIME_2), PRIME_3);
      at += 4;
    }
    for (; at < this.#restLength; at++) {
      hash = multiply(rotateLeft(xor(hash, multiply([0, rest[at]!], PRIME_5)), 11), PRIME_1);
    }
    hash = multiply(xor(hash, shiftRight(hash, 33)), PRIME_2);
    hash = multiply(xor(hash, shiftRight(hash, 29)), PRIME_3);
    return xor(hash, shiftRight(hash, 32));
  }

  /** The lower 32 bits of the hash, which is what a zstd frame ends with. */
  lower32(): number {
    return this.digest()[1] >>> 0;
  }
}
