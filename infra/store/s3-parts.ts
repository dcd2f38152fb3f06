/** Uploads in parts: which parts a file has, and which of them a broken-off upload has sent. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import type { Bucket } from './s3-bucket.ts';
import { isConflict, isNotFound } from './s3-errors.ts';

export interface Part {
  /** From 1. */
  number: number;
  start: number;
  bytes: number;
  /** Base64 of its SHA-256. */
  checksum: string;
}

/** What S3 allows in one upload. */
const MAX_PARTS = 10_000;
const MEBIBYTE = 2 ** 20;

/** The same for every attempt at a file, so that its parts fit: `partBytes`, more for huge files. */
export const partSize = (fileBytes: number, partBytes: number): number =>
  Math.max(partBytes, Math.ceil(fileBytes / MAX_PARTS / MEBIBYTE) * MEBIBYTE);

/** @throws the file system's error; `RangeError` when the file is shorter than that */
export async function readPart(
  file: FileHandle,
  { start, bytes }: Pick<Part, 'start' | 'bytes'>,
): Promise<Buffer> {
  const body = Buffer.alloc(bytes);
  for (let read = 0; read < bytes; ) {
    const { bytesRead } = await file.read(body, read, bytes - read, start + read);
    if (bytesRead === 0) throw new RangeError(`the file ends at ${start + read}`);
    read += bytesRead;
  }
  return body;
}

/** One pass over the file: the hash of the whole (hex) and of each part. */
export async function hashParts(
  path: string,
  fileBytes: number,
  size: number,
  signal?: AbortSignal,
): Promise<{ sha256: string; parts: Part[] }> {
  const whole = createHash('sha256');
  const parts: Part[] = [];
  const file = await open(path);
  try {
    for (let start = 0; start < fileBytes; start += size) {
      signal?.throwIfAborted();
      const bytes = Math.min(size, fileBytes - start);
      const body = await readPart(file, { start, bytes });
      whole.update(body);
      const checksum = createHash('sha256').update(body).digest('base64');
      parts.push({ number: parts.length + 1, start, bytes, checksum });
    }
    return { sha256: whole.digest('hex'), parts };
  } finally {
    await file.close();
  }
}

interface Upload {
  /** Without the store's own prefix. */
  key: string;
  id: string;
}

/** Uploads in parts that were begun and not ended, of keys that begin so. */
async function uploadsUnder(
  bucket: Bucket,
  begin: string,
  signal?: AbortSignal,
): Promise<Upload[]> {
  const { Bucket, Key: Prefix } = bucket.at(begin);
  const own = Prefix.length - begin.length;
  const found: Upload[] = [];
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marker) {
    const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
      Bucket,
      Prefix,
      ...marker,
    });
    const page: ListMultipartUploadsCommandOutput = await bucket.request(begin, signal, (o) =>
      bucket.client.send(command, o),
    );
    for (const { Key = '', UploadId: id } of page.Uploads ?? []) {
      // A server may list more than was asked for.
      if (id && Key.startsWith(Prefix)) found.push({ key: Key.slice(own), id });
    }
    marker = page.IsTruncated
      ? {
          ...(page.NextKeyMarker ? { KeyMarker: page.NextKeyMarker } : {}),
          ...(page.NextUploadIdMarker ? { UploadIdMarker: page.NextUploadIdMarker } : {}),
        }
      : undefined;
  }
  return found;
}

/** Those of one key. */
export const openUploads = async (
  bucket: Bucket,
  key: string,
  signal?: AbortSignal,
): Promise<string[]> =>
  (await uploadsUnder(bucket, key, signal)).flatMap((one) => (one.key === key ? one.id : []));

/** Gives up uploads: the server drops their parts. */
export async function abortUploads(
  bucket: Bucket,
  begin: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const { key, id } of await uploadsUnder(bucket, begin, signal)) {
    const command = new AbortMultipartUploadCommand({ ...bucket.at(key), UploadId: id });
    // Another process may have ended it meanwhile.
    await bucket
      .request(key, signal, (o) => bucket.client.send(command, o), isNotFound)
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

/** Part number → ETag of what an upload has; undefined when one is not what `parts` says, or it is gone. */
async function sentParts(
  bucket: Bucket,
  key: string,
  uploadId: string,
  parts: readonly Part[],
  signal?: AbortSignal,
): Promise<Map<number, string> | undefined> {
  const sent = new Map<number, string>();
  let marker: string | undefined;
  do {
    const command = new ListPartsCommand({
      ...bucket.at(key),
      UploadId: uploadId,
      ...(marker ? { PartNumberMarker: marker } : {}),
    });
    try {
      const page = await bucket.request(
        key,
        signal,
        (o) => bucket.client.send(command, o),
        isConflict,
      );
      for (const { PartNumber = 0, ETag, Size, ChecksumSHA256 } of page.Parts ?? []) {
        const own = parts[PartNumber - 1];
        if (!ETag || own?.bytes !== Size || own?.checksum !== ChecksumSHA256) return undefined;
        sent.set(PartNumber, ETag);
      }
      marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
  } while (marker);
  return sent;
}

/** Of the unfinished uploads of this key, the one that has most of these parts, and no other bytes. */
export async function findUpload(
  bucket: Bucket,
  key: string,
  parts: readonly Part[],
  signal?: AbortSignal,
): Promise<{ uploadId: string; sent: Map<number, string> } | undefined> {
  let best: { uploadId: string; sent: Map<number, string> } | undefined;
  for (const uploadId of await openUploads(bucket, key, signal)) {
    const sent = await sentParts(bucket, key, uploadId, parts, signal);
    if (sent && sent.size > (best?.sent.size ?? 0)) best = { uploadId, sent };
  }
  return best;
}
