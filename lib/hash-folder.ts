/** Content hashes of folders. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listFiles } from './files.ts';
import { canonicalJson, sha256, sha256File } from './hash.ts';

export interface FolderHash {
  /** `sha256:` and the hash of the sorted list of paths, hashes and sizes. */
  sha256: string;
  bytes: number;
  files: number;
}

/** A file of a folder, by its path with `/` between the names. */
export interface HashedFile {
  path: string;
  /** 64 hex digits. */
  sha256: string;
  bytes: number;
}

/** The text whose hash is the folder's. */
export const folderManifest = (files: readonly HashedFile[]): string => canonicalJson(files);

export const hashOfFiles = (files: readonly HashedFile[]): FolderHash => ({
  sha256: `sha256:${sha256(folderManifest(files))}`,
  bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  files: files.length,
});

/**
 * Every file of a folder, in the order of their paths.
 * @throws EdgeloomError `not-a-plain-file`; the signal's reason when aborted
 */
export async function hashFiles(folder: string, signal?: AbortSignal): Promise<HashedFile[]> {
  const files: HashedFile[] = [];
  for (const path of await listFiles(folder)) {
    signal?.throwIfAborted();
    const { size } = await stat(join(folder, path));
    files.push({ path, sha256: await sha256File(join(folder, path)), bytes: size });
  }
  return files;
}

/** @throws EdgeloomError `not-a-plain-file`; the signal's reason when aborted */
export async function hashFolder(folder: string, signal?: AbortSignal): Promise<FolderHash> {
  return hashOfFiles(await hashFiles(folder, signal));
}
