/**
 * Which samples of a bucket must be written anew, told from what a former run left.
 *
 * A row is a function of the events of its own user and of facts about the whole log; a file is a
 * function of its rows. How far a row looks is not bounded in time: back by sequences of the last K,
 * forward by windows that a run may choose as long as it likes. So dates are not guessed from distances:
 * the users whose rows of the lake changed are stitched alone, from the former lake and from this one, and
 * the dates on which the two differ are the touched ones.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { listFiles } from '../../../lib/files.ts';
import { canonicalJson } from '../../../lib/hash.ts';
import { DuckDb, type DuckDbOptions } from '../../duckdb.ts';
import { type BucketJob, BucketStitcher } from '../bucket.ts';
import { type Lake, openLake } from '../lake.ts';
import type { StitchedType } from '../lake-schema.ts';
import { BucketEvents } from '../read/bucket-events.ts';
import type { LakeReader } from '../read/lake-reader.ts';
import { changedUsers } from '../user-choice.ts';
import { waitsOf, watermarkOf } from '../windows.ts';
import { type BucketFile, factsAsJson, type GroupFile } from './group-file.ts';
import { hashPaths, stitchedFiles } from './lake-hashes.ts';

/** With more users of a bucket changed, to stitch them alone and twice saves nothing. */
const MOST_CHANGED = 0.2;
const DAY_MS = 86_400_000;

/** A bucket as it is now. */
export interface BucketState {
  bucket: string;
  /** Path in the lake → SHA-256. */
  lake: BucketFile['lake'];
  parts: BucketFile['parts'];
  users: number;
}

/**
 * What is written anew: `<kind>/<date>`, sorted. A bucket stands when no event of it changed; one whose
 * samples are all as before may still have other users by day, which are made with the bucket.
 */
export type Touched = { all: true } | { all: false; stands: boolean; wanted: string[] };

/** `<kind>/<date>` of a file of samples; undefined for parts of small tables. */
export const kindAndDate = (path: string): string | undefined => {
  const [, kind, date] = /^(rerank|video|decisions)\/date=([^/]+)\//.exec(path) ?? [];
  return kind && `${kind}/${date}`;
};

/** Lake files that one of the two has and the other has not, or that differ, sorted. */
export function changedFiles(before: BucketFile['lake'], after: BucketFile['lake']): string[] {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...paths].filter((path) => before[path] !== after[path]).sort();
}

/**
 * Labels of a row have matured when the log goes on for a while after it. When the end of the log moves,
 * rows between the old and the new end, each less that while, change.
 */
function ripening(
  before: GroupFile['facts'],
  after: GroupFile['facts'],
  { settings }: Pick<BucketJob, 'settings'>,
): (kindAndDate: string) => boolean {
  if (before.logEnd === after.logEnd) return () => false;
  const dayOf = (ms: number): string =>
    new Date(Math.floor((ms + settings.utcOffsetMs) / DAY_MS) * DAY_MS).toISOString().slice(0, 10);
  const [first, last] = [before, after].map(watermarkOf).sort((a, b) => a - b) as [number, number];
  const waits = waitsOf(after.windows);
  return (name) => {
    const [kind, date] = name.split('/') as [string, string];
    const wait = waits[kind];
    return (
      wait !== undefined && date >= dayOf(first - wait.most) && date <= dayOf(last - wait.least)
    );
  };
}

/** What a former run left, for one bucket. */
export interface FormerBucket {
  group: GroupFile;
  /** The lake that it was made of; undefined when that is gone. */
  lakeDir: string | undefined;
}

