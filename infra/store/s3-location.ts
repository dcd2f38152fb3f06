/** Which bucket, prefix and endpoint: from a URL and the environment. */
import { S3Client } from '@aws-sdk/client-s3';
import { EdgeloomError } from '../../lib/errors.ts';
import type { Environment } from '../shared/cache.ts';

export interface S3Location {
  bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  prefix: string;
  /** Undefined for AWS. */
  endpoint?: string;
}

export interface S3Options {
  /** Attempts of one request, with exponential backoff and jitter between them. @default 8 */
  attempts?: number;
  /** Bytes of a part, and the size above which a file is sent in parts; S3 takes 5 MiB and more. @default 8 MiB */
  partBytes?: number;
  /** Requests with a body at once; times `partBytes` it bounds the memory. @default 8 */
  concurrency?: number;
  /** Milliseconds without a byte after which a connection counts as lost. @default 30000 */
  stallMs?: number;
}

export const MIN_PART_BYTES = 5 * 2 ** 20;

export const completeOptions = (given: S3Options = {}): Required<S3Options> => ({
  attempts: given.attempts ?? 8,
  partBytes: Math.max(given.partBytes ?? 8 * 2 ** 20, MIN_PART_BYTES),
  concurrency: given.concurrency ?? 8,
  stallMs: given.stallMs ?? 30_000,
});

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * `s3://bucket/prefix` and EDGELOOM_S3_ENDPOINT, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
 * @throws EdgeloomError `bad-store-url` | `bad-store-endpoint`
 */
export function s3Location(url: string, env: Environment): S3Location {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]*)(.*)$/.exec(url) ?? [];
  const prefix = rest.replaceAll(/^\/+|\/+$/g, '');
  const names = prefix === '' ? [] : prefix.split('/');
  if (
    !BUCKET.test(bucket) ||
    !names.every((name) => /^[\w.!*'()-]+$/.test(name) && !/^\.+$/.test(name))
  ) {
    throw new EdgeloomError({
      code: 'bad-store-url',
      what: 'The URL of the store is not s3://bucket/prefix',
      where: url,
      fix: "a bucket's name has 3 to 63 lower-case letters, digits, dots and dashes; a prefix has letters, digits and -_.!*'()",
      exitCode: 2,
    });
  }
  const endpoint = env.EDGELOOM_S3_ENDPOINT || env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  if (!endpoint) return { bucket, prefix };
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new EdgeloomError({
      code: 'bad-store-endpoint',
      what: 'The endpoint of the store is not an http or https URL',
      where: endpoint,
      fix: 'set EDGELOOM_S3_ENDPOINT (or AWS_ENDPOINT_URL) to one like http://127.0.0.1:9000',
      exitCode: 2,
    });
  }
  return { bucket, prefix, endpoint };
}

export const locationUrl = ({ bucket, prefix }: S3Location): string =>
  prefix ? `s3://${bucket}/${prefix}` : `s3://${bucket}`;

/** A client with the SDK's default chain of credentials. */
export function s3Client(
  location: S3Location,
  options: Required<S3Options>,
  env: Environment,
): S3Client {
  // Its wish for a newer Node is none that a user of edgeloom can act on.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { endpoint } = location;
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION;
  return new S3Client({
    // Servers of one's own have their buckets in the path, and mostly no region.
    ...(endpoint ? { endpoint, forcePathStyle: true, region: region || 'us-east-1' } : {}),
    maxAttempts: options.attempts,
    retryMode: 'standard',
    // SHA-256 is sent with every body and compared after every download; CRC32 on top adds nothing.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 10_000, socketTimeout: options.stallMs },
  });
}
