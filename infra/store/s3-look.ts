/** Everything below a store's prefix, copied part by part: what a search of the store's bytes looks into. */
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { LookAtCopies } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { HashedFile } from '../../lib/hash-folder.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { forEachLimited } from './limit.ts';
import { isSafePath } from './manifest.ts';
import type { Bucket } from './s3-bucket.ts';
import { fetchBytes, fileSink } from './s3-fetch.ts';

const ARTIFACTS = 'artifacts/';

/** Objects that no list names come in parts of so many: records and lists, mostly. */
const REST = 500;

interface Copy {
  key: string;
  /** Below the folder. */
  path: string;
}

/** Files of an artifact; undefined when it is not there. */
type FilesOf = (sha256: string, signal: AbortSignal) => Promise<HashedFile[] | undefined>;

/** Whatever the object holds now, its hash aside. False when it is gone. */
async function copyObject(
  bucket: Bucket,
  key: string,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await bucket.head(key, signal);
  if (!found) return false;
  await mkdir(dirname(path), { recursive: true });
  const state = await fetchBytes(bucket, key, fileSink(path, found.bytes), found.bytes, signal);
  if (state === 'damaged') throw new Error('it changed while it was read');
  return state === 'whole';
}

async function lookAt(
  bucket: Bucket,
  copies: readonly Copy[],
  folder: string,
  look: LookAtCopies,
  signal: AbortSignal,
): Promise<void> {
  const unread: { path: string; why: string }[] = [];
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await forEachLimited(
      copies,
      bucket.options.concurrency,
      async ({ key, path }, either) => {
        try {
          if (!isSafePath(path)) throw new Error('its key is no path');
          await copyObject(bucket, key, join(folder, path), either);
        } catch (error) {
          either.throwIfAborted();
          if (error instanceof EdgeloomError) throw error;
          unread.push({ path, why: (error as Error).message });
        }
      },
      signal,
    );
    await look(unread);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Artifact by artifact, then what no list names. Equal files of one name are copied once: a search
 * may treat files by their names.
 * @throws EdgeloomError as `asStoreError` says
 */
export async function lookIntoBucket(
  bucket: Bucket,
  filesOf: FilesOf,
  folder: string,
  look: LookAtCopies,
  options: RunOptions,
): Promise<void> {
  const { signal = new AbortController().signal } = options;
  const keys = await bucket.list('', signal);
  const lists = keys.filter((key) => key.startsWith(ARTIFACTS));
  const seen = new Set<string>();
  const named = new Set<string>();
  for (const [i, list] of lists.entries()) {
    const hex = list.slice(ARTIFACTS.length);
    options.onProgress?.({ message: `fetching artifact ${i + 1} of ${lists.length}` });
    const files = await filesOf(`sha256:${hex}`, signal).catch((error: unknown) => {
      // A list that is none: its files come below, under their own names.
      if (error instanceof EdgeloomError && !error.code.startsWith('store-')) return [];
      throw error;
    });
    const copies: Copy[] = [];
    for (const { sha256, path } of files ?? []) {
      const key = `files/${sha256}`;
      named.add(key);
      const kind = `${key} ${basename(path)}`;
      if (seen.has(kind)) continue;
      seen.add(kind);
      copies.push({ key, path: `objects/${hex}/${path}` });
    }
    if (copies.length > 0) await lookAt(bucket, copies, folder, look, signal);
  }
  const rest = keys.filter((key) => !named.has(key)).map((key) => ({ key, path: key }));
  for (let at = 0; at < rest.length; at += REST) {
    await lookAt(bucket, rest.slice(at, at + REST), folder, look, signal);
  }
}
