/** Sending files under the hash of their bytes: whole or in parts, each once. */
import { open } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { EdgeloomError } from '../../lib/errors.ts';
import type { HashedFile } from '../../lib/hash-folder.ts';
import { forEachLimited } from './limit.ts';
import { type Bucket, base64OfHex, type Condition, type StoredObject } from './s3-bucket.ts';
import { isConflict, UNREACHABLE } from './s3-errors.ts';
import { findUpload, hashParts, openUploads, type Part, partSize, readPart } from './s3-parts.ts';

export type Hashed = Pick<HashedFile, 'sha256' | 'bytes'>;

/**
 * Whether an object is what its key says, as far as its head tells: size, and the checksum that the
 * server took. Of an object sent in parts the checksum is over the parts' and says no more than that.
 */
export function isWhole(found: StoredObject | undefined, file: Hashed): boolean {
  if (!found || found.bytes !== file.bytes) return false;
  const { checksum } = found;
  return !checksum || checksum.includes('-') || checksum === base64OfHex(file.sha256);
}

/** A file that is no longer what was hashed. */
function changed(path: string): EdgeloomError {
  return new EdgeloomError({
    code: 'file-changed',
    what: 'A file changed while it was sent to the store',
    where: path,
    fix: 'let nothing write into the store and its cache, and run again',
  });
}

/** Several writers at once each find another's work in the way for a moment, not for long. */
const ROUNDS = 5;

/**
 * Sends a file unless its bytes are there. A broken-off upload in parts is gone on with, also one of
 * another process or machine.
 * @param key ends with the file's hash, so that whoever writes it writes the same
 */
export async function uploadFile(
  bucket: Bucket,
  key: string,
  path: string,
  file: Hashed,
  signal?: AbortSignal,
): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const there = await bucket.head(key, signal);
    if (isWhole(there, file)) return;
    // Bytes that are not what the key says are replaced; new ones never overwrite another writer's.
    const condition: Condition = there ? 'replace' : 'absent';
    const done =
      file.bytes <= bucket.options.partBytes
        ? await sendWhole(bucket, key, path, file, condition, signal)
        : await sendParts(bucket, key, path, file, condition, signal);
    if (done) return;
  }
  throw new EdgeloomError({
    code: UNREACHABLE,
    what: 'Other writers of the same file were in the way each time',
    where: bucket.url(key),
    fix: 'run the same command again',
  });
}

function sendWhole(
  bucket: Bucket,
  key: string,
  path: string,
  file: Hashed,
  condition: Condition,
  signal?: AbortSignal,
): Promise<boolean> {
  return bucket.bodies.run(async () => {
    const { sha256, parts } = await hashParts(path, file.bytes, Math.max(file.bytes, 1), signal);
    if (sha256 !== file.sha256) throw changed(path);
    const handle = await open(path);
    try {
      const body = parts[0] ? await readPart(handle, parts[0]) : Buffer.alloc(0);
      return await bucket.put(key, body, condition, signal);
    } finally {
      await handle.close();
    }
  });
}

async function createUpload(bucket: Bucket, key: string, signal?: AbortSignal): Promise<string> {
  const command = new CreateMultipartUploadCommand({
    ...bucket.at(key),
    ChecksumAlgorithm: 'SHA256',
  });
  const { UploadId } = await bucket.request(key, signal, (o) => bucket.client.send(command, o));
  return UploadId ?? '';
}

async function sendPart(
  bucket: Bucket,
  key: string,
  uploadId: string,
  path: string,
  part: Part,
  signal: AbortSignal,
): Promise<string> {
  return bucket.bodies.run(async () => {
    signal.throwIfAborted();
    const handle = await open(path);
    try {
      const command = new UploadPartCommand({
        ...bucket.at(key),
        UploadId: uploadId,
        PartNumber: part.number,
        Body: await readPart(handle, part),
        ContentLength: part.bytes,
        // Of the bytes that were hashed with the whole: the server refuses others.
        ChecksumSHA256: part.checksum,
      });
      const { ETag } = await bucket.request(
        key,
        signal,
        (o) => bucket.client.send(command, o),
        isConflict,
      );
      return ETag ?? '';
    } finally {
      await handle.close();
    }
  });
}

/** False when another writer ended the upload or wrote the object meanwhile. */
async function sendParts(
  bucket: Bucket,
  key: string,
  path: string,
  file: Hashed,
  condition: Condition,
  signal?: AbortSignal,
): Promise<boolean> {
  const size = partSize(file.bytes, bucket.options.partBytes);
  const { sha256, parts } = await hashParts(path, file.bytes, size, signal);
  if (sha256 !== file.sha256) throw changed(path);
  const begun = await findUpload(bucket, key, parts, signal);
  const uploadId = begun?.uploadId ?? (await createUpload(bucket, key, signal));
  const tags = begun?.sent ?? new Map<number, string>();
  const missing = parts.filter(({ number }) => !tags.has(number));
  try {
    await forEachLimited(
      missing,
      bucket.options.concurrency,
      async (part, either) => {
        tags.set(part.number, await sendPart(bucket, key, uploadId, path, part, either));
      },
      signal,
    );
    const complete = new CompleteMultipartUploadCommand({
      ...bucket.at(key),
      UploadId: uploadId,
      ...(condition === 'absent' ? { IfNoneMatch: '*' } : {}),
      MultipartUpload: {
        Parts: parts.map(({ number, checksum }) => ({
          PartNumber: number,
          ETag: tags.get(number),
          ChecksumSHA256: checksum,
        })),
      },
    });
    await bucket.request(key, signal, (o) => bucket.client.send(complete, o), isConflict);
  } catch (error) {
    if (!isConflict(error)) throw error;
    return false;
  } finally {
    if (await nowWhole(bucket, key, file, signal)) await dropUploads(bucket, key, signal);
  }
  return true;
}

/** Never fails: it decides about a clean-up only. */
async function nowWhole(
  bucket: Bucket,
  key: string,
  file: Hashed,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    return isWhole(await bucket.head(key, signal), file);
  } catch {
    return false;
  }
}

/** The object is there: what others began for it is of no use, and would be paid for. */
async function dropUploads(bucket: Bucket, key: string, signal?: AbortSignal): Promise<void> {
  for (const uploadId of await openUploads(bucket, key, signal)) {
    const command = new AbortMultipartUploadCommand({ ...bucket.at(key), UploadId: uploadId });
    try {
      await bucket.request(key, signal, (o) => bucket.client.send(command, o), isConflict);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}
