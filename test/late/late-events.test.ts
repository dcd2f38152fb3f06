/** A phone's events of one day come late: what is stitched anew, what is taken over, and what is told of it. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StageResult } from '../../activities/runtime/run-stage.ts';
import { openWorkspace, projectRoot, type Workspace } from '../../cli/workspace.ts';
import type { Revisions } from '../../data/stitch/groups/revisions.ts';
import type { GroupReport } from '../../data/stitch/groups/stitch-group.ts';
import { stitch } from '../../data/stitch/stitch.ts';
import { hashFiles, hashFolder } from '../../lib/hash-folder.ts';
import { DATES, type LateLogs, lateLogs, stitchDay } from './days.ts';

const LATE = DATES[3]!;
const GROUPS = 4;

let root: string;
let logs: LateLogs;
let workspace: Workspace;
let first: Record<string, StageResult>;
let second: Record<string, StageResult>;

const revisionsIn = ({ summary }: StageResult) => summary.revisions as unknown as Revisions;
const reportsOf = (results: Record<string, StageResult>): GroupReport[] =>
  Object.entries(results)
    .filter(([node]) => node.startsWith('stitch-group/'))
    .map(([, { summary }]) => summary as unknown as GroupReport);
const folderOf = (result: StageResult): Promise<string> => workspace.store.open(result.ref);
const bytesOf = async (result: StageResult): Promise<Map<string, string>> =>
  new Map((await hashFiles(await folderOf(result))).map(({ path, sha256 }) => [path, sha256]));
const dateIn = (path: string): string | undefined => /date=([^/]+)/.exec(path)?.[1];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-late-'));
  logs = await lateLogs(root);
  workspace = await openWorkspace(join(root, 'workspace'));
  first = await stitchDay(workspace, logs.early, { groups: GROUPS });
  second = await stitchDay(workspace, logs.late, { groups: GROUPS });
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('late events', () => {
  it('change the lake on their own day and in their bucket alone', async () => {
    const [before, after] = [await bytesOf(first.ingest!), await bytesOf(second.ingest!)];
    const changed = [...after].filter(
      ([path, hash]) => path.startsWith('type=') && before.get(path) !== hash,
    );
    expect(new Set(changed.map(([path]) => dateIn(path)))).toEqual(new Set([LATE]));
    expect(new Set(changed.map(([path]) => /bucket=\d+/.exec(path)![0])).size).toBe(1);
  });

  it('have only the touched days of one bucket stitched, with the bytes of stitching all', async () => {
    const samples = await folderOf(second.stitch!);
    const whole = join(root, 'whole');
    await stitch({ lakeDir: await folderOf(second.ingest!), outDir: whole });
    expect((await hashFolder(samples)).sha256).toBe((await hashFolder(whole)).sha256);

    const stitched = reportsOf(second).map(({ bucketsStitched }) => bucketsStitched);
    expect(stitched.toSorted()).toEqual([0, 0, 0, 1]);
    expect(reportsOf(first).map(({ reused }) => reused)).toEqual([0, 0, 0, 0]);

    const [before, after] = [await bytesOf(first.stitch!), await bytesOf(second.stitch!)];
    const isDated = (path: string): boolean => dateIn(path) !== undefined;
    const changed = [...after].filter(([path, hash]) => isDated(path) && before.get(path) !== hash);
    const written = reportsOf(second).reduce((sum, report) => sum + report.written, 0);
    // Nothing was written that did not change, and days before the late one did not.
    expect(changed.map(([path]) => path)).toHaveLength(written);
    const dates = [...new Set(changed.map(([path]) => dateIn(path)!))].sort();
    expect(
      reportsOf(second)
        .flatMap((report) => report.dates)
        .sort(),
    ).toEqual(dates);
    expect(dates).toContain(LATE);
    expect(dates).not.toContain(DATES[0]);
    expect(dates).not.toContain(DATES[1]);
  });

  it('leave the other files where they are: one file under two names', async () => {
    const [before, after] = [await bytesOf(first.stitch!), await bytesOf(second.stitch!)];
    const [old, now] = [await folderOf(first.stitch!), await folderOf(second.stitch!)];
    for (const [path, hash] of after) {
      if (dateIn(path) === undefined) continue;
      const [a, b] = [await stat(join(now, path)), await stat(join(old, path)).catch(() => null)];
      expect(a.ino === b?.ino, path).toBe(before.get(path) === hash);
    }
  });

  it('give the touched dates a new revision with its reason and what stood before', () => {
    const revisions = revisionsIn(second.stitch!);
    expect(Object.keys(revisions)).toEqual(DATES);
    expect(Object.values(revisionsIn(first.stitch!))).toEqual(DATES.map(() => ({ revision: 1 })));
    expect(revisions[DATES[0]!]).toEqual({ revision: 1 });
    expect(revisions[LATE]).toMatchObject({ revision: 2, former: first.stitch!.ref.sha256 });
    expect(revisions[LATE]!.reason).toMatch(
      new RegExp(`^\\w+ ${LATE} bucket \\d\\d, .* more files`),
    );
  });

  it('are told by the run, the plan and the list of samples', async () => {
    expect(second.stitch!.told).toContain(`${LATE} is revision 2 (`);
    const told = Object.values(second).flatMap((result) => result.told ?? []);
    expect(told.filter((words) => words.includes('1 of 2 buckets stitched'))).toHaveLength(1);
    expect(told.filter((words) => words.includes('0 of 2 buckets stitched'))).toHaveLength(3);

    const edgeloom = (...args: string[]): string => {
      const all = [join(projectRoot, 'cli', 'edgeloom.mjs'), ...args];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [...all, '--workspace', workspace.root],
        { encoding: 'utf8' },
      );
      expect(status, stderr).toBe(0);
      return stdout;
    };
    const config = ['--config', join(root, `groups-${GROUPS}.json`), '--backend', 'cpu'];
    const plan = edgeloom('plan', '--logs', logs.late, ...config).split('\n');
    const groups = plan.filter((line) => line.includes('stitch-group/'));
    expect(groups.map((line) => line.split(' ')[0])).toEqual(['reuse', 'reuse', 'reuse', 'reuse']);
    expect(plan.find((line) => /^reuse +stitch /.test(line))).toContain(`${LATE} is revision 2 (`);
    expect(edgeloom('sample', 'list', '--date', LATE)).toContain(`${LATE} is revision 2 (`);
    expect(edgeloom('sample', 'list', '--date', DATES[0]!)).not.toContain('revision');
  });

  it('count no revision for the same lake, stitched by force or in other groups', async () => {
    const forced = await stitchDay(workspace, logs.late, { groups: GROUPS, force: true });
    expect(reportsOf(forced).map(({ reused }) => reused)).toEqual([0, 0, 0, 0]);
    const regrouped = await stitchDay(workspace, logs.late, { groups: 1 });
    for (const results of [forced, regrouped]) {
      expect(results.stitch!.ref.sha256).toBe(second.stitch!.ref.sha256);
      expect(revisionsIn(results.stitch!)).toEqual(revisionsIn(second.stitch!));
    }
  });
});
