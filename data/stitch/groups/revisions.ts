/**
 * Revisions of business dates: how often the samples of a date changed, why last, and what they were
 * before. Told from bytes, so a date that was stitched again with the same result keeps its revision. Not
 * part of the samples: equal lakes give equal samples, whatever came before.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../../lib/errors.ts';
import { listFiles } from '../../../lib/files.ts';
import { canonicalJson, sha256File } from '../../../lib/hash.ts';
import { type GroupFile, readGroup } from './group-file.ts';
import { changedFiles, kindAndDate } from './touched.ts';

export interface DateRevision {
  /** 1 for the first. */
  revision: number;
  /** The samples that held the revision before: `sha256:…` of the artifact. */
  former?: string;
  /** What changed: files of the lake, or what else decides samples. */
  reason?: string;
}

/** By business date, sorted. */
export type Revisions = Record<string, DateRevision>;

export interface MadeSamples {
  samplesDir: string;
  groupDirs: readonly string[];
}

export interface FormerSamples extends MadeSamples {
  sha256: string;
  /** Absent when the samples were stitched in one piece. */
  revisions: Revisions | undefined;
  /** What else is not as it was: code, parameters. */
  because: readonly string[];
}

/** Lake files that a reason names; the others are counted. */
const MOST_NAMED = 3;

interface Sampled {
  dataset: string;
  /** Date → paths of its files of samples. */
  byDate: Map<string, string[]>;
}

async function sampled(samplesDir: string): Promise<Sampled> {
  const byDate = new Map<string, string[]>();
  for (const path of await listFiles(samplesDir)) {
    const date = kindAndDate(path)?.split('/')[1];
    if (date) byDate.set(date, [...(byDate.get(date) ?? []), path]);
  }
  const summary = JSON.parse(await readFile(join(samplesDir, 'summary.json'), 'utf8')) as Sampled;
  return { dataset: summary.dataset, byDate };
}

/** A file that was linked is the same file: only others are read. */
async function sameBytes(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)]);
  if (a.size !== b.size) return false;
  if (a.dev === b.dev && a.ino === b.ino) return true;
  return (await sha256File(one)) === (await sha256File(other));
}

async function differingPaths(
  paths: readonly string[],
  now: string,
  before: string,
  old: readonly string[],
): Promise<string[]> {
  const known = new Set(old);
  const differing = [...old.filter((path) => !paths.includes(path))];
  for (const path of paths) {
    if (!known.has(path) || !(await sameBytes(join(now, path), join(before, path)))) {
      differing.push(path);
    }
  }
  return differing;
}

const bucketOf = (path: string): string => /bucket=(\d+)\//.exec(path)![1]!;

/** `type=order/date=2026-03-04/bucket=07/part-0.parquet` → `order 2026-03-04 bucket 07`. */
const told = (path: string): string =>
  path.replace(/^type=([^/]+)\/date=([^/]+)\/bucket=([^/]+)\/.*$/, '$1 $2 bucket $3');

/** Changed lake files of these buckets. */
function lakeChanges(
  buckets: ReadonlySet<string>,
  before: readonly GroupFile[],
  after: readonly GroupFile[],
): string[] {
  const filesOf = (groups: readonly GroupFile[], bucket: string) =>
    groups.find((group) => bucket in group.buckets)?.buckets[bucket]?.lake ?? {};
  return [...buckets].flatMap((bucket) =>
    changedFiles(filesOf(before, bucket), filesOf(after, bucket)),
  );
}

function reasonOf(
  paths: readonly string[],
  former: FormerSamples,
  before: readonly GroupFile[],
  after: readonly GroupFile[],
): string {
  const reasons = [...former.because];
  if (before.length > 0) {
    const changed = lakeChanges(new Set(paths.map(bucketOf)), before, after).sort();
    const named = changed.slice(0, MOST_NAMED).map(told);
    if (changed.length > MOST_NAMED) named.push(`${changed.length - MOST_NAMED} more files`);
    reasons.push(...named);
    const [was, is] = [before[0]!, after[0]!];
    if (was.facts.logEnd !== is.facts.logEnd)
      reasons.push('the end of the log, which ripens labels');
    if (was.history !== is.history) reasons.push('the undated history');
    const steady = ({ logEnd: _, ...facts }: GroupFile['facts']): string => canonicalJson(facts);
    if (steady(was.facts) !== steady(is.facts)) reasons.push('the types of events or page blocks');
  }
  return reasons.length > 0 ? reasons.join(', ') : 'the lake';
}

/** None when other code left them in a form that this code does not read: then that is the reason. */
async function formerGroups({ groupDirs, because }: FormerSamples): Promise<GroupFile[]> {
  try {
    return await Promise.all(groupDirs.map(readGroup));
  } catch (error) {
    const isForm = error instanceof EdgeloomError && error.code === 'not-a-group';
    if (isForm && because.length > 0) return [];
    throw error;
  }
}

/** @param former what stood before; samples of another dataset do not count */
export async function revisionsOf(
  made: MadeSamples,
  former: FormerSamples | undefined,
): Promise<Revisions> {
  const now = await sampled(made.samplesDir);
  const old = former && (await sampled(former.samplesDir));
  const dates = [...now.byDate.keys()].sort();
  if (!former || !old || old.dataset !== now.dataset) {
    return Object.fromEntries(dates.map((date) => [date, { revision: 1 }]));
  }
  const before = await formerGroups(former);
  const after = await Promise.all(made.groupDirs.map(readGroup));
  const revisions: Revisions = {};
  for (const date of dates) {
    const paths = now.byDate.get(date)!;
    const earlier = old.byDate.get(date);
    const last = former.revisions?.[date] ?? { revision: 1 };
    if (!earlier) {
      revisions[date] = { revision: 1 };
      continue;
    }
    const differing = await differingPaths(paths, made.samplesDir, former.samplesDir, earlier);
    revisions[date] =
      differing.length === 0
        ? last
        : {
            revision: last.revision + 1,
            former: former.sha256,
            reason: reasonOf(differing, former, before, after),
          };
  }
  return revisions;
}

/** Dates past their first revision, for a person; undefined when there are none. */
export function tellRevisions(revisions: Revisions): string | undefined {
  const dates = Object.entries(revisions).filter(([, { revision }]) => revision > 1);
  if (dates.length === 0) return undefined;
  return dates
    .map(([date, { revision, reason }]) => `${date} is revision ${revision} (${reason})`)
    .join('; ');
}
