/** Fetches the release of a channel, verifies every byte and admits it in one step. */
import { basename, dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { sha256, sha256File } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import {
  type BundleFile,
  MANIFEST_FILE,
  type Manifest,
  parseManifest,
} from '../bundle/manifest.ts';
import { verifyBundle } from '../bundle/verify.ts';
import { diskFull, type FileSystem, isDiskFull, nodeFileSystem } from './file-system.ts';
import { markPullFolder, prune, readPointer, requirePullFolder, writePointer } from './install.ts';
import { withLock } from './lock.ts';
import { findBundle, type Release, readChannel, uniqueSuffix } from './repository.ts';

export interface PullLimits {
  /** Of the manifest. @default 4 MiB */
  manifestBytes: number;
  /** Of all files together. @default 2 GiB */
  totalBytes: number;
  /** @default 10,000 */
  files: number;
}

export const PULL_LIMITS: PullLimits = {
  manifestBytes: 4 * 2 ** 20,
  totalBytes: 2 * 2 ** 30,
  files: 10_000,
};

export interface PullInput extends RunOptions {
  /** Folder of the repository. */
  source: string;
  channel: string;
  /** Where releases are kept; see `install.ts`. */
  outDir: string;
  limits?: Partial<PullLimits>;
  fs?: FileSystem;
}

export interface PullResult {
  releaseId: string;
  contentHash: string;
  /** Folder of the release. */
  path: string;
  /** The last good release before this one, if it is still here. */
  previous: string | null;
  upToDate: boolean;
  /** Bytes read from the repository. */
  fetchedBytes: number;
  /** Bytes that an earlier release or an unfinished pull already had. */
  reusedBytes: number;
}

/**
 * Pulls the release that a channel points at. The folder's `current` is always a whole, verified
 * release: it changes by one rename, after everything was checked, and the one before is kept.
 * @throws EdgeloomError `no-such-channel`, `bad-channel`, `bad-manifest`, `too-large`,
 *   `tampered` (naming the file), `not-a-pull-folder`, `disk-full`, `busy`
 */
export async function pull(input: PullInput): Promise<PullResult> {
  const fs = input.fs ?? nodeFileSystem;
  // Before the lock, so that a wrong channel or repository leaves no folder behind.
  const release = await readChannel(fs, input.source, input.channel);
  await requirePullFolder(fs, input.outDir);
  try {
    return await withLock(fs, input.outDir, input, () => pullRelease(fs, input, release));
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await fs.remove(join(input.outDir, '.partial'));
    throw diskFull(input.outDir, error);
  }
}

async function pullRelease(
  fs: FileSystem,
  input: PullInput,
  release: Release,
): Promise<PullResult> {
  const { source, outDir } = input;
  const limits = { ...PULL_LIMITS, ...input.limits };
  const bundle = await findBundle(fs, source, release);
  const { manifest, text } = await readManifest(fs, bundle, release, limits);

  const before = await readPointer(fs, outDir, 'current');
  const earlier = await readPointer(fs, outDir, 'previous');
  const named = { releaseId: manifest.releaseId, contentHash: manifest.contentHash };
  if (before !== null && (await isWhole(join(outDir, before), manifest))) {
    return {
      ...named,
      path: join(outDir, before),
      previous: earlier && basename(earlier),
      upToDate: true,
      fetchedBytes: 0,
      reusedBytes: 0,
    };
  }

  // After a rollback the wanted release may be the one before: then only the pointers change.
  const back = earlier !== null && (await isWhole(join(outDir, earlier), manifest));
  const { target, ...counts } = back
    ? { target: earlier, fetchedBytes: 0, reusedBytes: 0 }
    : await admit(fs, input, manifest, text, bundle);
  const lastGood = before !== null && (await isWhole(join(outDir, before)));
  if (lastGood) await writePointer(fs, outDir, 'previous', before);
  await writePointer(fs, outDir, 'current', target);
  await prune(fs, outDir);
  const previous = lastGood ? before : earlier;
  return {
    ...named,
    path: join(outDir, target),
    previous: previous && basename(previous),
    upToDate: false,
    ...counts,
  };
}

/** Assembles, verifies and moves the release to its place; nothing points at it yet. */
async function admit(
  fs: FileSystem,
  input: PullInput,
  manifest: Manifest,
  manifestText: string,
  bundle: string,
): Promise<{ target: string; fetchedBytes: number; reusedBytes: number }> {
  await markPullFolder(fs, input.outDir);
  const { staging, ...counts } = await assemble(fs, input, manifest, manifestText, bundle);
  await verifyBundle(staging);
  const target = await freeName(fs, input.outDir, manifest.releaseId);
  await fs.rename(staging, join(input.outDir, target));
  await fs.syncFolder(join(input.outDir, 'releases'));
  return { target, ...counts };
}

async function readManifest(
  fs: FileSystem,
  bundle: string,
  release: Release,
  limits: PullLimits,
): Promise<{ manifest: Manifest; text: string }> {
  const path = join(bundle, MANIFEST_FILE);
  const stat = await fs.stat(path);
  if (stat?.kind !== 'file') throw tampered(path, 'the manifest is missing or not a plain file');
  if (stat.bytes > limits.manifestBytes) throw tooLarge(path, `${stat.bytes} bytes of manifest`);
  const text = await fs.readText(path);
  if (sha256(text) !== release.manifestSha256) {
    throw tampered(path, 'the manifest is not the one that the channel names');
  }
  const manifest = parseManifest(text, path);
  if (manifest.contentHash !== release.contentHash || manifest.releaseId !== release.releaseId) {
    throw tampered(path, 'the manifest is of another release');
  }
  const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (manifest.files.length > limits.files) throw tooLarge(path, `${manifest.files.length} files`);
  if (total > limits.totalBytes) throw tooLarge(path, `${total} bytes`);
  return { manifest, text };
}

/** Puts the whole release together in a staging folder, from what is here and from the source. */
async function assemble(
  fs: FileSystem,
  input: PullInput,
  manifest: Manifest,
  manifestText: string,
  bundle: string,
): Promise<{ staging: string; fetchedBytes: number; reusedBytes: number }> {
  const { outDir, signal, onProgress } = input;
  const pool = join(outDir, '.partial');
  await fs.makeFolder(pool);
  await fs.makeFolder(join(outDir, 'releases'));
  const local = await localFiles(fs, outDir);
  let fetchedBytes = 0;
  let reusedBytes = 0;
  for (const [i, file] of manifest.files.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ message: `pulling ${file.path}`, fraction: i / manifest.files.length });
    const pooled = join(pool, file.sha256);
    if (await matches(fs, pooled, file)) {
      reusedBytes += file.bytes;
      continue;
    }
    const here = local.get(file.sha256);
    if (here && (await matches(fs, here, file))) {
      await admitToPool(fs, here, pooled, file);
      reusedBytes += file.bytes;
    } else {
      await checkSource(fs, bundle, file);
      await admitToPool(fs, join(bundle, file.path), pooled, file);
      fetchedBytes += file.bytes;
    }
  }
  const staging = join(pool, 'release');
  await fs.remove(staging);
  await fs.makeFolder(staging);
  const folders = new Set([staging]);
  for (const file of manifest.files) {
    const target = join(staging, file.path);
    await fs.makeFolder(dirname(target));
    folders.add(dirname(target));
    await fs.copy(join(pool, file.sha256), target);
  }
  await fs.writeNew(join(staging, MANIFEST_FILE), manifestText);
  for (const folder of folders) await fs.syncFolder(folder);
  return { staging, fetchedBytes, reusedBytes };
}

