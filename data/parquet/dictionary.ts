/** Texts numbered 0, 1, … in the order in which they were first met. */
import { plainTexts } from './plain-texts.ts';

/** Texts by number, as a column of codes is written. */
export interface CodedTexts {
  /** Texts that there are. */
  readonly size: number;
  /** Parquet's PLAIN form of some texts. */
  plain(codes: readonly number[]): Uint8Array;
}

/** Scratch of `renumber`: number of a code in the file + 1; 0 everywhere between calls. */
let scratch = new Int32Array(1024);
let results = new Int32Array(1024);

/** Codes in numbers of their own: 0 for the first one met, and so on. `used`: the code of each number. `own` is good until the next call. */
export function renumber(codes: Int32Array, size: number): { own: Int32Array; used: number[] } {
  if (scratch.length < size) scratch = new Int32Array(2 * size);
  const numbers = scratch;
  if (results.length < codes.length) results = new Int32Array(2 * codes.length);
  const own = results.subarray(0, codes.length);
  const used: number[] = [];
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    let number = numbers[code]!;
    if (number === 0) {
      number = used.push(code);
      numbers[code] = number;
    }
    own[i] = number - 1;
  }
  for (const code of used) numbers[code] = 0;
  return { own, used };
}

export class Dictionary implements CodedTexts {
  readonly #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  /** Takes a text that was not met before. @returns its code */
  add(text: string): number {
    return this.#texts.push(text) - 1;
  }

  text(code: number): string {
    return this.#texts[code]!;
  }

  plain(codes: readonly number[]): Uint8Array {
    return plainTexts(codes.map((code) => this.text(code)));
  }
}
