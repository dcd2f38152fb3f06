/** Choosing a store by its name. */
import { join } from 'node:path';
import type { StoreUpkeep } from '../../lib/artifact.ts';
import type { Environment } from '../shared/cache.ts';
import { FolderStore } from './folder-store.ts';
import { absoluteStore, isS3 } from './url.ts';

export interface StoreOptions {
  /** The pipeline's folder: holds the store itself, or the cache of one elsewhere. */
  workspace: string;
  /** `s3://bucket/prefix` or a folder. @default `<workspace>/store` */
  url?: string | undefined;
  /** @default process.env */
  env?: Environment;
}

const folderOf = (workspace: string, url: string | undefined): string =>
  url ? absoluteStore(url) : join(workspace, 'store');

/** @throws EdgeloomError `bad-store-url` | `bad-store-endpoint`; nothing is read or sent before the first use */
export async function openStore(options: StoreOptions): Promise<StoreUpkeep> {
  const { workspace, url, env = process.env } = options;
  if (!isS3(url)) return new FolderStore(folderOf(workspace, url));
  // The SDK costs a process 0.3 s of CPU and 20 MB: whoever uses a folder does without.
  const { openS3Store } = await import('./s3-open.ts');
  return openS3Store(url, workspace, env);
}

const LOOK = { attempts: 2, stallMs: 5_000 };

/**
 * Where the store is and, of a bucket, that it answers.
 * @throws EdgeloomError when it does not
 */
export async function lookAtStore(
  options: StoreOptions,
): Promise<{ from: string; detail: string }> {
  const { workspace, url, env = process.env } = options;
  if (!isS3(url)) return { from: folderOf(workspace, url), detail: 'a folder' };
  const { openBucket } = await import('./s3-open.ts');
  const bucket = openBucket(url, env, LOOK);
  // Any object will do, also one that is not there.
  await bucket.text('records/none.json');
  const { endpoint } = bucket.location;
  return { from: endpoint ? `${url} at ${endpoint}` : url, detail: 'it answers' };
}
