/**
 * Texts as small numbers. DuckDB hashes a text in a few nanoseconds and hands over 64 bits; here a hash
 * gets the next free number, and only a hash that was never met before costs a JavaScript string. Two
 * texts with one hash would be taken for one: among ten million texts the odds are 3 in a million.
 */
import { Dictionary } from '../parquet/dictionary.ts';

export class Codes {
  readonly dictionary = new Dictionary();
  #low = new Uint32Array(1024);
  #high = new Uint32Array(1024);
  /** Code + 1; 0 where the place is free. */
  #code = new Int32Array(1024);
  #mask = 1023;

  get size(): number {
    return this.dictionary.size;
  }

  /**
   * The code of a hash given as two words; −1 for the hash 0, which stands for null.
   * @param text called with `at` when the hash is new
   */
  code(low: number, high: number, text: (place: number) => string, at: number): number {
    if (low === 0 && high === 0) return -1;
    let place = (low ^ (high >>> 7)) & this.#mask;
    for (;;) {
      const found = this.#code[place]!;
      if (found === 0) break;
      if (this.#low[place] === low && this.#high[place] === high) return found - 1;
      place = (place + 1) & this.#mask;
    }
    const code = this.dictionary.add(text(at));
    this.#low[place] = low;
    this.#high[place] = high;
    this.#code[place] = code + 1;
    if (2 * (code + 1) > this.#mask) this.#grow();
    return code;
  }

  #grow(): void {
    const [low, high, code] = [this.#low, this.#high, this.#code];
    const size = 2 * code.length;
    this.#mask = size - 1;
    this.#low = new Uint32Array(size);
    this.#high = new Uint32Array(size);
    this.#code = new Int32Array(size);
    for (let i = 0; i < code.length; i++) {
      if (code[i] === 0) continue;
      let place = (low[i]! ^ (high[i]! >>> 7)) & this.#mask;
      while (this.#code[place] !== 0) place = (place + 1) & this.#mask;
      this.#low[place] = low[i]!;
      this.#high[place] = high[i]!;
      this.#code[place] = code[i]!;
    }
  }
}
