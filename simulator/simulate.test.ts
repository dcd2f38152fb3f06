import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datasetDescription, itemRow, userRow } from '../data/contracts/dataset.ts';
import { type DeviceEvent, deviceEvent } from '../data/contracts/device-log.ts';
import { listFiles } from '../lib/files.ts';
import { sha256File } from '../lib/hash.ts';
import { worldParams } from './params.ts';
import { type SimulationSummary, simulate } from './simulate.ts';
import { mean } from './test-world.ts';

const params = worldParams.parse({
  days: 2,
  users: { count: 40, sessionsPerDay: 1 },
  log: { late: 0.1, duplicates: 0.01, killed: 0.2 },
  insert: { rollouts: 2 },
});

let folder: string;
let summary: SimulationSummary;
let files: string[];
/** Lines by file. */
const lines = new Map<string, string[]>();
let events: DeviceEvent[];

async function linesOf(path: string): Promise<string[]> {
  return gunzipSync(await readFile(path))
    .toString()
    .trimEnd()
    .split('\n');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-simulate-'));
  const logs = join(folder, 'logs');
  summary = await simulate({ params, out: logs, truth: join(folder, 'truth') });
  files = await listFiles(logs);
  for (const file of files.filter((name) => name.startsWith('events/'))) {
    lines.set(file, await linesOf(join(logs, file)));
  }
  events = [...lines.values()].flat().map((line) => JSON.parse(line) as DeviceEvent);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function hashes(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const file of await listFiles(path)) found[file] = await sha256File(join(path, file));
  return found;
}

describe('simulate', () => {
  it('writes only events, items and users that fit the contract', async () => {
    expect(events.filter((event) => !deviceEvent.safeParse(event).success)).toEqual([]);
    const tables = join(folder, 'logs', 'tables');
    for (const row of await linesOf(join(tables, 'items.ndjson.gz')))
      itemRow.parse(JSON.parse(row));
    for (const row of await linesOf(join(tables, 'users.ndjson.gz')))
      userRow.parse(JSON.parse(row));
    const text = await readFile(join(folder, 'logs', 'dataset.json'), 'utf8');
    expect(datasetDescription.parse(JSON.parse(text))).toMatchObject({
      kind: 'simulated',
      first_date: '2026-03-02',
      last_date: '2026-03-03',
      utc_offset_minutes: 480,
    });
  });

  it('has every type of event, and counts them', () => {
    const counts: Record<string, number> = {};
    const seen = new Set<string>();
    for (const event of events) {
      if (seen.has(event.event_id)) continue;
      seen.add(event.event_id);
      counts[event.type] = (counts[event.type] ?? 0) + 1;
    }
    expect(counts).toEqual(summary.events);
    expect(Object.keys(counts).sort()).toEqual([
      'client_state',
      'decision',
      'exposure',
      'feedback',
      'model_report',
      'order',
      'page_view',
      'play',
      'request',
      'rerank',
    ]);
    expect(summary.lines).toBe(events.length);
  });

  it('sends some lines twice, byte by byte', () => {
    const all = [...lines.values()].flat();
    expect(all.length - new Set(all).size).toBe(summary.duplicates);
    expect(new Set(all).size).toBe(new Set(events.map((event) => event.event_id)).size);
    expect(summary.duplicates).toBeGreaterThan(0);
  });

  it('files a line under the business day on which it came, late ones after their own', () => {
    let late = 0;
    let astray = 0;
    for (const [file, of] of lines) {
      const folderDate = file.split('/')[1];
      for (const line of of) {
        const event = JSON.parse(line) as DeviceEvent;
        const day = (ms: number): string => new Date(ms + 480 * 60_000).toISOString().slice(0, 10);
        if (day(event.received_ts!) !== folderDate) astray++;
        if (day(event.ts) !== folderDate) late++;
      }
    }
    expect(astray).toBe(0);
    expect(late).toBeGreaterThan(0);
    expect([...new Set([...lines.keys()].map((file) => file.split('/')[1]))]).toEqual([
      '2026-03-02',
      '2026-03-03',
      '2026-03-04',
    ]);
  });

  it('ends at midnight of the last day and leaves some exposures unfinished', () => {
    const end = Date.parse('2026-03-03T16:00:00Z');
    expect(events.filter((event) => event.ts >= end)).toEqual([]);
    const open = events.filter((event) => event.type === 'exposure' && event.ended === null);
    expect(open.length).toBeGreaterThan(0);
  });

  it('gives nothing of the user away in ids, and nothing of the truth in the logs', () => {
    const ids = events.flatMap((event) => [event.event_id, event.session_id, event.device_id]);
    expect(ids.filter((id) => !/^[esd][0-9a-f]{16}$/.test(id ?? ''))).toEqual([]);
    expect(files.filter((file) => !/^(events|tables)\/|^dataset\.json$/.test(file))).toEqual([]);
  });

  it('tells the truth of every exposure and decision apart', async () => {
    const truth = join(folder, 'truth');
    const told = new Map<string, { click: number; clicked: number }>();
    const decided = new Set<string>();
    for (const date of ['2026-03-02', '2026-03-03']) {
      for (const line of await linesOf(join(truth, 'exposures', `${date}.ndjson.gz`))) {
        const row = JSON.parse(line) as { event_id: string; click: number; clicked: number };
        told.set(row.event_id, row);
      }
      for (const line of await linesOf(join(truth, 'decisions', `${date}.ndjson.gz`))) {
        decided.add((JSON.parse(line) as { decision_id: string }).decision_id);
      }
    }
    const untold = events.filter(
      (event) =>
        (event.type === 'exposure' && !told.has(event.event_id)) ||
        (event.type === 'decision' && !decided.has(event.decision_id)),
    );
    expect(untold).toEqual([]);
    const rows = [...told.values()];
    const expected = mean(rows.map((row) => row.click));
    expect(mean(rows.map((row) => row.clicked))).toBeCloseTo(expected, 1);
  });

  it('gives the same bytes for the same seed, others for another, and the same logs without the truth', async () => {
    const again = join(folder, 'again');
    const other = join(folder, 'other');
    await simulate({ params, out: again, truth: null });
    await simulate({ params: { ...params, seed: params.seed + 1 }, out: other, truth: null });
    const first = await hashes(join(folder, 'logs'));
    expect(await hashes(again)).toEqual(first);
    const different = await hashes(other);
    expect(different['events/2026-03-02/part-000.ndjson.gz']).not.toBe(
      first['events/2026-03-02/part-000.ndjson.gz'],
    );
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const out = join(folder, 'cancelled');
    const stop = new AbortController();
    const running = simulate(
      { params, out, truth: null },
      { signal: stop.signal, onProgress: () => stop.abort() },
    );
    await expect(running).rejects.toThrow();
    expect((await listFiles(folder)).filter((file) => file.startsWith('cancelled'))).toEqual([]);
  });
});
