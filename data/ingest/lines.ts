/** Splits bytes into lines at 0x0A and nothing else, in bounded memory. */

/** Bytes of a line that are kept for the reject file when the line is too long to read. */
export const KEPT_BYTES = 64 * 1024;

const NEWLINE = 0x0a;

/** A line without its newline; valid during the callback only. */
export interface Line {
  /** Starts at 1; blank lines count. */
  number: number;
  /** Byte offset of its first byte in the (decompressed) content. */
  offset: number;
  /** Its bytes, or the first `KEPT_BYTES` of them when it is longer than the limit. */
  bytes: Buffer;
  /** Its true length in bytes. */
  length: number;
  tooLong: boolean;
}

/** Takes whole lines, each with its newline. @returns how many they were */
export type OnLines = (lines: Buffer, number: number, offset: number) => number;

export class LineSplitter {
  readonly #maxLineBytes: number;
  readonly #onLine: (line: Line) => void;
  readonly #onLines: OnLines | undefined;
  readonly #line: Line = {
    number: 0,
    offset: 0,
    bytes: Buffer.alloc(0),
    length: 0,
    tooLong: false,
  };
  /** Pieces of a line that began in an earlier chunk. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #offset = 0;
  #number = 1;

  /** @param onLines when given, hears of all lines but the last one without a newline */
  constructor(maxLineBytes: number, onLine: (line: Line) => void, onLines?: OnLines) {
    this.#maxLineBytes = maxLineBytes;
    this.#onLine = onLine;
    this.#onLines = onLines;
  }

  feed(chunk: Buffer): void {
    let start = this.#onLines ? this.#feedLines(chunk, this.#onLines) : 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#finish(chunk, start, end);
      this.#offset += this.#line.length + 1;
      this.#number++;
      start = end + 1;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  /** The last line when no newline follows it; its `length` is 0 when there is none. */
  rest(): Line {
    return this.#collect(Buffer.alloc(0));
  }

  /** Hands on the whole lines of a chunk; returns where the rest begins. */
  #feedLines(chunk: Buffer, onLines: OnLines): number {
    let start = 0;
    if (this.#pieceBytes > 0) {
      const end = chunk.indexOf(NEWLINE) + 1;
      // A line above the limit is not whole here.
      if (end === 0 || this.#pieceBytes + end - 1 > this.#maxLineBytes) return 0;
      const line = Buffer.concat([...this.#pieces, chunk.subarray(0, end)]);
      this.#pieces = [];
      this.#pieceBytes = 0;
      this.#number += onLines(line, this.#number, this.#offset);
      this.#offset += line.length;
      start = end;
    }
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end <= start) return start;
    this.#number += onLines(chunk.subarray(start, end), this.#number, this.#offset);
    this.#offset += end - start;
    return end;
  }

  #finish(chunk: Buffer, start: number, end: number): void {
    this.#onLine(this.#collect(chunk.subarray(start, end)));
  }

  #hold(piece: Buffer): void {
    // What is over the limit is counted and not kept.
    const keep = this.#pieceBytes <= this.#maxLineBytes;
    if (keep) this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
    if (keep && this.#pieceBytes > this.#maxLineBytes) {
      this.#pieces = [Buffer.from(Buffer.concat(this.#pieces).subarray(0, KEPT_BYTES))];
    }
  }

  #collect(last: Buffer): Line {
    const line = this.#line;
    line.number = this.#number;
    line.offset = this.#offset;
    line.length = this.#pieceBytes + last.length;
    line.tooLong = line.length > this.#maxLineBytes;
    line.bytes = this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last]);
    if (line.tooLong) line.bytes = line.bytes.subarray(0, KEPT_BYTES);
    this.#pieces = [];
    this.#pieceBytes = 0;
    return line;
  }
}

/** A line that lies whole in memory. */
export function wholeLine(
  bytes: Buffer,
  place: Pick<Line, 'number' | 'offset'>,
  maxLineBytes: number,
): Line {
  const { length } = bytes;
  const tooLong = length > maxLineBytes;
  return { ...place, bytes: tooLong ? bytes.subarray(0, KEPT_BYTES) : bytes, length, tooLong };
}
