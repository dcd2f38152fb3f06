/** Seeded random numbers: same seed, same stream, on every machine. */
import { hash } from 'node:crypto';

/** The sfc32 generator (PractRand): 128 bits of state, period ≥ 2^32, 32 bits a draw. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;
  /** Second number of a pair of normal draws, while `#hasSpare`: a field of numbers only is cheap to write. */
  #spare = 0;
  #hasSpare = false;

  private constructor(state: readonly [number, number, number, number]) {
    [this.#a, this.#b, this.#c, this.#counter] = state;
  }

  /** A stream of its own per (seed, path): `Random.of(7, 'user', 42)` never overlaps `Random.of(7, 'item', 42)`. */
  static of(seed: number, ...path: (string | number)[]): Random {
    // As text, because a buffer costs more than the digest itself.
    const digest = hash('sha256', JSON.stringify([seed, ...path]), 'hex');
    return new Random([word(digest, 0), word(digest, 1), word(digest, 2), word(digest, 3)]);
  }

  /** Uniform 32-bit unsigned integer. */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.uint32() / 4294967296;
  }

  /** Uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Normal with the given mean and standard deviation (Box–Muller, polar form). */
  normal(mean = 0, deviation = 1): number {
    if (this.#hasSpare) {
      this.#hasSpare = false;
      return mean + deviation * this.#spare;
    }
    for (;;) {
      const u = this.uniform() * 2 - 1;
      const v = this.uniform() * 2 - 1;
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      this.#spare = v * scale;
      this.#hasSpare = true;
      return mean + deviation * u * scale;
    }
  }

  /** True with probability p. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /** Shuffles in place (Fisher–Yates) and returns the array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = items[i] as T;
      items[i] = items[j] as T;
      items[j] = held;
    }
    return items;
  }

  /** The state, so that a checkpoint can resume the stream. A spare normal draw is dropped. */
  state(): [number, number, number, number] {
    return [this.#a, this.#b, this.#c, this.#counter];
  }

  /** A copy that draws the same numbers from here on. */
  clone(): Random {
    const copy = new Random([this.#a, this.#b, this.#c, this.#counter]);
    copy.#spare = this.#spare;
    copy.#hasSpare = this.#hasSpare;
    return copy;
  }

  static fromState(state: readonly [number, number, number, number]): Random {
    return new Random(state);
  }
}

/** Signed 32-bit word `i` of a digest in hex, lowest byte first. */
function word(digest: string, i: number): number {
  const big = Number.parseInt(digest.slice(8 * i, 8 * i + 8), 16);
  return (big >>> 24) | ((big >>> 8) & 0xff00) | ((big & 0xff00) << 8) | (big << 24);
}
