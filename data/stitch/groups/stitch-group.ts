/**
 * Some buckets of a lake → their samples, apart, so that many workers can share a lake. What a former run
 * left may be given; it changes what is written anew, never a byte of the result.
 */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../../lib/errors.ts';
import { createFolderAtomic, listFiles } from '../../../lib/files.ts';
import { DuckDb } from '../../duckdb.ts';
import { refuseUsedFolder } from '../../output-folder.ts';
import type { BucketJob } from '../bucket.ts';
import { stitchBuckets } from '../bucket-threads.ts';
import type { StitchCounts } from '../counts.ts';
import { type Lake, openLake } from '../lake.ts';
import { LakeReader } from '../read/lake-reader.ts';
import { columnsFor, eventsOf, logFacts, type StitchOptions, settingsOf } from '../stitch.ts';
import { type Windows, windowsOf } from '../windows.ts';
import { factsAsJson, type GroupFile, readGroup, writeGroup } from './group-file.ts';
import { hashBucket, hashHistory, hashPaths, rulesText } from './lake-hashes.ts';
import { linkOrCopy } from './link-files.ts';
import { type BucketState, kindAndDate, stateOf, type Touched, touchedOf } from './touched.ts';

export interface GroupOptions extends StitchOptions {
  /** 1 … groups: bucket b belongs to group (b mod groups) + 1. */
  group: number;
  groups: number;
  /** What the same group was in another lake: its folder, and that lake's while it is there. */
  former?: { groupDir: string; lakeDir: string | undefined } | undefined;
}

export interface GroupReport {
  slates: number;
  buckets: number;
  /** Buckets of which something was stitched. */
  bucketsStitched: number;
  /** Files of samples that were written, and those that were taken over from the former group. */
  written: number;
  reused: number;
  /** Business dates of the written ones, sorted. */
  dates: string[];
}

const isOwn = (bucket: string, { group, groups }: GroupOptions): boolean =>
  Number(bucket) % groups === group - 1;

/**
 * Writes rerank/, video/, decisions/ of the group's buckets as `stitch` does, `user-days/` and
 * `seen-items/` for the join, and `group.json`.
 * @throws EdgeloomError `not-a-lake`, `bad-config`, `output-not-empty`
 */
