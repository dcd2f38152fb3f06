/**
 * Checkpoints of one content key in a bucket, so that another machine goes on from them:
 *
 *   scratch/<key>/list.json    the files of the last snapshot; written last
 *   scratch/<key>/<sha256>     their bytes
 */
import { link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listFiles, statIfThere } from '../../lib/files.ts';
import { sha256 } from '../../lib/hash.ts';
import { folderManifest, hashFiles } from '../../lib/hash-folder.ts';
import { forEachLimited } from './limit.ts';
import { parseManifest } from './manifest.ts';
import type { Bucket } from './s3-bucket.ts';
import { downloadFile } from './s3-download.ts';
import { uploadFile } from './s3-upload.ts';

const FILES_AT_ONCE = 4;

export class ScratchSync {
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #folder: string;
  /** Names, sizes and times of what was saved last: nothing is read while nothing changes. */
  #seen = '';
  /** Hash of the list that was saved or restored last by this process. */
  #list: string | undefined;

  /** @param key as the name of an object */
  constructor(bucket: Bucket, key: string, folder: string) {
    this.#bucket = bucket;
    this.#prefix = `scratch/${key}`;
    this.#folder = folder;
  }

  async save(signal?: AbortSignal): Promise<void> {
    const seen = await this.#look();
    if (seen === this.#seen || seen === '') return;
    // Stages replace their files by renaming, so links keep each of them whole.
    const snapshot = `${this.#folder}.snapshot-${process.pid}`;
    try {
      for (const path of await listFiles(this.#folder)) {
        if (path.includes('.partial-')) continue;
        await mkdir(dirname(join(snapshot, path)), { recursive: true });
        await link(join(this.#folder, path), join(snapshot, path));
      }
      const files = await hashFiles(snapshot, signal);
      await forEachLimited(
        files,
        FILES_AT_ONCE,
        (file, either) =>
          uploadFile(
            this.#bucket,
            `${this.#prefix}/${file.sha256}`,
            join(snapshot, file.path),
            file,
            either,
          ),
        signal,
      );
      const text = folderManifest(files);
      const list = `${this.#prefix}/list.json`;
      await this.#bucket.put(list, Buffer.from(text), 'replace', signal);
      const kept = new Set([list, ...files.map((file) => `${this.#prefix}/${file.sha256}`)]);
      for (const key of await this.#bucket.list(`${this.#prefix}/`, signal)) {
        if (!kept.has(key)) await this.#bucket.remove(key, signal);
      }
      this.#seen = seen;
      this.#list = sha256(text);
    } finally {
      await rm(snapshot, { recursive: true, force: true });
    }
  }

  /**
   * Takes over what was saved last, unless this machine's folder holds files of its own: those were
   * written by an attempt that ended here, and any checkpoint leads to the same result. A snapshot
   * that is not whole is passed over.
   */
  async restore(signal: AbortSignal): Promise<boolean> {
    if ((await this.#look()) !== '') return false;
    const list = await this.#bucket.text(`${this.#prefix}/list.json`, signal);
    if (!list || sha256(list.text) === this.#list) return false;
    const files = parseManifest(list.text, this.#bucket.url(`${this.#prefix}/list.json`));
    const draft = `${this.#folder}.restoring-${process.pid}`;
    await rm(draft, { recursive: true, force: true });
    let whole = true;
    try {
      await mkdir(draft, { recursive: true });
      await forEachLimited(
        files,
        FILES_AT_ONCE,
        async (file, either) => {
          const path = join(draft, file.path);
          await mkdir(dirname(path), { recursive: true });
          const key = `${this.#prefix}/${file.sha256}`;
          const state = await downloadFile(this.#bucket, key, path, file, either);
          if (state !== 'whole') whole = false;
        },
        signal,
      );
      if (!whole) return false;
      // Of empty folders only.
      await rm(this.#folder, { recursive: true, force: true });
      await rename(draft, this.#folder);
      this.#seen = await this.#look();
      this.#list = sha256(list.text);
      return true;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  async drop(): Promise<void> {
    for (const key of await this.#bucket.list(`${this.#prefix}/`)) await this.#bucket.remove(key);
  }

  async #look(): Promise<string> {
    if (!(await statIfThere(this.#folder))) return '';
    const lines: string[] = [];
    for (const path of await listFiles(this.#folder)) {
      const { size, mtimeMs, ino } = await stat(join(this.#folder, path));
      lines.push(`${path} ${size} ${mtimeMs} ${ino}`);
    }
    return lines.join('\n');
  }
}
