/** Writing that leaves either the old state or the whole new one. */
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { EdgeloomError } from './errors.ts';

const temporaryName = (path: string): string => `${path}.partial-${randomBytes(6).toString('hex')}`;

/** Writes beside the target, flushes to disk, then renames: a reader never sees half a file. */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Runs `fill` on an empty staging folder beside `path` and renames it to `path` when `fill` succeeds.
 * On failure the staging folder is removed. When `path` exists by then (another writer won), the
 * staging folder is dropped and `path` is left as it is: use it for content-addressed folders only.
 */
export async function createFolderAtomic<T>(
  path: string,
  fill: (staging: string) => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const staging = temporaryName(path);
  await mkdir(staging);
  try {
    const result = await fill(staging);
    try {
      await rename(staging, path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      await rm(staging, { recursive: true, force: true });
    }
    return result;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

/** All files under a folder, as sorted relative paths with `/`. Refuses anything but files and folders. */
export async function listFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (!entry.isFile()) {
      throw new EdgeloomError({
        code: 'not-a-plain-file',
        what: 'A folder that should hold plain files holds something else',
        where: path,
        fix: 'replace links and special files by copies',
      });
    }
    found.push(path);
  }
  return found.sort();
}

/** What a path is; undefined when nothing is there. Other failures (no access, a bad disk) are thrown. */
export async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
