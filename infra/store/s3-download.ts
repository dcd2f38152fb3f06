/** Objects that are compared with their hash: fetched into a file, or only read. */
import { rm } from 'node:fs/promises';
import { sha256File } from '../../lib/hash.ts';
import type { Bucket } from './s3-bucket.ts';
import { type Fetched, fetchBytes, fileSink, HashSink } from './s3-fetch.ts';
import type { Hashed } from './s3-upload.ts';

/** Bits may flip on the way: what does not fit its hash is fetched once more, from the first byte on. */
const TRIALS = 2;

/**
 * Brings an object into a file, which may hold its beginning. `damaged` when what the store has is
 * not what the hash says.
 * @throws EdgeloomError as `asStoreError` says; the signal's reason when aborted
 */
export async function downloadFile(
  bucket: Bucket,
  key: string,
  path: string,
  file: Hashed,
  signal: AbortSignal,
): Promise<Fetched> {
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const state = await fetchBytes(bucket, key, fileSink(path, file.bytes), file.bytes, signal);
    if (state === 'missing') return state;
    if (state === 'whole' && (await sha256File(path)) === file.sha256) return state;
    await rm(path, { force: true });
  }
  return 'damaged';
}

/** Reads all bytes of an object and keeps none; otherwise as `downloadFile`. */
export async function checkFile(
  bucket: Bucket,
  key: string,
  file: Hashed,
  signal: AbortSignal,
): Promise<Fetched> {
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const sink = new HashSink();
    const state = await fetchBytes(bucket, key, sink, file.bytes, signal);
    if (state === 'missing') return state;
    if (state === 'whole' && sink.digest() === file.sha256) return state;
  }
  return 'damaged';
}
