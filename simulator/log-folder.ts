/**
 * Writes a log folder as a collector would: gzip files under the date of receipt, a few lines twice,
 * late ones with the day on which they came. Holds one open file and what waits for the next day.
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { LineBytes } from './line-bytes.ts';

const CHUNK = 1 << 20;
/** Compressed bytes that come at a time: each time costs a switch between threads. */
const PIECE = 1 << 18;

/** Lines into one gzip file. The header's time stays 0, so equal lines give equal bytes. */
export class GzipLines {
  readonly #gzip = createGzip({ level: 1, chunkSize: PIECE });
  readonly #done: Promise<void>;
  readonly #pending = new LineBytes(CHUNK);
  /** Buffers that the stream has read. */
  readonly #spare: ArrayBuffer[] = [];

  private constructor(path: string) {
    const file = this.#gzip.pipe(createWriteStream(path));
    this.#done = finished(file);
    // A failed write is reported by `close`; until then it must not count as unhandled.
    this.#done.catch(() => undefined);
  }

  static async create(path: string): Promise<GzipLines> {
    await mkdir(dirname(path), { recursive: true });
    return new GzipLines(path);
  }

  /** Keeps lines, each with its line feed, in memory until `drain`. */
  add(lines: Uint8Array): void {
    this.#pending.append(lines);
  }

  /** Keeps a row as a line of JSON in memory until `drain`. */
  addRow(row: object): void {
    this.#pending.line(row);
  }

  /** Hands over what has gathered once it is worth it, and waits while the disk is behind. */
  async drain(force = false): Promise<void> {
    const { length } = this.#pending;
    if (length === 0 || (!force && length < CHUNK)) return;
    const chunk = this.#pending.take(this.#spare.pop());
    // It comes back, because buffers by the thousand are what the collector spends its time on.
    const read = (): number => this.#spare.push(chunk.buffer);
    if (!this.#gzip.write(chunk, read)) await Promise.race([once(this.#gzip, 'drain'), this.#done]);
  }

  async close(): Promise<void> {
    await this.drain(true);
    this.#gzip.end();
    await this.#done;
  }
}
