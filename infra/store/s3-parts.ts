/** Uploads in parts: which parts a file has, and which of them a broken-off upload has sent. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import type { Bucket } from './s3-bucket.ts';
import { isConflict } from './s3-errors.ts';

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

/** Uploads in parts of this key that were begun and not ended. */
export async function openUploads(
  bucket: Bucket,
  key: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const { Bucket, Key } = bucket.at(key);
  const ids: string[] = [];
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marker) {
    const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
      Bucket,
      Prefix: Key,
      ...marker,
    });
    const page: ListMultipartUploadsCommandOutput = await bucket.request(key, signal, (o) =>
      bucket.client.send(command, o),
    );
    for (const { Key: of, UploadId: id } of page.Uploads ?? []) if (of === Key && id) ids.push(id);
    marker = page.IsTruncated
      ? {
          ...(page.NextKeyMarker ? { KeyMarker: page.NextKeyMarker } : {}),
          ...(page.NextUploadIdMarker ? { UploadIdMarker: page.NextUploadIdMarker } : {}),
        }
      : undefined;
  }
  return ids;
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
