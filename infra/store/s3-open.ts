/** A bucket and the store in it, from a URL. Loads the SDK. */
import { join } from 'node:path';
import { sha256 } from '../../lib/hash.ts';
import type { Environment } from '../shared/cache.ts';
import { Bucket } from './s3-bucket.ts';
import {
  completeOptions,
  locationUrl,
  type S3Options,
  s3Client,
  s3Location,
} from './s3-location.ts';
import { S3Store } from './s3-store.ts';

/** A bucket to work with, below the prefix of its URL. Nothing is sent yet. */
export function openBucket(url: string, env: Environment, given: S3Options = {}): Bucket {
  const location = s3Location(url, env);
  const options = completeOptions(given);
  return new Bucket(s3Client(location, options, env), location, options);
}

/** The store in a bucket, with its cache in the workspace. Nothing is read or sent yet. */
export function openS3Store(
  url: string,
  workspace: string,
  env: Environment,
  given: S3Options = {},
): S3Store {
  const bucket = openBucket(url, env, given);
  const { endpoint = '' } = bucket.location;
  const name = sha256(`${endpoint} ${locationUrl(bucket.location)}`).slice(0, 12);
  return new S3Store(bucket, join(workspace, 'store-cache', name));
}
