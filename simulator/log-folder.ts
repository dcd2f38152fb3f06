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

const CHUNK = 1 << 20;

/** Lines into one gzip file. The header's time stays 0, so equal lines give equal bytes. */
export class GzipLines {
  readonly #gzip = createGzip({ level: 1 });
  readonly #done: Promise<void>;
  #pending: string[] = [];
  #length = 0;
  lines = 0;

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

  /** Keeps a line in memory until `drain`. */
  add(line: string): void {
    this.#pending.push(line);
    this.#length += line.length + 1;
    this.lines++;
  }

  /** Hands over what has gathered once it is worth it, and waits while the disk is behind. */
  async drain(force = false): Promise<void> {
    if (this.#length === 0 || (!force && this.#length < CHUNK)) return;
    const text = `${this.#pending.join('\n')}\n`;
    this.#pending = [];
    this.#length = 0;
    if (!this.#gzip.write(text)) await Promise.race([once(this.#gzip, 'drain'), this.#done]);
  }

  async close(): Promise<void> {
    await this.drain(true);
    this.#gzip.end();
    await this.#done;
  }
}
