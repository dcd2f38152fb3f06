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

/** @throws EdgeloomError `not-a-plain-file`; the signal's reason when aborted */
export async function hashFolder(folder: string, signal?: AbortSignal): Promise<FolderHash> {
  const files: { path: string; sha256: string; bytes: number }[] = [];
  let bytes = 0;
  for (const path of await listFiles(folder)) {
    signal?.throwIfAborted();
    const { size } = await stat(join(folder, path));
    files.push({ path, sha256: await sha256File(join(folder, path)), bytes: size });
    bytes += size;
  }
  return { sha256: `sha256:${sha256(canonicalJson(files))}`, bytes, files: files.length };
}
