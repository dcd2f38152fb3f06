/** What a frame has decoded so far, as far back as its window reaches. */
import { ZstdDamage } from './bits.ts';
import { MAX_BLOCK_BYTES } from './literals.ts';

const MIN_SLACK_BYTES = 1024 * 1024;

export class Window {
  readonly #size: number;
  #bytes: Uint8Array;
  #end = 0;
  #blockStart = 0;

  /** @param size bytes that a match may reach back */
  constructor(size: number) {
    this.#size = size;
    this.#bytes = new Uint8Array(Math.min(size, MIN_SLACK_BYTES) + MAX_BLOCK_BYTES);
  }

  /** Makes room for one more block. */
  startBlock(): void {
    if (this.#end + MAX_BLOCK_BYTES > this.#bytes.length) this.#makeRoom();
    this.#blockStart = this.#end;
  }

  /** A copy of what the block decoded. */
  block(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#blockStart, this.#end));
  }

  append(source: Uint8Array, from: number, to: number): void {
    this.#check(to - from);
    if (to - from > 32) {
      this.#bytes.set(source.subarray(from, to), this.#end);
      this.#end += to - from;
      return;
    }
    for (let i = from; i < to; i++) this.#bytes[this.#end++] = source[i]!;
  }

  fill(byte: number, length: number): void {
    this.#check(length);
    this.#bytes.fill(byte, this.#end, this.#end + length);
    this.#end += length;
  }

  /** Copies `length` bytes from `offset` bytes back; they may overlap what they make. */
  repeat(offset: number, length: number): void {
    this.#check(length);
    if (offset < 1 || offset > Math.min(this.#end, this.#size)) {
      throw new ZstdDamage('a match reaches back too far');
    }
    const bytes = this.#bytes;
    let from = this.#end - offset;
    let to = this.#end;
    this.#end += length;
    if (offset >= length && length > 32) {
      bytes.copyWithin(to, from, from + length);
      return;
    }
    while (to < this.#end) bytes[to++] = bytes[from++]!;
  }

  #check(length: number): void {
    if (this.#end + length - this.#blockStart > MAX_BLOCK_BYTES) {
      throw new ZstdDamage('a block decodes to more than 128 KiB');
    }
  }

  /** Grows up to the window and as much again, then slides: each byte is moved at most once a window. */
  #makeRoom(): void {
    const full = Math.max(2 * this.#size, MIN_SLACK_BYTES) + MAX_BLOCK_BYTES;
    if (this.#bytes.length < full) {
      const grown = new Uint8Array(Math.min(full, 2 * this.#bytes.length + MAX_BLOCK_BYTES));
      grown.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = grown;
      return;
    }
    const kept = Math.min(this.#size, this.#end);
    this.#bytes.copyWithin(0, this.#end - kept, this.#end);
    this.#end = kept;
  }
}
