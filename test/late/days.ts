/** Simulated logs from which a phone's events of one day are held back, and the first stages of a day over them. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { loadStage } from '../../activities/index.ts';
import { runStage, type StageResult } from '../../activities/runtime/run-stage.ts';
import { dailyInput } from '../../cli/run-daily.ts';
import type { Workspace } from '../../cli/workspace.ts';
import { listFiles } from '../../lib/files.ts';
import { worldParams } from '../../simulator/params.ts';
import { simulate } from '../../simulator/simulate.ts';
import { dailyDag } from '../../workflows/dag.ts';

export const DATES = Array.from({ length: 6 }, (_, i) => `2026-03-0${i + 2}`);
/** Exposures after a request decision whose orders count: with more, a day ends what came before it. */
const ENOUGH = 25;

interface Line {
  user: string;
  /** Business date. */
  date: string;
  type: string;
  text: string;
}

async function readLines(path: string, offsetMinutes: number): Promise<Line[]> {
  const text = gunzipSync(await readFile(path)).toString('utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { user_id: user, ts, type } = JSON.parse(line) as Record<string, string>;
      const date = new Date(Number(ts) + offsetMinutes * 60_000).toISOString().slice(0, 10);
      return { user: user!, type: type!, date, text: line };
    });
}

/** Of two days of a user: those who were shown enough on the day before, in the order of their ids. */
function busyUsers(lines: readonly Line[], date: string, before: string): string[] {
  const shown = new Map<string, [number, number]>();
  for (const line of lines) {
    if (line.type !== 'exposure' || (line.date !== date && line.date !== before)) continue;
    const counts = shown.get(line.user) ?? [0, 0];
    counts[line.date === date ? 0 : 1]++;
    shown.set(line.user, counts);
  }
  return [...shown]
    .filter(([, [now, earlier]]) => now >= 5 && earlier >= ENOUGH)
    .map(([user]) => user)
    .sort();
}

export interface LateLogs {
  /** As they were at first. */
  early: string;
  /** With what came late, in a file of a later day. */
  late: string;
}

/** A phone was without a network on `DATES[3]`: all its events of that day come late. */
export async function lateLogs(root: string): Promise<LateLogs> {
  const [all, early, late] = ['all', 'early', 'late'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  const params = worldParams.parse({ seed: 7, days: DATES.length, users: { count: 100 } });
  await simulate({ params, out: all, truth: null, lanes: 1 });
  const { utc_offset_minutes: offset } = JSON.parse(
    await readFile(join(all, 'dataset.json'), 'utf8'),
  ) as { utc_offset_minutes: number };
  const files = new Map<string, Line[]>();
  for (const path of (await listFiles(all)).filter((name) => name.startsWith('events/'))) {
    files.set(path, await readLines(join(all, path), offset));
  }
  const date = DATES[3]!;
  const [phone] = busyUsers([...files.values()].flat(), date, DATES[2]!);
  await cp(all, early, { recursive: true });
  const held: string[] = [];
  for (const [path, lines] of files) {
    const isLate = (line: Line): boolean => line.user === phone && line.date === date;
    const kept = lines.filter((line) => !isLate(line));
    if (kept.length === lines.length) continue;
    held.push(...lines.filter(isLate).map(({ text }) => text));
    await writeFile(join(early, path), gzipSync(kept.map(({ text }) => `${text}\n`).join('')));
  }
  await cp(early, late, { recursive: true });
  const file = join(late, 'events', DATES[5]!, 'late.ndjson');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, held.map((line) => `${line}\n`).join(''));
  return { early, late };
}

class EnoughDone extends Error {}

/** The stages of a day up to the samples, by the DAG, each in this process. By node. */
export async function stitchDay(
  workspace: Workspace,
  logs: string,
  { groups, force = false }: { groups: number; force?: boolean },
): Promise<Record<string, StageResult>> {
  const config = join(dirname(logs), `groups-${groups}.json`);
  await writeFile(config, JSON.stringify({ stitch: { groups } }));
  const options = { workspace: workspace.root, logs, days: 5, config, channel: 'stable' };
  const input = await dailyInput(options, 'cpu', () => undefined);
  const results: Record<string, StageResult> = {};
  const { store, machine } = workspace;
  const run = async ({
    stage,
    ...call
  }: { node: string; stage: string } & Parameters<typeof runStage>[3]) => {
    if (stage === 'check-data') throw new EnoughDone();
    const result = await runStage(store, machine, await loadStage(stage), call, { force });
    results[call.node] = result;
    return result;
  };
  try {
    await dailyDag(input, { run, skip: () => undefined });
  } catch (error) {
    if (!(error instanceof EnoughDone)) throw error;
  }
  return results;
}
