/** Checksums of columns: the same for the same values, whichever reader gave them. */
import { crc32 } from 'node:zlib';
import type { ColumnVector } from '../../data/parquet/read/decode.ts';

const SEPARATOR = '\u0000';

/** Strings of numbers and texts one behind the other; null is one more character that no text has. */
class Checksum {
  #sum = 0;
  #pending: string[] = [];

  add(value: string | number | null): void {
    this.#pending.push(value === null ? '\u0001' : String(value));
    if (this.#pending.length >= 4096) this.#flush();
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#sum = crc32(this.#pending.join(SEPARATOR) + SEPARATOR, this.#sum);
    this.#pending = [];
  }

  value(): number {
    this.#flush();
    return this.#sum;
  }
}

/** Of flat columns. */
export function vectorChecksum(vectors: readonly ColumnVector[]): number {
  const sum = new Checksum();
  const utf8 = new TextDecoder();
  for (const vector of vectors) {
    const texts =
      vector.kind === 'texts'
        ? vector.texts
        : vector.kind === 'coded-texts'
          ? vector.dictionary
          : undefined;
    const numbers = vector.kind === 'numbers' ? vector.numbers : new Int32Array(0);
    for (let i = 0; i < vector.rows; i++) {
      // In a flat column outside of structs level 1 is a value.
      if (vector.levels && vector.levels[i] === 0) sum.add(null);
      else if (!texts) sum.add(numbers[i]!);
      else {
        const code = vector.kind === 'coded-texts' ? vector.codes[i]! : i;
        sum.add(utf8.decode(texts.bytes.subarray(texts.starts[code]!, texts.starts[code + 1]!)));
      }
    }
  }
  return sum.value();
}

/** Of what hyparquet gives: pieces of a column with strings, numbers, bigints and null. */
export function cellChecksum(pieces: readonly ArrayLike<unknown>[]): number {
  const sum = new Checksum();
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i++) {
      const cell = piece[i];
      sum.add(cell === null || cell === undefined ? null : (String(cell) as string));
    }
  }
  return sum.value();
}
