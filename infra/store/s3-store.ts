/**
 * A store in a bucket, with a folder of this machine as cache:
 *
 *   files/<sha256>             bytes, under their own hash; artifacts share equal files
 *   artifacts/<sha256>         an artifact: the list of its files, whose hash is its name. Written last
 *   records/<key>.json         what the stage with this content key made
 *   latest/<node>.json         the last record of a node
 *   scratch/<key>/             checkpoints of unfinished stages
 *
 * The cache is a `FolderStore` (objects, staging, scratch) and `partial/`, downloads under way.
 */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type {
  ArtifactRef,
  LookAtCopies,
  NodeRecord,
  StageRecord,
  StoreUpkeep,
} from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { sha256 } from '../../lib/hash.ts';
import { folderManifest, type HashedFile, hashOfFiles } from '../../lib/hash-folder.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { FolderStore, hexOf } from './folder-store.ts';
import { forEachLimited } from './limit.ts';
import { parseManifest } from './manifest.ts';
import { fileName, parseRecord, recordText } from './record.ts';
import type { Bucket } from './s3-bucket.ts';
import { checkFile, downloadFile } from './s3-download.ts';
import { lookIntoBucket } from './s3-look.ts';
import { abortUploads } from './s3-parts.ts';
import { ScratchSync } from './s3-scratch.ts';
import { uploadFile } from './s3-upload.ts';

type Hash = Pick<ArtifactRef, 'sha256'>;

const fileKey = (hex: string): string => `files/${hex}`;
const artifactKey = (ref: Hash): string => `artifacts/${hexOf(ref)}`;
const recordKey = (key: string): string => `records/${fileName(key)}.json`;
const latestKey = (node: string): string => `latest/${fileName(node)}.json`;

/** Of files with equal bytes one. */
const distinct = (files: readonly HashedFile[]): HashedFile[] => [
  ...new Map(files.map((file) => [file.sha256, file])).values(),
];

const MEGABYTE = 1e6;
const sizeText = (files: readonly HashedFile[]): string =>
  `${(files.reduce((sum, { bytes }) => sum + bytes, 0) / MEGABYTE).toFixed(1)} MB`;

export class S3Store implements StoreUpkeep {
  readonly #bucket: Bucket;
  readonly #cache: FolderStore;
  readonly #scratches = new Map<string, ScratchSync>();

  /** @param cache a folder of this machine, of this store alone */
  constructor(bucket: Bucket, cache: string) {
    this.#bucket = bucket;
    this.#cache = new FolderStore(cache);
  }

  get root(): string {
    return this.#cache.root;
  }

