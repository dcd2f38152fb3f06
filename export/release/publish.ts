/**
 * Publishes a bundle: the folder first, then the line in the log, then the channel. Whoever is
 * killed in between leaves the channel at the release before.
 */
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { sha256 } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { MANIFEST_FILE, type Manifest } from '../bundle/manifest.ts';
import { verifyBundle } from '../bundle/verify.ts';
import { diskFull, type FileSystem, hasCode, isDiskFull, nodeFileSystem } from './file-system.ts';
import {
  appendRelease,
  bundleFolder,
  checkChannelName,
  type Release,
  readReleases,
  uniqueSuffix,
  writeChannel,
} from './repository.ts';

export interface PublishInput extends RunOptions {
  bundleDir: string;
  /** Folder of the repository; made when missing. */
  repoDir: string;
  channel: string;
  /** Publishing twice for one run is publishing once. */
  runId: string;
  fs?: FileSystem;
}

export interface PublishResult extends Release {
  /** Where the bundle lies in the repository. */
  path: string;
  /** The repository held this very bundle already. */
  reused: boolean;
}

const STAGING = '.staging-';
/** Staging folders older than this belong to publishers that died. */
const STALE_MS = 24 * 60 * 60 * 1000;

/**
 * Verifies the bundle, stores it under the hashes of its contents and manifest and points the channel
 * at it. Safe to repeat, and safe beside other publishers: the channel ends at the last release of
 * the log.
 * @throws EdgeloomError `bad-bundle`, `bad-manifest` for the bundle; `corrupt-repository` when the
 *   repository's own copy of this bundle is damaged; `disk-full`
 */
export async function publish(input: PublishInput): Promise<PublishResult> {
  try {
    return await publishRelease(input);
  } catch (error) {
    throw isDiskFull(error) ? diskFull(input.repoDir, error) : error;
  }
}

async function publishRelease(input: PublishInput): Promise<PublishResult> {
  const { bundleDir, repoDir, channel, runId } = input;
  const fs = input.fs ?? nodeFileSystem;
  checkChannelName(channel);
  const manifest = await verifyBundle(bundleDir, input);
  const release: Release = {
    releaseId: manifest.releaseId,
    channel,
    contentHash: manifest.contentHash,
    manifestSha256: sha256(await fs.readText(join(bundleDir, MANIFEST_FILE))),
    run: runId,
  };
  const path = bundleFolder(repoDir, release);
  await removeStale(fs, join(repoDir, 'bundles'));
  const reused = !(await store(fs, { bundleDir, path, release, manifest }, input));

  const last = latest(await readReleases(fs, repoDir), channel);
  if (!last || JSON.stringify(last) !== JSON.stringify(release)) {
    await appendRelease(fs, repoDir, release);
  }
  await settleChannel(fs, repoDir, channel);
  input.onProgress?.({ message: `released ${release.releaseId} to ${channel}`, fraction: 1 });
  return { ...release, path, reused };
}

const latest = (releases: Release[], channel: string): Release | undefined =>
  releases.findLast((release) => release.channel === channel);

/** Points the channel at the last release of the log, until no other publisher came in between. */
async function settleChannel(fs: FileSystem, repoDir: string, channel: string): Promise<void> {
  for (;;) {
    const target = latest(await readReleases(fs, repoDir), channel);
    if (!target) return;
    await writeChannel(fs, repoDir, target);
    const now = latest(await readReleases(fs, repoDir), channel);
    if (JSON.stringify(now) === JSON.stringify(target)) return;
  }
}

interface Stored {
  bundleDir: string;
  /** Its folder in the repository. */
  path: string;
  release: Release;
  manifest: Manifest;
}

/** @returns whether this call put the bundle there */
async function store(
  fs: FileSystem,
  { bundleDir, path, release, manifest }: Stored,
  options: RunOptions,
): Promise<boolean> {
  if (await fs.stat(path)) {
    await verifyStored(fs, path, release);
    return false;
  }
  const parent = dirname(path);
  const staging = join(parent, `${STAGING}${uniqueSuffix()}`);
  try {
    await fs.makeFolder(staging);
    const folders = new Set([staging]);
    for (const [i, name] of [...manifest.files.map((file) => file.path), MANIFEST_FILE].entries()) {
      options.signal?.throwIfAborted();
      options.onProgress?.({ message: `storing ${name}`, fraction: i / manifest.files.length });
      const target = join(staging, name);
      await fs.makeFolder(dirname(target));
      folders.add(dirname(target));
      await fs.copy(join(bundleDir, name), target);
    }
    for (const folder of folders) await fs.syncFolder(folder);
    await verifyBundle(staging);
    await checkManifest(fs, staging, release);
    await fs.rename(staging, path);
    await fs.syncFolder(parent);
    return true;
  } catch (error) {
    await fs.remove(staging);
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    // Another publisher stored the same bundle meanwhile.
    await verifyStored(fs, path, release);
    return false;
  }
}

async function checkManifest(fs: FileSystem, path: string, release: Release): Promise<void> {
  const found = sha256(await fs.readText(join(path, MANIFEST_FILE)));
  if (found !== release.manifestSha256) throw new Error(`its manifest is another one: ${found}`);
}

async function verifyStored(fs: FileSystem, path: string, release: Release): Promise<void> {
  try {
    await verifyBundle(path);
    await checkManifest(fs, path, release);
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'corrupt-repository',
        what: `The repository's copy of this bundle is damaged: ${(error as Error).message}`,
        where: error instanceof EdgeloomError ? (error.where ?? path) : path,
        fix: `move ${path} away and publish again`,
      },
      { cause: error },
    );
  }
}

async function removeStale(fs: FileSystem, bundles: string): Promise<void> {
  if (!(await fs.stat(bundles))) return;
  for (const name of await fs.list(bundles)) {
    if (!name.startsWith(STAGING)) continue;
    const stat = await fs.stat(join(bundles, name));
    if (stat && Date.now() - stat.modifiedMs > STALE_MS) await fs.remove(join(bundles, name));
  }
}