/** @param job how the bucket would be stitched now, of this lake */
export async function touchedOf(
  state: BucketState,
  former: FormerBucket,
  lake: Lake,
  job: Omit<BucketJob, 'folders'>,
  options: DuckDbOptions,
): Promise<Touched> {
  const facts = factsAsJson(job.facts);
  const was = former.group.buckets[state.bucket];
  if (!was) return { all: true };
  const steady = ({ logEnd: _, ...rest }: GroupFile['facts']): string => canonicalJson(rest);
  if (steady(former.group.facts) !== steady(facts)) return { all: true };
  if (canonicalJson(was.parts) !== canonicalJson(state.parts)) return { all: true };
  const ripe = ripening(former.group.facts, facts, job);
  const names = Object.keys(was.files).flatMap((path) => kindAndDate(path) ?? []);
  const wanted = new Set(names.filter(ripe));
  const changed = changedFiles(was.lake, state.lake);
  let stands = true;
  if (changed.length > 0) {
    if (!former.lakeDir) return { all: true };
    const before = await openLake(former.lakeDir);
    const users = await usersOf(changed, [before, lake], state.bucket, options);
    if (users.length > MOST_CHANGED * state.users) return { all: true };
    if (users.length > 0) {
      stands = false;
      for (const name of await datesOf(users, state.bucket, [before, lake], job, options))
        wanted.add(name);
    }
  }
  return { all: false, stands: stands && wanted.size === 0, wanted: [...wanted].sort() };
}

/** Users with other rows in the changed files than before. */
async function usersOf(
  changed: readonly string[],
  lakes: readonly [Lake, Lake],
  bucket: string,
  options: DuckDbOptions,
): Promise<string[]> {
  const [before, after] = lakes.map((lake) => stitchedFiles(lake, bucket)) as [
    ReturnType<typeof stitchedFiles>,
    ReturnType<typeof stitchedFiles>,
  ];
  const users = new Set<string>();
  const db = await DuckDb.open(options);
  try {
    for (const path of changed) {
      const [old, now] = [before, after].map((files) =>
        files.filter((one) => one.path === path).map(({ file }) => file),
      ) as [Lake['files'], Lake['files']];
      const type = (now[0] ?? old[0])!.type as StitchedType;
      const paths = (files: Lake['files']): string[] => files.map((file) => file.path);
      for (const user of await changedUsers(db, type, paths(old), paths(now))) users.add(user);
    }
  } finally {
    db.close();
  }
  return [...users].sort();
}

/** Where the samples of some users differ between two lakes. */
async function datesOf(
  users: readonly string[],
  bucket: string,
  lakes: readonly Lake[],
  job: Omit<BucketJob, 'folders'>,
  options: DuckDbOptions,
): Promise<string[]> {
  const found: Map<string, string>[] = [];
  for (const [i, lake] of lakes.entries()) {
    const folder = join(options.tempDir, `users-${bucket}-${i}`);
    await mkdir(folder, { recursive: true });
    const folders = { out: folder, work: folder };
    const stitcher = new BucketStitcher(
      { ...job, files: lake.files, folders, users },
      { ...options, tempDir: join(folder, 'spill') },
    );
    try {
      await stitcher.stitch(bucket);
    } finally {
      stitcher.close();
    }
    const byName = new Map<string, string>();
    const paths = (await listFiles(folder)).filter((path) => kindAndDate(path));
    for (const [path, hash] of Object.entries(await hashPaths(folder, paths))) {
      const name = kindAndDate(path)!;
      byName.set(name, `${byName.get(name) ?? ''}${path} ${hash}\n`);
    }
    found.push(byName);
  }
  const [before, after] = found as [Map<string, string>, Map<string, string>];
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
}

/** The bucket's files by content, its parts and the number of its users. */
export async function stateOf(
  reader: LakeReader,
  lake: Lake,
  bucket: string,
  lakeHashes: BucketFile['lake'],
  settings: BucketJob['settings'],
): Promise<BucketState> {
  const own = lake.files.filter((file) => file.bucket === bucket);
  const { parts, counts } = await BucketEvents.open(reader, own, settings);
  return { bucket, lake: lakeHashes, parts, users: counts.users };
}
