/** Texts of a column as bytes one behind the other. */
import type { Ranges } from './append.ts';
import type { ChunkTexts } from './chunk-texts.ts';
import { Ints } from './growing.ts';

export class ByteTexts {
  #bytes = Buffer.alloc(0);
  /** Row i is `#bytes[#starts[i]] … #bytes[#starts[i + 1] − 1]`. */
  readonly #starts = new Ints();

  constructor() {
    this.#starts.push(0);
  }

  /** Appends values of a column chunk; nulls become empty texts. */
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
    this.#starts.length = row;
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
