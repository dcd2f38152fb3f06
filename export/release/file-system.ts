/**
 * The file operations of publish and pull, one by one. Tests hand in a set that fails at the n-th
 * call, so that each point at which a process can die or a disk can fill is tried.
 */
import { constants } from 'node:fs';
import {
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { EdgeloomError } from '../../lib/errors.ts';

export interface FileStat {
  kind: 'file' | 'folder' | 'link' | 'other';
  bytes: number;
  modifiedMs: number;
}

export interface FileSystem {
  /** Makes a folder and its parents. */
  makeFolder(path: string): Promise<void>;
  /** Writes a new file and flushes it to disk; fails when it exists. */
  writeNew(path: string, text: string): Promise<void>;
  /** Appends in one write and flushes. */
  append(path: string, text: string): Promise<void>;
  readText(path: string): Promise<string>;
  /** Copies a file (sharing its blocks where the file system can) and flushes the copy. */
  copy(from: string, to: string): Promise<void>;
  /** Atomic on one file system; replaces files and links, not folders that hold something. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all that is in it; nothing there is fine. */
  remove(path: string): Promise<void>;
  list(path: string): Promise<string[]>;
  /** Does not follow links; null when there is nothing. */
  stat(path: string): Promise<FileStat | null>;
  link(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  /** Flushes a folder's entries to disk, so that a rename survives a power cut. */
  syncFolder(path: string): Promise<void>;
}

export const nodeFileSystem: FileSystem = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
  },
  async writeNew(path, text) {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } catch (error) {
      // A full disk must not leave an empty file that counts as written.
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  },
  async append(path, text) {
    const file = await open(path, 'a', 0o644);
    try {
      await file.appendFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  readText: (path) => readFile(path, 'utf8'),
  async copy(from, to) {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const file = await open(to, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  list: (path) => readdir(path),
  async stat(path) {
    try {
      const stats = await lstat(path);
      const kind = stats.isFile()
        ? 'file'
        : stats.isDirectory()
          ? 'folder'
          : stats.isSymbolicLink()
            ? 'link'
            : 'other';
      return { kind, bytes: stats.size, modifiedMs: stats.mtimeMs };
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
  },
  link: (target, path) => symlink(target, path),
  readLink: (path) => readlink(path),
  async syncFolder(path) {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } catch (error) {
      // Some file systems and Windows cannot flush a folder.
      if (!hasCode(error, 'EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR', 'EACCES')) throw error;
    } finally {
      await folder.close();
    }
  },
};

/** Whether an error is a system error with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | null)?.code ?? '');
}

export const isDiskFull = (error: unknown): boolean => hasCode(error, 'ENOSPC', 'EDQUOT');

export function diskFull(where: string, cause: unknown): EdgeloomError {
  return new EdgeloomError(
    {
      code: 'disk-full',
      what: 'The disk is full; the release that was there stays in use',
      where,
      fix: 'free some space and try again',
    },
    { cause },
  );
}
