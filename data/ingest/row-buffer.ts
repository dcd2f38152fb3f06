/**
 * JSON rows as bytes. Rows are encoded at once, so that their strings die young: kept as strings,
 * a batch of them costs more in garbage collection than in encoding.
 */

const CHUNK_BYTES = 2 ** 20;
const COMMA = 0x2c;
const NEWLINE = 0x0a;

export class RowBuffer {
  #chunks: Buffer[] = [];
  #current = Buffer.alloc(0);
  #used = 0;
  rows = 0;
  bytes = 0;
  longestRow = 0;

  /**
   * Adds the row `{<members>,<json without its brace>`.
   * @param members at least one JSON member, without a trailing comma
   * @param json an object with at least one member
   */
  add(members: string, json: string): void {
    // A UTF-16 code unit takes at most three bytes of UTF-8.
    const room = 3 * (members.length + json.length) + 2;
    if (this.#current.length - this.#used < room) this.#nextChunk(room);
    const buffer = this.#current;
    const start = this.#used;
    let at = start + buffer.write(members, start, 'latin1');
    const join = at;
    at += buffer.write(json, at, 'utf8');
    buffer[join] = COMMA;
    buffer[at++] = NEWLINE;
    this.#used = at;
    this.rows++;
    this.bytes += at - start;
    this.longestRow = Math.max(this.longestRow, at - start);
  }

  /** The bytes of all rows, in pieces. */
  pieces(): Buffer[] {
    return [...this.#chunks, this.#current.subarray(0, this.#used)];
  }

  #nextChunk(room: number): void {
    if (this.#used > 0) this.#chunks.push(this.#current.subarray(0, this.#used));
    this.#current = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, room));
    this.#used = 0;
  }
}
