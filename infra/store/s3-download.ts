/** Fetching files: from where an earlier attempt stopped, and compared with their hash. */
import { open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import { sha256File } from '../../lib/hash.ts';
import { backOff } from './retry.ts';
import type { Bucket } from './s3-bucket.ts';
import { asStoreError, isBehindEnd, isNotFound, UNREACHABLE } from './s3-errors.ts';
import type { Hashed } from './s3-upload.ts';

export type Fetched = 'whole' | 'missing' | 'damaged';

/** Appends a body to a file. Gives up when no byte comes for `stallMs`. */
async function append(
  path: string,
  body: Readable,
  most: number,
  flags: 'a' | 'w',
  stallMs: number,
): Promise<void> {
  const file = await open(path, flags);
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
      await file.write(chunk.subarray(0, left));
      left -= Math.min(chunk.byteLength, left);
      timer = setTimeout(stalled, stallMs);
    }
  } finally {
    clearTimeout(timer);
    body.destroy();
    await file.close();
  }
}

/** Of one request. `broke`: the body ended early; the SDK tries again only what fails before it. */
type Answer = Exclude<Fetched, 'whole'> | { broke?: unknown };

/** One request from where the file ends. */
async function fetchOn(
  bucket: Bucket,
  key: string,
  path: string,
  have: number,
  file: Hashed,
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
  if (total !== file.bytes || (start !== have && start !== 0)) {
    // A body that is not read keeps its connection.
    body.destroy();
    return 'damaged';
  }
  const cut = (): void => {
    body.destroy(signal.reason as Error);
  };
  signal.addEventListener('abort', cut, { once: true });
  try {
    const flags = start === have ? 'a' : 'w';
    await append(path, body, file.bytes - start, flags, bucket.options.stallMs);
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

/** Bytes that a file has; more than it should have are dropped. */
async function sizeOf(path: string, most: number): Promise<number> {
  const size = (await statIfThere(path))?.size ?? 0;
  if (size <= most) return size;
  await rm(path);
  return 0;
}

/** Until the file has all its bytes. Gives up after `attempts` requests on end that brought none. */
async function fetchBytes(
  bucket: Bucket,
  key: string,
  path: string,
  file: Hashed,
  signal: AbortSignal,
): Promise<Fetched> {
  let failures = 0;
  let have = await sizeOf(path, file.bytes);
  while (have < file.bytes || file.bytes === 0) {
    const answer = await fetchOn(bucket, key, path, have, file, signal);
    if (typeof answer === 'string') return answer;
    const now = await sizeOf(path, file.bytes);
    if (now === file.bytes) break;
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

/**
 * Brings an object into a file, which may hold its beginning. `damaged` when what the store has is
 * not what the hash says: found twice, the second time from the first byte on.
 * @throws EdgeloomError as `asStoreError` says; the signal's reason when aborted
 */
export async function downloadFile(
  bucket: Bucket,
  key: string,
  path: string,
  file: Hashed,
  signal: AbortSignal,
): Promise<Fetched> {
  for (let trial = 0; trial < 2; trial += 1) {
    const state = await fetchBytes(bucket, key, path, file, signal);
    if (state === 'missing') return state;
    if (state === 'whole' && (await sha256File(path)) === file.sha256) return state;
    await rm(path, { force: true });
  }
  return 'damaged';
}
