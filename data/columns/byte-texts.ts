/** Texts of a column as bytes one behind the other. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { Ranges } from './append.ts';
import { Ints } from './growing.ts';
import { type ChunkTexts, NotUtf8 } from './text-bytes.ts';

export class ByteTexts {
  #bytes = Buffer.alloc(0);
  /** Row i is `#bytes[#starts[i]] … #bytes[#starts[i + 1] − 1]`. */
  readonly #starts = new Ints();

  constructor() {
    this.#starts.push(0);
  }

  /** Appends values of a column chunk; nulls become empty texts. @throws NotUtf8 */
  append(texts: ChunkTexts, ranges: Ranges): void {
    for (let r = 0; r < ranges.length; r += 2) this.#append(texts, ranges[r]!, ranges[r + 1]!);
  }

  /** Appends empty texts. */
  fill(count: number): void {
    this.#starts.fill(this.#starts.data[this.#starts.length - 1]!, count);
  }

  #append({ bytes, starts, codes }: ChunkTexts, from: number, to: number): void {
    const own = this.#starts.reserve(to - from);
    let row = this.#starts.length;
    let end = own[row - 1]!;
    if (codes) {
      for (let i = from; i < to; i++) {
        const code = codes[i]!;
        if (code >= 0) {
          const length = starts[code + 1]! - starts[code]!;
          this.#reserve(end + length);
          bytes.copy(this.#bytes, end, starts[code], starts[code + 1]);
          end += length;
        }
        own[row++] = end;
      }
    } else {
      const first = starts[from]!;
      this.#reserve(end + starts[to]! - first);
      bytes.copy(this.#bytes, end, first, starts[to]);
      for (let i = from; i < to; i++) own[row++] = end + starts[i + 1]! - first;
    }
    const before = this.#starts.length;
    this.#starts.length = row;
    this.#check(before);
  }

  /** Checks the texts from the row behind `starts[first]` on. */
  #check(first: number): void {
    const starts = this.#starts.view();
    if (isAscii(this.#bytes.subarray(starts[first - 1], starts.at(-1)))) return;
    for (let i = first; i < starts.length; i++) {
      if (!isUtf8(this.#bytes.subarray(starts[i - 1], starts[i]))) throw new NotUtf8();
    }
  }

  #reserve(end: number): void {
    if (end <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(end, 2 * this.#bytes.length));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  text(row: number): string {
    const starts = this.#starts.data;
    return this.#bytes.toString('utf8', starts[row], starts[row + 1]);
  }
}
