/** The literals section of a compressed block (RFC 8878, section 3.1.1.3.1). */
import { ZstdDamage } from './bits.ts';
import { decodeHuffman, type HuffmanTable, readHuffmanTable } from './huffman.ts';

export const MAX_BLOCK_BYTES = 128 * 1024;

/** Literal bytes of a block, and the place after the section. */
export interface Literals {
  bytes: Uint8Array;
  length: number;
  after: number;
}

export class LiteralsDecoder {
  readonly #out = new Uint8Array(MAX_BLOCK_BYTES);
  /** Of an earlier block of the frame. */
  #table: HuffmanTable | undefined;

  /** @param bytes a block, followed by at least 8 readable bytes */
  decode(bytes: Uint8Array, end: number): Literals {
    const first = bytes[0]!;
    const kind = first & 3;
    return kind < 2 ? this.#plain(bytes, end, kind === 1) : this.#coded(bytes, end, kind === 3);
  }

  /** Literals as they are, or one byte repeated. */
  #plain(bytes: Uint8Array, end: number, repeated: boolean): Literals {
    const header = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
    const format = (header >> 2) & 3;
    const [start, length] =
      format === 1
        ? [2, (header >> 4) & 0xfff]
        : format === 3
          ? [3, header >> 4]
          : [1, (header >> 3) & 31];
    const after = start + (repeated ? 1 : length);
    if (after > end || length > MAX_BLOCK_BYTES) throw new ZstdDamage('literals are cut off');
    if (!repeated) return { bytes: bytes.subarray(start, after), length, after };
    this.#out.fill(bytes[start]!, 0, length);
    return { bytes: this.#out, length, after };
  }

  #coded(bytes: Uint8Array, end: number, treeless: boolean): Literals {
    const format = (bytes[0]! >> 2) & 3;
    const headerBytes = [3, 3, 4, 5][format]!;
    const sizeBits = [10, 10, 14, 18][format]!;
    // Up to 40 bits: arithmetic instead of shifts.
    const header =
      bytes[0]! +
      bytes[1]! * 2 ** 8 +
      bytes[2]! * 2 ** 16 +
      bytes[3]! * 2 ** 24 +
      bytes[4]! * 2 ** 32;
    const length = Math.floor(header / 16) % 2 ** sizeBits;
    const after = headerBytes + (Math.floor(header / 2 ** (4 + sizeBits)) % 2 ** sizeBits);
    if (after > end || length > MAX_BLOCK_BYTES) throw new ZstdDamage('literals are cut off');
    let start = headerBytes;
    if (!treeless) ({ table: this.#table, after: start } = readHuffmanTable(bytes, start, after));
    const table = this.#table;
    if (!table) throw new ZstdDamage('literals without a Huffman table');
    if (format === 0) decodeHuffman(table, bytes, start, after, this.#out, 0, length);
    else this.#fourStreams(table, bytes, start, after, length);
    return { bytes: this.#out, length, after };
  }

  #fourStreams(table: HuffmanTable, bytes: Uint8Array, start: number, end: number, length: number) {
    const size = (i: number): number => bytes[start + 2 * i]! | (bytes[start + 2 * i + 1]! << 8);
    const each = (length + 3) >> 2;
    if (start + 6 > end || 3 * each > length) throw new ZstdDamage('literals are cut off');
    let from = start + 6;
    for (let i = 0; i < 4; i++) {
      const to = i < 3 ? from + size(i) : end;
      if (to > end) throw new ZstdDamage('literals are cut off');
      decodeHuffman(table, bytes, from, to, this.#out, i * each, i < 3 ? (i + 1) * each : length);
      from = to;
    }
  }
}
