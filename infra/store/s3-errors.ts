/** What an S3 server or the way to it says, as something a person can act on. */
import { EdgeloomError, type Problem } from '../../lib/errors.ts';

interface SdkError extends Error {
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Another attempt, later or elsewhere, may do: activities are tried again on it. */
export const UNREACHABLE = 'store-unreachable';

const NETWORK = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'ERR_STREAM_PREMATURE_CLOSE', 'TimeoutError'],
  'RequestTimeout',
  // What arrives there has other bits than what was sent.
  ...['BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch'],
]);
const REFUSED = new Set([
  ...['AccessDenied', 'Forbidden', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'],
  ...['ExpiredToken', 'InvalidToken', 'RequestTimeTooSkewed'],
  // versitygw, of a key that it does not know.
  'XAdminUserNotFound',
]);
const ELSEWHERE = new Set([
  ...['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'],
]);

const statusOf = (error: unknown): number | undefined =>
  (error as SdkError).$metadata?.httpStatusCode;

/** The object is not there; of a bucket or a key of access that is not there, servers say 404 too. */
export const isNotFound = (error: unknown): boolean =>
  statusOf(error) === 404 && ['NoSuchKey', 'NotFound'].includes((error as Error).name);

/** Somebody else wrote the object, or finished the upload, meanwhile. */
export const isConflict = (error: unknown): boolean =>
  [409, 412].includes(statusOf(error) ?? 0) || (error as Error).name === 'NoSuchUpload';

/** The range that was asked for lies behind the object's end. */
export const isBehindEnd = (error: unknown): boolean => statusOf(error) === 416;

function problemOf(error: SdkError, where: string): Problem {
  const { name, message } = error;
  const status = statusOf(error);
  const said = `${name}${message && message !== name ? `: ${message}` : ''}`;
  if (name === 'CredentialsProviderError') {
    return {
      code: 'store-no-credentials',
      what: 'There are no credentials for the object store',
      where,
      fix: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
    };
  }
  if (name === 'NoSuchBucket') {
    return {
      code: 'store-no-bucket',
      what: 'The bucket of the store does not exist',
      where,
      fix: 'make it, or correct --store (EDGELOOM_STORE) or the endpoint',
    };
  }
  if (ELSEWHERE.has(name) || status === 301) {
    return {
      code: 'store-wrong-region',
      what: `The bucket is in another region (${said})`,
      where,
      fix: 'set AWS_REGION to the region of the bucket',
    };
  }
  if (REFUSED.has(name) || status === 401 || status === 403) {
    return {
      code: 'store-access-denied',
      what: `The object store refuses these credentials (${said})`,
      where,
      fix: 'check the key, its secret and the clock; it needs s3:GetObject, PutObject, DeleteObject, ListBucket and the multipart actions on the prefix',
    };
  }
  if (/region is missing/i.test(message)) {
    return {
      code: 'store-no-region',
      what: 'The region of the bucket is not known',
      where,
      fix: 'set AWS_REGION',
    };
  }
  const garbled = /deserialization error/i.test(message);
  if (
    garbled ||
    NETWORK.has(error.code ?? '') ||
    NETWORK.has(name) ||
    (status ?? 0) >= 500 ||
    status === 429
  ) {
    return {
      code: UNREACHABLE,
      what: `The object store does not answer, or fails, also after retries (${error.code ?? said})`,
      where,
      fix: 'check the network and the endpoint (EDGELOOM_S3_ENDPOINT), then run the same command again: what was sent is not sent twice',
    };
  }
  return { code: 'store-failed', what: `The object store answered: ${said}`, where };
}

/**
 * An EdgeloomError for a failed request: `store-no-credentials`, `store-access-denied`,
 * `store-no-bucket`, `store-wrong-region`, `store-no-region`, `store-unreachable`, `store-failed`.
 * EdgeloomErrors and errors of the local disk stay what they are.
 */
export function asStoreError(error: unknown, where: string): unknown {
  if (error instanceof EdgeloomError || !(error instanceof Error)) return error;
  const { errno, syscall } = error as NodeJS.ErrnoException;
  const network = NETWORK.has((error as SdkError).code ?? '');
  if (errno !== undefined && syscall !== undefined && !network) return error;
  return new EdgeloomError(problemOf(error, where), { cause: error });
}
