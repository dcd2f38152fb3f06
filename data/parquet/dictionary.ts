/** Texts numbered 0, 1, … in the order in which they were first met. */

export class Dictionary {
  readonly #texts: string[] = [];
  /** Scratch of `renumber`: number of a code in the file + 1; 0 everywhere between calls. */
  #numbers = new Int32Array(1024);

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

  /** Codes in numbers of their own: 0 for the first one met, and so on. `used`: the code of each number. */
  renumber(codes: Int32Array): { own: Int32Array; used: number[] } {
    if (this.#numbers.length < this.size) this.#numbers = new Int32Array(2 * this.size);
    const numbers = this.#numbers;
    const own = new Int32Array(codes.length);
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
}
