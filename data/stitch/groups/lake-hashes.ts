/** The files of a lake that decide the samples of a bucket, by content. */
import { join, sep } from 'node:path';
import { canonicalJson, sha256, sha256File } from '../../../lib/hash.ts';
import type { BucketSettings } from '../bucket.ts';
import type { Lake, LakeFile } from '../lake.ts';
import { STITCHED_TYPES } from '../lake-schema.ts';
import type { Windows } from '../windows.ts';

/** `type=…/date=…/bucket=…/part-N.parquet` of a file. */
const inLake = ({ path, type, date, bucket }: LakeFile): string => {
  const folder = join(`type=${type}`, `date=${date}`, `bucket=${bucket}`);
  return path.slice(path.lastIndexOf(folder)).split(sep).join('/');
};

/** Event files of a bucket that stitching reads: where they are, and their path in the lake. */
export function stitchedFiles(lake: Lake, bucket: string): { file: LakeFile; path: string }[] {
  const types: readonly string[] = STITCHED_TYPES;
  return lake.files
    .filter((file) => file.bucket === bucket && types.includes(file.type))
    .map((file) => ({ file, path: inLake(file) }));
}

/** Path in the lake → SHA-256, of the files that stitching a bucket reads. */
export async function hashBucket(
  lake: Lake,
  bucket: string,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const { file, path } of stitchedFiles(lake, bucket)) {
    signal?.throwIfAborted();
    hashes[path] = await sha256File(file.path);
  }
  return hashes;
}

/** One hash of the tables that stitching a bucket reads besides. */
export async function hashHistory(lake: Lake): Promise<string> {
  const hashes = await Promise.all(lake.table('history').map(sha256File));
  return sha256(canonicalJson(hashes));
}

/** What decides samples besides the lake. */
export const rulesText = (settings: BucketSettings, windows: Windows): string =>
  sha256(canonicalJson({ ...settings, windows }));

/** SHA-256 of files of a folder by their paths in it. */
export async function hashPaths(
  folder: string,
  paths: readonly string[],
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const path of paths) hashes[path] = await sha256File(join(folder, path));
  return hashes;
}
