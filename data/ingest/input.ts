/** Compressed bytes, asked for by number or taken as they come. */
import { open } from 'node:fs/promises';

const CHUNK_BYTES = 64 * 1024;

/**
 * How a file's bytes ended.
 * - `whole`: everything is there and every checksum fits.
 * - `truncated`: the file stops in the middle; what came before is as it was written.
 * - `checksum`, `corrupt`: bytes were altered. What was read after the last verified part
 *   (`trustedBytes` of content) cannot be trusted, even where it looks right.
 */
export interface Ending {
  kind: 'whole' | 'truncated' | 'checksum' | 'corrupt';
  detail: string;
  /** Bytes of content, from its start, that are as they were written. */
  trustedBytes: number;
}

/** Content of a file in pieces, then how it ended. Never throws for what is wrong with the bytes. */
export type Content = AsyncGenerator<Buffer, Ending, void>;

export const whole: Ending = { kind: 'whole', detail: '', trustedBytes: Number.POSITIVE_INFINITY };
export const truncated = (detail: string): Ending => ({
  kind: 'truncated',
  detail,
  trustedBytes: Number.POSITIVE_INFINITY,
});

/** A file's own bytes, chunk by chunk; `onRead` hears the size of each. */
export async function* readChunks(
  path: string,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer, void, void> {
  const file = await open(path, 'r');
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) return;
      onRead(bytesRead);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** A look-ahead reader over chunks. */
export class Input {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `count` bytes without taking them; fewer only at the end of the file. */
  async peek(count: number): Promise<Buffer> {
    while (this.#held.length < count) {
      const next = await this.#chunks.next();
      if (next.done) break;
      this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    }
    return this.#held.subarray(0, count);
  }

  /** Takes exactly `count` bytes, or returns undefined (and takes nothing) when there are fewer. */
  async take(count: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(count);
    if (bytes.length < count) return undefined;
    this.#held = this.#held.subarray(count);
    return bytes;
  }

  /** Takes whatever comes next, undefined at the end of the file. */
  async takeSome(): Promise<Buffer | undefined> {
    const bytes = await this.peek(1);
    if (bytes.length === 0) return undefined;
    const some = this.#held;
    this.#held = Buffer.alloc(0);
    return some;
  }

  /** Puts bytes back in front. */
  putBack(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([bytes, this.#held]);
  }
}
