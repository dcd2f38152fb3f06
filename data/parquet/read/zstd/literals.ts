/** The literals section of a compressed block (RFC 8878, section 3.1.1.3.1). */
import { Damage } from '../damage.ts';
import { Huffman } from './huffman.ts';

export const MAX_BLOCK_BYTES = 128 * 1024;
/** Readers and copiers take up to 8 bytes at once, which may reach past the end. */
export const PADDING = 16;

const HEADER_BYTES = [3, 3, 4, 5];
const SIZE_BITS = [10, 10, 14, 18];

/** Literals of the block that was read last: `from … to` of `bytes`, PADDING more bytes are readable. */
export class Literals {
  readonly #own = new Uint8Array(MAX_BLOCK_BYTES + PADDING);
  readonly #ownView = new DataView(this.#own.buffer);
  readonly #huffman = new Huffman();
  bytes: Uint8Array = this.#own;
  view: DataView = this.#ownView;
  from = 0;
  to = 0;

  /** A new frame: trees of the last one do not count. */
  reset(): void {
    this.#huffman.maxBits = 0;
  }

  /** Reads the section at `start` of a block that ends at `end`. @returns the byte after it */
  read(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const kind = bytes[start]! & 3;
    if (kind > 1) return this.#coded(bytes, view, start, end, kind === 3);
    return this.#plain(bytes, view, start, end, kind === 1);
  }

  /** Literals as they are, or one byte repeated. */
  #plain(bytes: Uint8Array, view: DataView, start: number, end: number, repeated: boolean): number {
    const header = view.getInt32(start, true) & 0xffffff;
    const format = (header >> 2) & 3;
    const size = format === 1 ? 2 : format === 3 ? 3 : 1;
    const length =
      size === 2 ? (header >> 4) & 0xfff : size === 3 ? header >> 4 : (header >> 3) & 31;
    const from = start + size;
    const after = from + (repeated ? 1 : length);
    if (after > end || length > MAX_BLOCK_BYTES) throw new Damage('zstd literals are cut off');
    if (repeated) {
      this.#own.fill(bytes[from]!, 0, length);
      this.#give(length);
    } else {
      this.bytes = bytes;
      this.view = view;
      this.from = from;
      this.to = after;
    }
    return after;
  }

  #give(length: number): void {
    this.bytes = this.#own;
    this.view = this.#ownView;
    this.from = 0;
    this.to = length;
  }

  #coded(bytes: Uint8Array, view: DataView, start: number, end: number, treeless: boolean): number {
    const format = (bytes[start]! >> 2) & 3;
    const sizeBits = SIZE_BITS[format]!;
    // Up to 40 bits: arithmetic instead of shifts.
    const header = view.getUint32(start, true) + bytes[start + 4]! * 2 ** 32;
    const length = Math.floor(header / 16) % 2 ** sizeBits;
    let from = start + HEADER_BYTES[format]!;
    const after = from + (Math.floor(header / 2 ** (4 + sizeBits)) % 2 ** sizeBits);
    if (after > end || length > MAX_BLOCK_BYTES) throw new Damage('zstd literals are cut off');
    if (!treeless) from = this.#huffman.read(bytes, from, after);
    if (this.#huffman.maxBits === 0) throw new Damage('zstd literals without a Huffman table');
    const base = start;
    if (format === 0) {
      this.#huffman.decode(view, base, from - base, after - base, this.#own, length);
    } else this.#fourStreams(view, base, from - base, after - base, length);
    this.#give(length);
    return after;
  }

  /** Places count from `base`. */
  #fourStreams(view: DataView, base: number, start: number, end: number, length: number): void {
    const each = (length + 3) >> 2;
    if (start + 6 > end || 3 * each > length) throw new Damage('zstd literals are cut off');
    const size = (i: number): number => view.getUint16(base + start + 2 * i, true);
    const starts = [start + 6, 0, 0, 0, end];
    for (let i = 1; i < 4; i++) starts[i] = starts[i - 1]! + size(i - 1);
    if (starts[3]! > end) throw new Damage('zstd literals are cut off');
    const stream = (i: number) => ({
      start: starts[i]!,
      end: starts[i + 1]!,
      from: i * each,
      to: i < 3 ? (i + 1) * each : length,
    });
    this.#huffman.decodeTwo(view, base, stream(0), stream(1), this.#own);
    this.#huffman.decodeTwo(view, base, stream(2), stream(3), this.#own);
  }
}
