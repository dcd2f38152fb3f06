/** The few requests the store is made of, below one prefix of one bucket. */

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Slots } from './limit.ts';
import { backOff } from './retry.ts';
import { asStoreError, isConflict, isNotFound } from './s3-errors.ts';
import { locationUrl, type S3Location, type S3Options } from './s3-location.ts';

/** What a request does when the object exists: `replace` it, or fail unless it is `absent` or of that version. */
export type Condition = 'replace' | 'absent' | { version: string };

export interface StoredObject {
  bytes: number;
  /** Base64 of the SHA-256 that the server computed; `…-N` over the N parts of an upload in parts. */
  checksum?: string;
}

const conditionHeaders = (condition: Condition): { IfNoneMatch?: string; IfMatch?: string } => {
  if (condition === 'replace') return {};
  return condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.version };
};

export const base64OfHex = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

export class Bucket {
  readonly client: S3Client;
  readonly location: S3Location;
  readonly options: Required<S3Options>;
  /** Held while the body of a request is in memory. */
  readonly bodies: Slots;

  constructor(client: S3Client, location: S3Location, options: Required<S3Options>) {
    this.client = client;
    this.location = location;
    this.options = options;
    this.bodies = new Slots(options.concurrency);
  }

  url(key: string): string {
    return `${locationUrl(this.location)}/${key}`;
  }

  /** Bucket and full key, as every command takes them. */
  at(key: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.location;
    return { Bucket: bucket, Key: prefix ? `${prefix}/${key}` : key };
  }

  /** Runs a request; its failure becomes an EdgeloomError unless `expected` knows it. */
  async request<T>(
    key: string,
    signal: AbortSignal | undefined,
    send: (options: { abortSignal?: AbortSignal }) => Promise<T>,
    expected: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    try {
      signal?.throwIfAborted();
      // A signal of its own: the SDK leaves its listeners on it.
      return await send(signal ? { abortSignal: AbortSignal.any([signal]) } : {});
    } catch (error) {
      signal?.throwIfAborted();
      throw expected(error) ? error : asStoreError(error, this.told(key));
    }
  }

  /** Where, for an error. */
  told(key: string): string {
    const { endpoint } = this.location;
    return endpoint ? `${this.url(key)} at ${endpoint}` : this.url(key);
  }

  async head(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    const command = new HeadObjectCommand({ ...this.at(key), ChecksumMode: 'ENABLED' });
    try {
      const found = await this.request(
        key,
        signal,
        (o) => this.client.send(command, o),
        isNotFound,
      );
      const checksum = found.ChecksumSHA256;
      return { bytes: found.ContentLength ?? 0, ...(checksum ? { checksum } : {}) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The bytes from `start` on, as they come, and the whole object's size. */
  async stream(
    key: string,
    start: number,
    signal: AbortSignal,
    expected: (error: unknown) => boolean,
  ): Promise<{ body: Readable; start: number; total: number }> {
    const range = start > 0 ? { Range: `bytes=${start}-` } : {};
    const command = new GetObjectCommand({ ...this.at(key), ...range });
    const found = await this.request(key, signal, (o) => this.client.send(command, o), expected);
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(found.ContentRange ?? '') ?? [];
    return {
      body: found.Body as Readable,
      // A server that knows no ranges sends all.
      start: Number(from ?? 0),
      total: Number(total ?? found.ContentLength ?? 0),
    };
  }

  /** A small object's text and version. */
  async text(
    key: string,
    signal?: AbortSignal,
  ): Promise<{ text: string; version: string } | undefined> {
    const command = new GetObjectCommand(this.at(key));
    for (let failures = 0; ; ) {
      try {
        const found = await this.request(
          key,
          signal,
          (o) => this.client.send(command, o),
          isNotFound,
        );
        try {
          return { text: (await found.Body?.transformToString()) ?? '', version: found.ETag ?? '' };
        } catch (error) {
          failures += 1;
          signal?.throwIfAborted();
          if (failures === this.options.attempts) throw asStoreError(error, this.told(key));
        }
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
      await backOff(failures, signal);
    }
  }

  /** Writes an object at once; false when the condition does not hold. The server checks the SHA-256. */
  async put(
    key: string,
    body: Uint8Array,
    condition: Condition,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const command = new PutObjectCommand({
      ...this.at(key),
      ...conditionHeaders(condition),
      Body: body,
      ContentLength: body.byteLength,
      ChecksumSHA256: createHash('sha256').update(body).digest('base64'),
    });
    try {
      // What is to be of a version and is gone is answered with 404.
      const expected = (error: unknown): boolean =>
        isConflict(error) || (typeof condition === 'object' && isNotFound(error));
      await this.request(key, signal, (o) => this.client.send(command, o), expected);
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  async remove(key: string, signal?: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand(this.at(key));
    await this.request(key, signal, (o) => this.client.send(command, o));
  }

  /** Keys that begin so, without the store's own prefix. */
  async list(begin: string, signal?: AbortSignal): Promise<string[]> {
    const { Bucket, Key } = this.at(begin);
    const own = Key.length - begin.length;
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket,
        Prefix: Key,
        ...(token ? { ContinuationToken: token } : {}),
      });
      const page = await this.request(begin, signal, (o) => this.client.send(command, o));
      for (const found of page.Contents ?? []) keys.push((found.Key ?? '').slice(own));
      token = page.NextContinuationToken;
    } while (token);
    return keys;
  }
}