  async open(ref: ArtifactRef, options: RunOptions = {}): Promise<string> {
    if (await this.#cache.has(ref)) return this.#cache.open(ref);
    // The quarantine is for its owner only, and so is all that may hold one.
    await mkdir(this.#cache.root, { recursive: true, mode: 0o700 });
    const partial = join(this.#cache.root, 'partial', hexOf(ref));
    const fetch = async (): Promise<string> => {
      if (!(await this.#cache.has(ref))) await this.#download(ref, partial, options);
      return this.#cache.open(ref);
    };
    return withLock(`${partial}.lock`, fetch, { signal: options.signal });
  }

  async #download(ref: ArtifactRef, partial: string, options: RunOptions): Promise<void> {
    const signal = options.signal ?? new AbortController().signal;
    const files = await this.#files(ref, signal);
    if (!files) throw this.#missing(ref, artifactKey(ref));
    await mkdir(partial, { recursive: true });
    let fetched = 0;
    await forEachLimited(
      files,
      this.#bucket.options.concurrency,
      async (file, either) => {
        const path = join(partial, file.path);
        await mkdir(dirname(path), { recursive: true });
        const state = await downloadFile(this.#bucket, fileKey(file.sha256), path, file, either);
        if (state !== 'whole') throw await this.#unusable(ref, file, state);
        fetched += 1;
        options.onProgress?.({
          message: `fetched ${fetched} of ${files.length} files (${sizeText(files)}) from the store`,
          fraction: fetched / files.length,
        });
      },
      signal,
    );
    const wanted = new Set(files.map(({ path }) => path));
    for (const path of await listFiles(partial)) {
      if (!wanted.has(path)) await rm(join(partial, path));
    }
    await this.#cache.take(partial, { signal });
  }

  /** The files of an artifact; undefined when it is not there. Its list proves itself by its hash. */
  async #files(ref: Hash, signal?: AbortSignal): Promise<HashedFile[] | undefined> {
    const key = artifactKey(ref);
    let found = await this.#bucket.text(key, signal);
    // Bits may flip on the way.
    if (found && sha256(found.text) !== hexOf(ref)) found = await this.#bucket.text(key, signal);
    if (!found) return undefined;
    if (sha256(found.text) !== hexOf(ref)) {
      throw this.#damaged(key, 'The list of the files of an artifact is not what its name says');
    }
    return parseManifest(found.text, this.#bucket.url(key));
  }

  #missing(ref: ArtifactRef, key: string): EdgeloomError {
    const own = this.#bucket.url('');
    const fix = ref.uri.startsWith(own)
      ? 'run the pipeline again: the stage that makes it will run'
      : `it was put into ${ref.uri}, and this store is ${own}: start every worker and command with the same --store`;
    return new EdgeloomError({
      code: 'artifact-missing',
      what: 'An artifact that a stage needs is not in the store',
      where: this.#bucket.told(key),
      fix,
    });
  }

  #damaged(key: string, what: string): EdgeloomError {
    return new EdgeloomError({
      code: 'artifact-damaged',
      what,
      where: this.#bucket.told(key),
      fix: 'run the pipeline again: the stage that makes it will run',
    });
  }

  /** Bytes that are not what their key says are removed, so that the next look finds them missing. */
  async #unusable(
    ref: ArtifactRef,
    file: HashedFile,
    state: 'missing' | 'damaged',
  ): Promise<EdgeloomError> {
    const key = fileKey(file.sha256);
    if (state === 'missing') return this.#missing(ref, key);
    await this.#bucket.remove(key);
    return this.#damaged(key, `A file of an artifact is damaged in the store: ${file.path}`);
  }

  /**
   * Reads the list and all bytes in the bucket, of equal files once, and compares them with their
   * hashes; keeps none. What is damaged is removed, here and in the cache: the next run makes it anew.
   */
  async verify(ref: ArtifactRef, options: RunOptions = {}): Promise<boolean> {
    const { signal = new AbortController().signal } = options;
    if ((await this.#cache.has(ref)) && !(await this.#cache.verify(ref, options))) {
      await rm(this.#cache.path(ref), { recursive: true, force: true });
    }
    let files: HashedFile[] | undefined;
    try {
      files = await this.#files(ref, signal);
    } catch (error) {
      if (error instanceof EdgeloomError && error.code === 'artifact-damaged') return false;
      throw error;
    }
    if (!files) return false;
    let whole = true;
    await forEachLimited(
      distinct(files),
      this.#bucket.options.concurrency,
      async (file, either) => {
        if (!whole) return;
        const key = fileKey(file.sha256);
        const state = await checkFile(this.#bucket, key, file, either);
        if (state === 'whole') return;
        whole = false;
        // The server would tell the next writer that it is there.
        if (state === 'damaged') await this.#bucket.remove(key);
      },
      signal,
    );
    return whole;
  }

  async staging(): Promise<string> {
    await mkdir(this.#cache.root, { recursive: true, mode: 0o700 });
    return this.#cache.staging();
  }

  async put(staging: string, rows: number, options: RunOptions = {}): Promise<ArtifactRef> {
    const { signal } = options;
    const files = await this.#cache.take(staging, options);
    const { sha256: hash, bytes } = hashOfFiles(files);
    const folder = this.#cache.path({ sha256: hash });
    const different = distinct(files);
    let sent = 0;
    await forEachLimited(
      different,
      this.#bucket.options.concurrency,
      async (file, either) => {
        await uploadFile(this.#bucket, fileKey(file.sha256), join(folder, file.path), file, either);
        sent += 1;
        options.onProgress?.({
          message: `sent ${sent} of ${different.length} files (${sizeText(different)}) to the store`,
          fraction: sent / different.length,
        });
      },
      signal,
    );
    const list = Buffer.from(folderManifest(files));
    const key = artifactKey({ sha256: hash });
    if (!(await this.#bucket.put(key, list, 'absent', signal))) {
      // There already: equal, for its name is its hash, unless it was damaged.
      const there = await this.#bucket.text(key, signal);
      if (sha256(there?.text ?? '') !== hexOf({ sha256: hash })) {
        await this.#bucket.put(key, list, 'replace', signal);
      }
    }
    return { uri: this.#bucket.url(key), sha256: hash, rows, bytes };
  }

  async readRecord(key: string): Promise<StageRecord | undefined> {
    const found = await this.#bucket.text(recordKey(key));
    return found && parseRecord(found.text);
  }

  async writeRecord(node: string, record: StageRecord): Promise<void> {
    await this.keepRecord(record);
    await this.#bucket.put(latestKey(node), Buffer.from(recordText(record)), 'replace');
  }

  /** A record is replaced only as the one that was read: of two writers the last wins, whole. */
  async keepRecord(record: StageRecord): Promise<void> {
    const text = recordText(record);
    const body = Buffer.from(text);
    const key = recordKey(record.key);
    for (let written = await this.#bucket.put(key, body, 'absent'); !written; ) {
      const there = await this.#bucket.text(key);
      if (there?.text === text) break;
      written = await this.#bucket.put(key, body, there ? { version: there.version } : 'absent');
    }
  }

  async latestRecord(node: string): Promise<StageRecord | undefined> {
    const found = await this.#bucket.text(latestKey(node));
    return found && parseRecord(found.text);
  }

  async scratch(key: string): Promise<string> {
    return this.#cache.scratch(key);
  }

  async #sync(key: string): Promise<ScratchSync> {
    const name = fileName(key);
    const known =
      this.#scratches.get(name) ??
      new ScratchSync(this.#bucket, name, await this.#cache.scratch(key));
    this.#scratches.set(name, known);
    return known;
  }

  async saveScratch(key: string, options: RunOptions = {}): Promise<void> {
    await (await this.#sync(key)).save(options.signal);
  }

  async restoreScratch(key: string, options: RunOptions = {}): Promise<void> {
    const sync = await this.#sync(key);
    const found = await sync.restore(options.signal ?? new AbortController().signal);
    if (found) options.onProgress?.({ message: 'going on from a checkpoint in the store' });
  }

  async dropScratch(key: string): Promise<void> {
    await (await this.#sync(key)).drop();
    this.#scratches.delete(fileName(key));
    await this.#cache.dropScratch(key);
  }

  async #recordsUnder(folder: string): Promise<NodeRecord[]> {
    const found: NodeRecord[] = [];
    for (const key of await this.#bucket.list(`${folder}/`)) {
      const object = await this.#bucket.text(key);
      const record = object && parseRecord(object.text);
      const node = key.slice(folder.length + 1).replace(/\.json$/, '');
      if (record) found.push({ node, record });
    }
    return found;
  }

  async records(): Promise<StageRecord[]> {
    return (await this.#recordsUnder('records')).map(({ record }) => record);
  }

  async latestRecords(): Promise<NodeRecord[]> {
    return this.#recordsUnder('latest');
  }

  async removeRecord(key: string): Promise<void> {
    await this.#bucket.remove(recordKey(key));
  }

  async removeLatest(node: string): Promise<void> {
    await this.#bucket.remove(latestKey(node));
  }

  async artifacts(): Promise<string[]> {
    const there = (await this.#bucket.list('artifacts/')).map(
      (key) => `sha256:${key.slice('artifacts/'.length)}`,
    );
    return [...new Set([...there, ...(await this.#cache.artifacts())])].sort();
  }

  async removeArtifacts(hashes: readonly string[]): Promise<void> {
    await this.#cache.removeArtifacts(hashes);
    for (const hash of hashes) await this.#bucket.remove(artifactKey({ sha256: hash }));
    await this.#removeUnlisted();
  }

  /** Files are shared: those that no list names any more go with the lists. */
  async #removeUnlisted(): Promise<void> {
    const kept = new Set<string>();
    for (const key of await this.#bucket.list('artifacts/')) {
      const ref = { sha256: `sha256:${key.slice('artifacts/'.length)}` };
      for (const file of (await this.#files(ref)) ?? []) kept.add(fileKey(file.sha256));
    }
    for (const key of await this.#bucket.list('files/')) {
      if (!kept.has(key)) await this.#bucket.remove(key);
    }
  }

  async removeLeftovers(): Promise<void> {
    for (const key of await this.#bucket.list('scratch/')) await this.#bucket.remove(key);
    // A put that was killed left files without a list, or parts of one.
    await this.#removeUnlisted();
    await abortUploads(this.#bucket, '');
    this.#scratches.clear();
    await this.#cache.removeLeftovers();
  }

  async lookElsewhere(folder: string, look: LookAtCopies, options: RunOptions = {}): Promise<void> {
    const listed = (sha256: string, signal: AbortSignal) => this.#files({ sha256 }, signal);
    await lookIntoBucket(this.#bucket, listed, folder, look, options);
  }

  async workers(): Promise<number[]> {
    return this.#cache.workers();
  }
}
