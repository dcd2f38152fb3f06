/** Groups of stitched buckets → the samples folder, with the bytes that one pass over all buckets gives. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../../lib/errors.ts';
import { createFolderAtomic } from '../../../lib/files.ts';
import { canonicalJson } from '../../../lib/hash.ts';
import { DuckDb } from '../../duckdb.ts';
import { refuseUsedFolder } from '../../output-folder.ts';
import { addCounts, emptyCounts } from '../counts.ts';
import { type Lake, openLake } from '../lake.ts';
import { joinBuckets, type StitchOptions, type StitchSummary, settingsOf } from '../stitch.ts';
import { windowsOf } from '../windows.ts';
import { type GroupFile, readGroup } from './group-file.ts';
import { rulesText, stitchedFiles } from './lake-hashes.ts';
import { linkOrCopy } from './link-files.ts';

export interface JoinOptions extends StitchOptions {
  /** Folders that `stitchGroup` made: together they hold each bucket of the lake once. */
  groupDirs: readonly string[];
}

/** Small tables, which are joined over all buckets, lie apart until then. */
const isSample = (path: string): boolean => /^(rerank|video|decisions)\//.test(path);

/**
 * Writes `samples/` as `stitch` does; files of samples are linked where they may be.
 * @throws EdgeloomError `groups-do-not-fit`, `not-a-group`, `not-a-lake`, `output-not-empty`
 */
export async function joinGroups(options: JoinOptions): Promise<StitchSummary> {
  const windows = windowsOf(options);
  await refuseUsedFolder(options.outDir);
  const lake = await openLake(options.lakeDir);
  const utcOffsetMs = lake.dataset.utc_offset_minutes * 60_000;
  const settings = { ...settingsOf(options), utcOffsetMs };
  const groups: GroupFile[] = [];
  for (const folder of options.groupDirs) groups.push(await readGroup(folder));
  checkGroups(lake, groups, rulesText(settings, windows), options.groupDirs);
  return createFolderAtomic(options.outDir, async (staging) => {
    const work = join(staging, '.work');
    await mkdir(work);
    const db = await DuckDb.open({ ...options, threads: 1, tempDir: join(work, 'spill') });
    try {
      const counts = emptyCounts();
      for (const [g, group] of groups.entries()) {
        for (const bucket of Object.values(group.buckets)) {
          addCounts(counts, bucket.counts);
          for (const path of Object.keys(bucket.files)) {
            options.signal?.throwIfAborted();
            const folder = isSample(path) ? staging : work;
            await linkOrCopy(join(options.groupDirs[g]!, path), join(folder, path));
          }
        }
      }
      return await joinBuckets(db, lake, { out: staging, work }, settings, windows, counts);
    } finally {
      db.close();
      await rm(work, { recursive: true, force: true });
    }
  });
}

function checkGroups(
  lake: Lake,
  groups: readonly GroupFile[],
  rules: string,
  folders: readonly string[],
): void {
  const refuse = (what: string, g: number): never => {
    throw new EdgeloomError({
      code: 'groups-do-not-fit',
      what,
      where: folders[g] ?? 'the groups of one run',
      fix: 'give all groups of one lake, made with the parameters given here',
    });
  };
  const missing = new Set(lake.buckets);
  for (const [g, group] of groups.entries()) {
    if (group.settings !== rules) refuse('A group was stitched with other parameters', g);
    if (canonicalJson(group.facts) !== canonicalJson(groups[0]!.facts)) {
      refuse('Two groups were stitched from different lakes', g);
    }
    for (const [bucket, { lake: read }] of Object.entries(group.buckets)) {
      if (!missing.delete(bucket)) refuse(`Bucket ${bucket} is given twice, or not in the lake`, g);
      const there = stitchedFiles(lake, bucket).map(({ path }) => path);
      if (canonicalJson(Object.keys(read).sort()) !== canonicalJson(there.sort())) {
        refuse(`Bucket ${bucket} was stitched from another lake`, g);
      }
    }
  }
  if (missing.size > 0) refuse(`No group has bucket ${[...missing].join(', ')}`, -1);
}