/** Copies under a name of its own, checks the copy and renames it to its hash. */
async function admitToPool(
  fs: FileSystem,
  from: string,
  pooled: string,
  file: BundleFile,
): Promise<void> {
  const temporary = `${pooled}.${uniqueSuffix()}`;
  try {
    await fs.copy(from, temporary);
    if ((await sha256File(temporary)) !== file.sha256) {
      throw tampered(from, 'its SHA-256 is not the one in the manifest');
    }
    await fs.rename(temporary, pooled);
  } catch (error) {
    await fs.remove(temporary);
    throw error;
  }
}

/** Only a plain file of the stated size, reached without links, is read. */
async function checkSource(fs: FileSystem, bundle: string, file: BundleFile): Promise<void> {
  const segments = file.path.split('/');
  for (let n = 1; n < segments.length; n++) {
    const folder = join(bundle, ...segments.slice(0, n));
    if ((await fs.stat(folder))?.kind !== 'folder')
      throw tampered(folder, 'it is not a plain folder');
  }
  const path = join(bundle, file.path);
  const stat = await fs.stat(path);
  if (!stat) throw tampered(path, 'the file is missing');
  if (stat.kind !== 'file') throw tampered(path, 'it is not a plain file');
  if (stat.bytes !== file.bytes) {
    throw tampered(path, `it has ${stat.bytes} bytes instead of ${file.bytes}`);
  }
}

async function matches(fs: FileSystem, path: string, file: BundleFile): Promise<boolean> {
  const stat = await fs.stat(path);
  if (stat?.kind !== 'file' || stat.bytes !== file.bytes) return false;
  return (await sha256File(path)) === file.sha256;
}

/** Files of the releases that are here, by hash. */
async function localFiles(fs: FileSystem, outDir: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const pointer of ['previous', 'current'] as const) {
    const target = await readPointer(fs, outDir, pointer);
    const path = target && join(outDir, target, MANIFEST_FILE);
    if (!target || !path || !(await fs.stat(path))) continue;
    const manifest = await whenValid(async () => parseManifest(await fs.readText(path), path));
    for (const file of manifest?.files ?? []) {
      files.set(file.sha256, join(outDir, target, file.path));
    }
  }
  return files;
}

/** Whether a release on disk is whole and, when a manifest is given, that very one. */
async function isWhole(path: string, wanted?: Manifest): Promise<boolean> {
  const manifest = await whenValid(() => verifyBundle(path));
  if (!manifest) return false;
  return wanted === undefined || JSON.stringify(manifest) === JSON.stringify(wanted);
}

/** A local release that is damaged is not an error: it is pulled anew. */
async function whenValid<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof EdgeloomError) return null;
    throw error;
  }
}

/** `releases/<id>`, or with a number when a damaged one or one of another run has that name. */
async function freeName(fs: FileSystem, outDir: string, releaseId: string): Promise<string> {
  for (let n = 1; ; n++) {
    const name = `releases/${releaseId}${n === 1 ? '' : `.${n}`}`;
    if (!(await fs.stat(join(outDir, name)))) return name;
  }
}

const tampered = (where: string, what: string): EdgeloomError =>
  new EdgeloomError({
    code: 'tampered',
    what: `The release is refused: ${what}`,
    where,
    fix: 'the repository is damaged or was altered: publish the bundle again',
  });

const tooLarge = (where: string, what: string): EdgeloomError =>
  new EdgeloomError({
    code: 'too-large',
    what: `The release is larger than this pull allows: ${what}`,
    where,
    fix: 'raise the limit if you expect this',
  });