export async function stitchGroup(options: GroupOptions): Promise<GroupReport> {
  const { group, groups } = options;
  if (!(Number.isInteger(group) && Number.isInteger(groups) && group >= 1 && group <= groups)) {
    throw new EdgeloomError({
      code: 'bad-config',
      what: `There is no group ${group} of ${groups}`,
      fix: 'groups are numbered from 1',
      exitCode: 2,
    });
  }
  const given = settingsOf(options);
  await refuseUsedFolder(options.outDir);
  const lake = await openLake(options.lakeDir);
  return createFolderAtomic(options.outDir, async (staging) => {
    const work = join(staging, '.work');
    await mkdir(work);
    const settings = { ...given, utcOffsetMs: lake.dataset.utc_offset_minutes * 60_000 };
    const run = new GroupRun(options, lake, { staging, work, settings });
    try {
      return await run.run();
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

class GroupRun {
  readonly #options: GroupOptions;
  readonly #lake: Lake;
  readonly #staging: string;
  readonly #work: string;
  #settings: BucketJob['settings'];

  constructor(
    options: GroupOptions,
    lake: Lake,
    at: { staging: string; work: string; settings: BucketJob['settings'] },
  ) {
    this.#options = options;
    this.#lake = lake;
    this.#staging = at.staging;
    this.#work = at.work;
    this.#settings = at.settings;
  }

  async run(): Promise<GroupReport> {
    const windows = windowsOf(this.#options);
    const buckets = this.#lake.buckets.filter((bucket) => isOwn(bucket, this.#options));
    const rules = rulesText(this.#settings, windows);
    const { facts, events, states } = await this.#look(buckets, windows);
    const history = await hashHistory(this.#lake);
    const made: GroupFile = { settings: rules, history, facts: factsAsJson(facts), buckets: {} };
    const job = {
      files: this.#lake.files,
      history: this.#lake.table('history'),
      facts,
      settings: this.#settings,
    };
    const former = await this.#former(made);
    const touched = new Map<string, Touched>();
    for (const state of states) {
      touched.set(
        state.bucket,
        former
          ? await touchedOf(state, former, this.#lake, job, this.#duckdb('changed'))
          : { all: true },
      );
    }
    const counts = await this.#stitch(job, touched, events);
    const report = { slates: 0, buckets: states.length, bucketsStitched: counts.size };
    const files = { written: 0, reused: 0 };
    const dates = new Set<string>();
    for (const { bucket, lake, parts } of states) {
      const taken = former ? await this.#take(bucket, former, touched.get(bucket)!) : {};
      const written = await this.#writtenOf(bucket, new Set(Object.keys(taken)));
      const own = { counts: counts.get(bucket) ?? former!.group.buckets[bucket]!.counts };
      made.buckets[bucket] = { lake, parts, files: { ...taken, ...written }, ...own };
      report.slates += own.counts.slates;
      files.reused += Object.keys(taken).filter(kindAndDate).length;
      for (const path of Object.keys(written)) {
        const name = kindAndDate(path);
        if (!name) continue;
        files.written++;
        dates.add(name.split('/')[1]!);
      }
    }
    await writeGroup(this.#staging, made);
    return { ...report, ...files, dates: [...dates].sort() };
  }

  #duckdb(name: string) {
    const { memoryLimitMb = 1000, signal } = this.#options;
    return { memoryLimitMb, signal, threads: 1, tempDir: join(this.#work, name) };
  }

  /** What holds for the whole log, and the group's buckets as they are. */
  async #look(buckets: readonly string[], windows: Windows) {
    const { signal, onProgress } = this.#options;
    const db = await DuckDb.open(this.#duckdb('look'));
    const reader = new LakeReader(this.#duckdb('look-again'));
    try {
      onProgress?.({ message: 'looking at the log' });
      const { facts, rows } = await logFacts(db, this.#lake, windows);
      const { columns } = this.#settings;
      this.#settings = { ...this.#settings, columns: columnsFor(columns, rows) };
      const states: BucketState[] = [];
      for (const bucket of buckets) {
        const hashes = await hashBucket(this.#lake, bucket, signal);
        states.push(await stateOf(reader, this.#lake, bucket, hashes, this.#settings));
      }
      return { facts, events: eventsOf(rows), states };
    } finally {
      reader.close();
      db.close();
    }
  }

  /** The former group, when it was made by equal rules and with the same undated history. */
  async #former({ settings, history }: GroupFile) {
    const { former } = this.#options;
    if (!former) return undefined;
    const group = await readGroup(former.groupDir);
    if (group.settings !== settings || group.history !== history) return undefined;
    return { ...former, group };
  }

  /** Stitches what is touched. @returns counts of these buckets */
  async #stitch(
    job: Omit<BucketJob, 'folders'>,
    touched: ReadonlyMap<string, Touched>,
    events: number,
  ): Promise<Map<string, StitchCounts>> {
    const { threads = 2, eventsPerThread = 150_000, memoryLimitMb = 1000 } = this.#options;
    const { signal, onProgress } = this.#options;
    const open = [...touched].filter(([, what]) => what.all || !what.stands);
    const buckets = open.map(([bucket]) => bucket);
    const wanted = Object.fromEntries(
      open.flatMap(([bucket, what]) => (what.all ? [] : [[bucket, what.wanted]])),
    );
    const counts = new Map<string, StitchCounts>();
    if (buckets.length === 0) return counts;
    await stitchBuckets(
      // Small tables go beside the samples: the join reads them.
      { ...job, wanted, folders: { out: this.#staging, work: this.#staging } },
      buckets,
      {
        threads,
        events: (events * buckets.length) / this.#lake.buckets.length,
        eventsPerThread,
        memoryLimitMb,
        tempDir: join(this.#work, 'spill'),
        signal,
        onBucket: (bucket, done) =>
          onProgress?.({ message: `stitching bucket ${bucket}`, fraction: done / buckets.length }),
        onCounts: (bucket, own) => counts.set(bucket, own),
      },
    );
    return counts;
  }

  /** Links the former files that stand. Of a bucket that was stitched, its small tables are new. */
  async #take(
    bucket: string,
    former: { groupDir: string; group: GroupFile },
    what: Touched,
  ): Promise<Record<string, string>> {
    if (what.all) return {};
    const taken: Record<string, string> = {};
    for (const [path, hash] of Object.entries(former.group.buckets[bucket]!.files)) {
      const name = kindAndDate(path);
      if (name ? what.wanted.includes(name) : !what.stands) continue;
      await linkOrCopy(join(former.groupDir, path), join(this.#staging, path));
      taken[path] = hash;
    }
    return taken;
  }

  /** Path → SHA-256 of the bucket's files that this run wrote. */
  async #writtenOf(bucket: string, taken: ReadonlySet<string>): Promise<Record<string, string>> {
    const own = (path: string): boolean => {
      if (path.startsWith('.work/') || taken.has(path)) return false;
      return kindAndDate(path)
        ? path.split('/')[2] === `bucket=${bucket}`
        : path.split('/')[1]!.startsWith(`${bucket}-`);
    };
    const there = await listFiles(this.#staging);
    return hashPaths(
      this.#staging,
      there.filter((path) => dirname(path) !== '.' && own(path)),
    );
  }
}
