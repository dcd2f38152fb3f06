/** Texts of a column as bytes one behind the other. */
import { Ints } from './growing.ts';

const utf8 = new TextEncoder();
const decoder = new TextDecoder();

export class ByteTexts {
  bytes = new Uint8Array(0);
  readonly #starts = new Ints();
  /** Texts that were seen one by one, to be found again in the bytes. */
  #seen: { row: number; text: string }[] = [];

  constructor() {
    this.#starts.push(0);
  }

  /** Row i is `bytes[starts[i]] … bytes[starts[i + 1] − 1]`. */
  get starts(): Int32Array {
    return this.#starts.view();
  }

  /** Hears of more rows, the bytes of which come later. @param first the text of the first of them */
  lengths(lengths: ArrayLike<number>, rows: number, first: string): void {
    const starts = this.#starts.reserve(rows);
    const row = this.#starts.length - 1;
    let at = starts[row]!;
    for (let i = 0; i < rows; i++) {
      at += lengths[i]!;
      starts[row + 1 + i] = at;
    }
    this.#starts.length += rows;
    if (rows > 0) this.#seen.push({ row, text: first });
  }

  /** Takes the bytes of all rows that have none yet. @throws Error when they are not theirs */
  append(bytes: Uint8Array): void {
    const used = this.bytes.length;
    const wanted = this.starts.at(-1)! - used;
    if (bytes.length !== wanted) throw new Error('texts have another length than was told');
    const all = new Uint8Array(used + wanted);
    all.set(this.bytes);
    all.set(bytes, used);
    this.bytes = all;
    for (const { row, text } of this.#seen) {
      const there = this.bytes.subarray(this.starts[row]!, this.starts[row + 1]!);
      if (Buffer.compare(there, utf8.encode(text)) !== 0) {
        throw new Error('texts came in another order than their lengths');
      }
    }
    this.#seen = [];
  }

  text(row: number): string {
    return decoder.decode(this.bytes.subarray(this.starts[row]!, this.starts[row + 1]!));
  }
}
