/** For tests: an S3 server of this process, buckets in it, and folders that stand for machines. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { Environment } from '../shared/cache.ts';
import type { S3Server } from '../versitygw/index.ts';
import type { Bucket } from './s3-bucket.ts';
import type { S3Options } from './s3-location.ts';
import { openBucket, openS3Store } from './s3-open.ts';
import type { S3Store } from './s3-store.ts';

export interface TestBucket {
  url: string;
  env: Environment;
  bucket: Bucket;
  /** The bucket's folder on the server's disk, below the prefix. */
  folder: string;
}

/** Credentials and endpoint as a process gets them. The SDK reads them from `process.env`. */
export const s3Environment = (
  server: S3Server,
  endpoint = server.endpoint,
): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: server.accessKeyId,
  AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
  AWS_REGION: 'us-east-1',
  EDGELOOM_S3_ENDPOINT: endpoint,
});

/** A new, empty bucket. */
export async function newBucket(server: S3Server, options: S3Options = {}): Promise<TestBucket> {
  const env = s3Environment(server);
  Object.assign(process.env, env);
  const name = `b-${randomBytes(6).toString('hex')}`;
  const url = `s3://${name}/some/prefix`;
  const bucket = openBucket(url, env, options);
  await bucket.client.send(new CreateBucketCommand({ Bucket: name }));
  return { url, env, bucket, folder: join(server.folder, name, 'some', 'prefix') };
}

/** The store as another machine sees it: with a cache of its own. */
export function machineStore(
  { url, env }: Pick<TestBucket, 'url' | 'env'>,
  workspace: string,
  options: S3Options = {},
): S3Store {
  mkdirSync(workspace, { recursive: true });
  return openS3Store(url, workspace, env, options);
}
