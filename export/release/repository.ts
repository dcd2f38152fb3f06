/**
 * A release repository as a folder that any static host can serve:
 *
 * ```
 * bundles/<contentHash>-<first 12 digits of manifestSha256>/…   immutable
 * releases.ndjson                                               one line a release, only ever appended to
 * channels/<channel>.json                                       which release a channel points at
 * ```
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import type { FileSystem } from './file-system.ts';

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const channelName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/);

const releaseSchema = z.object({
  releaseId: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  channel: channelName,
  contentHash: hex64,
  manifestSha256: hex64,
  run: z.string(),
});

/** A line of the log. */
export type Release = z.infer<typeof releaseSchema>;

const pointerSchema = releaseSchema.extend({
  format: z.literal('edgeloom-channel'),
  formatVersion: z.literal(1),
  signatures: z.array(z.json()).describe('Empty: releases are not signed yet.'),
});

export const RELEASES_FILE = 'releases.ndjson';
/** Equal contents may come with another card, report or metrics: each manifest has its own folder. */
export const bundleFolder = (
  repository: string,
  { contentHash, manifestSha256 }: Pick<Release, 'contentHash' | 'manifestSha256'>,
): string => join(repository, 'bundles', `${contentHash}-${manifestSha256.slice(0, 12)}`);
/** Where releases lay when folders were named by content hash alone. */
const earlierBundleFolder = (repository: string, { contentHash }: Release): string =>
  join(repository, 'bundles', contentHash);

/** Folder of a release in the log. */
export async function findBundle(
  fs: FileSystem,
  repository: string,
  release: Release,
): Promise<string> {
  const folder = bundleFolder(repository, release);
  const earlier = earlierBundleFolder(repository, release);
  return !(await fs.stat(folder)) && (await fs.stat(earlier)) ? earlier : folder;
}

const channelPath = (repository: string, channel: string): string =>
  join(repository, 'channels', `${channel}.json`);

export function checkChannelName(channel: string): void {
  if (!channelName.safeParse(channel).success) {
    throw new EdgeloomError({
      code: 'bad-channel',
      what: `${JSON.stringify(channel)} is not the name of a channel`,
      fix: 'use lower-case letters, digits and -',
      exitCode: 2,
    });
  }
}

/** Random part of temporary names; it never reaches a release. */
export const uniqueSuffix = (): string => randomBytes(6).toString('hex');

/** Channels of a repository, sorted. */
export async function listChannels(fs: FileSystem, repository: string): Promise<string[]> {
  if (!(await fs.stat(join(repository, 'channels')))) return [];
  const names = await fs.list(join(repository, 'channels'));
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}

/** The release that a channel points at. @throws EdgeloomError `no-such-channel`, `bad-channel` */
export async function readChannel(
  fs: FileSystem,
  repository: string,
  channel: string,
): Promise<Release> {
  checkChannelName(channel);
  const path = channelPath(repository, channel);
  const stat = await fs.stat(path);
  if (!stat) {
    const channels = await listChannels(fs, repository);
    throw new EdgeloomError({
      code: 'no-such-channel',
      what: `There is no channel ${channel}`,
      where: repository,
      fix:
        channels.length > 0
          ? `choose one of: ${channels.join(', ')}`
          : 'nothing has been released here yet: run the pipeline, or name another repository with --from',
    });
  }
  try {
    if (stat.kind !== 'file' || stat.bytes > 65536) throw new Error('it is not a small plain file');
    const pointer = pointerSchema.parse(JSON.parse(await fs.readText(path)));
    if (pointer.channel !== channel) throw new Error(`it is about the channel ${pointer.channel}`);
    return releaseSchema.parse(pointer);
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-channel',
        what: `The channel ${channel} cannot be read: ${(error as Error).message}`,
        where: path,
        fix: 'publish to the channel again',
      },
      { cause: error },
    );
  }
}

/** Replaces the pointer in one rename. */
export async function writeChannel(
  fs: FileSystem,
  repository: string,
  release: Release,
): Promise<void> {
  const path = channelPath(repository, release.channel);
  const folder = join(repository, 'channels');
  await fs.makeFolder(folder);
  const temporary = `${path}.partial-${uniqueSuffix()}`;
  const pointer: z.infer<typeof pointerSchema> = {
    format: 'edgeloom-channel',
    formatVersion: 1,
    ...release,
    signatures: [],
  };
  try {
    await fs.writeNew(temporary, `${JSON.stringify(pointer, null, 2)}\n`);
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.remove(temporary);
    throw error;
  }
  await fs.syncFolder(folder);
}

/**
 * The release log, oldest first. A last line without its newline is what a killed publisher left:
 * that release did not happen.
 */
export async function readReleases(fs: FileSystem, repository: string): Promise<Release[]> {
  const path = join(repository, RELEASES_FILE);
  if (!(await fs.stat(path))) return [];
  const lines = (await fs.readText(path)).split('\n').slice(0, -1);
  const releases: Release[] = [];
  for (const line of lines) {
    const release = parseRelease(line);
    if (release) releases.push(release);
  }
  return releases;
}

function parseRelease(line: string): Release | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    // A torn line that a later publisher has closed with a newline.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const parsed = releaseSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** Appends a line; closes a torn one first. */
export async function appendRelease(
  fs: FileSystem,
  repository: string,
  release: Release,
): Promise<void> {
  const path = join(repository, RELEASES_FILE);
  const torn = (await fs.stat(path)) !== null && !/(^|\n)$/.test(await fs.readText(path));
  await fs.append(path, `${torn ? '\n' : ''}${JSON.stringify(release)}\n`);
}
