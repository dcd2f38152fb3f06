/** Bytes of an object into a sink, whatever breaks on the way: each request goes on where the last stopped. */
import { createHash, type Hash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import { backOff } from './retry.ts';
import type { Bucket } from './s3-bucket.ts';
import { asStoreError, isBehindEnd, isNotFound, UNREACHABLE } from './s3-errors.ts';

export type Fetched = 'whole' | 'missing' | 'damaged';

interface Opened {
  write(chunk: Buffer): Promise<unknown>;
  close(): Promise<void>;
}

/** Takes the bytes of one object in their order. */
export interface Sink {
  /** How many it has. */
  size(): Promise<number>;
  /** @param anew forget what it has */
  open(anew: boolean): Promise<Opened>;
}

/** A file, which may hold the object's beginning. */
export const fileSink = (path: string, most: number): Sink => ({
  async size() {
    const size = (await statIfThere(path))?.size ?? 0;
    if (size <= most) return size;
    await rm(path);
    return 0;
  },
  async open(anew) {
    const file = await open(path, anew ? 'w' : 'a');
    return { write: (chunk) => file.writeFile(chunk), close: () => file.close() };
  },
});

/** Nothing but their SHA-256. */
export class HashSink implements Sink {
  #hash: Hash = createHash('sha256');
  #size = 0;

  async size(): Promise<number> {
    return this.#size;
  }

  async open(anew: boolean): Promise<Opened> {
    if (anew) {
      this.#hash = createHash('sha256');
      this.#size = 0;
    }
    const write = async (chunk: Buffer): Promise<void> => {
      this.#hash.update(chunk);
      this.#size += chunk.byteLength;
    };
    return { write, close: async () => undefined };
  }

  /** Hex; once. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Hands a body on. Gives up when no byte comes for `stallMs`. */
async function pour(
  body: Readable,
  sink: Sink,
  { anew, most, stallMs }: { anew: boolean; most: number; stallMs: number },
): Promise<void> {
  const opened = await sink.open(anew);
  const stalled = (): void => {
    const error: NodeJS.ErrnoException = new Error('no byte came for too long');
    error.code = 'ETIMEDOUT';
    body.destroy(error);
  };
  let timer = setTimeout(stalled, stallMs);
  try {
    let left = most;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      await opened.write(chunk.subarray(0, left));
      left -= Math.min(chunk.byteLength, left);
      timer = setTimeout(stalled, stallMs);
    }
  } finally {
    clearTimeout(timer);
    body.destroy();
    await opened.close();
  }
}

/** Of one request. `broke`: the body ended early; the SDK tries again only what fails before it. */
type Answer = Exclude<Fetched, 'whole'> | { broke?: unknown };

/** One request from where the sink ends. */
async function fetchOn(
  bucket: Bucket,
  key: string,
  sink: Sink,
  { have, bytes }: { have: number; bytes: number },
  signal: AbortSignal,
): Promise<Answer> {
  const expected = (error: unknown): boolean => isNotFound(error) || isBehindEnd(error);
  const found = await bucket.stream(key, have, signal, expected).catch((error: unknown) => {
    if (isNotFound(error)) return 'missing' as const;
    if (isBehindEnd(error)) return 'damaged' as const;
    throw error;
  });
  if (typeof found === 'string') return found;
  const { body, start, total } = found;
  if (total !== bytes || (start !== have && start !== 0)) {
    // A body that is not read keeps its connection.
    body.destroy();
    return 'damaged';
  }
  const cut = (): void => {
    body.destroy(signal.reason as Error);
  };
  signal.addEventListener('abort', cut, { once: true });
  try {
    const { stallMs } = bucket.options;
    await pour(body, sink, { anew: start !== have, most: bytes - start, stallMs });
    return {};
  } catch (error) {
    signal.throwIfAborted();
    const problem = asStoreError(error, bucket.told(key));
    if (problem instanceof EdgeloomError && problem.code === UNREACHABLE) return { broke: problem };
    throw problem;
  } finally {
    signal.removeEventListener('abort', cut);
  }
}

/**
 * Until the sink has all `bytes` of the object, which may be other ones than expected: their hash is
 * not looked at. Gives up after `attempts` requests on end that brought none.
 * @throws EdgeloomError as `asStoreError` says; the signal's reason when aborted
 */
export async function fetchBytes(
  bucket: Bucket,
  key: string,
  sink: Sink,
  bytes: number,
  signal: AbortSignal,
): Promise<Fetched> {
  let failures = 0;
  let have = await sink.size();
  while (have < bytes || bytes === 0) {
    const answer = await fetchOn(bucket, key, sink, { have, bytes }, signal);
    if (typeof answer === 'string') return answer;
    const now = await sink.size();
    if (now === bytes) break;
    failures = now > have ? 1 : failures + 1;
    have = now;
    if (failures >= bucket.options.attempts) {
      if (answer.broke) throw answer.broke;
      return 'damaged';
    }
    await backOff(failures, signal);
  }
  return 'whole';
}
