/**
 * Retention by date. What is older than the first kept day goes:
 *
 *   lakes        their older days; a lake without a day left goes whole, with its rejects
 *   rows         samples, tensors, predictions made from a lake that changes (see holdings.ts)
 *   the rest     weights, exports, bundles whose newest day is older, or whose origin is gone, unless a
 *                released bundle was made from them
 *   leftovers    artifacts that no record names, logs of stages
 *
 * Nothing that lies within the kept days is touched, so the next run reuses it.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expireLake } from '../../data/privacy/expire-lake.ts';
import type { StageRecord } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import {
  type AuditRecord,
  begin,
  finish,
  newAuditId,
  noteChange,
  notedChanges,
  UNKNOWN,
  unfinished,
} from './audit.ts';
import { ancestorsOf, descendantsOf, LAKE_STAGE } from './holdings.ts';
import type { Estate } from './types.ts';
import {
  alone,
  dropDerived,
  dropOrphans,
  dropRecords,
  lakeRecords,
  recordOf,
  replaceRecord,
  restage,
} from './upkeep.ts';

const DAY_MS = 86_400_000;

export interface RetentionRequest {
  /** Business days that stay, the last one included. */
  keepDays: number;
  /** The last of them, YYYY-MM-DD. */
  asOf: string;
  reason?: string | undefined;
}

/** One thing that would go. */
export interface Expiring {
  what: 'lake' | 'days' | 'rows' | 'model' | 'unreferenced' | 'log';
  stage: string;
  /** Artifact hash or file. */
  name: string;
  why: string;
}

export interface RetentionPlan {
  /** First kept day. */
  from: string;
  expiring: Expiring[];
}

/** @throws EdgeloomError `bad-retention` */
export function firstKeptDay({
  keepDays,
  asOf,
}: Pick<RetentionRequest, 'keepDays' | 'asOf'>): string {
  const last = Date.parse(`${asOf}T00:00:00Z`);
  if (!Number.isInteger(keepDays) || keepDays < 1 || Number.isNaN(last)) {
    throw new EdgeloomError({
      code: 'bad-retention',
      what: `Cannot keep ${keepDays} days up to ${asOf}`,
      fix: 'give a whole number of days above 0 and a date YYYY-MM-DD',
      exitCode: 2,
    });
  }
  return new Date(last - (keepDays - 1) * DAY_MS).toISOString().slice(0, 10);
}

const datesOf = (lake: StageRecord): string[] =>
  Object.keys((lake.summary.byDate ?? {}) as Record<string, number>).sort();

interface Sorted {
  wholeLakes: StageRecord[];
  cutLakes: StageRecord[];
  rows: StageRecord[];
  models: { record: StageRecord; why: string }[];
}

/** The records that go, by why. Pure. */
export function sortRecords(records: readonly StageRecord[], from: string): Sorted {
  const lakes = lakeRecords(records);
  const old = (lake: StageRecord): boolean => datesOf(lake).some((date) => date < from);
  const wholeLakes = lakes.filter((lake) => datesOf(lake).every((date) => date < from));
  const whole = new Set(wholeLakes);
  const cutLakes = lakes.filter((lake) => !whole.has(lake) && old(lake));
  const changed = [...wholeLakes, ...cutLakes].map(({ ref }) => ref.sha256);
  const { rows } = descendantsOf(records, changed);
  const released = ancestorsOf(
    records,
    records.filter(({ parts }) => parts.stage === 'release'),
  );
  const inRows = new Set(rows);
  const models: Sorted['models'] = [];
  for (const record of records) {
    if (record.parts.stage === LAKE_STAGE || inRows.has(record) || released.has(record)) continue;
    const origin = lakeRecords([...ancestorsOf(records, [record])]);
    if (origin.length === 0) models.push({ record, why: 'what it was made from is gone' });
    else if (origin.every((lake) => whole.has(lake)))
      models.push({ record, why: `its last day is before ${from}` });
  }
  return { wholeLakes, cutLakes, rows, models };
}

async function oldLogs(folder: string, from: string): Promise<string[]> {
  if (!(await statIfThere(folder))) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const times = await Promise.all(paths.map((path) => stat(path)));
  return paths.filter((_, i) => times[i]!.mtimeMs < Date.parse(`${from}T00:00:00Z`));
}

/** What `applyRetention` would remove; changes nothing. */
export async function planRetention(
  { workspace, store }: Estate,
  request: RetentionRequest,
): Promise<RetentionPlan> {
  const from = firstKeptDay(request);
  const records = await store.records();
  const { wholeLakes, cutLakes, rows, models } = sortRecords(records, from);
  const named = new Set(records.map(({ ref }) => ref.sha256));
  const orphans = (await store.artifacts()).filter((hash) => !named.has(hash));
  const one =
    (what: Expiring['what'], why: string) =>
    ({ parts, ref }: StageRecord): Expiring => ({
      what,
      stage: parts.stage,
      name: ref.sha256,
      why,
    });
  const days = (lake: StageRecord): string =>
    datesOf(lake)
      .filter((date) => date < from)
      .join(', ');
  return {
    from,
    expiring: [
      ...wholeLakes.map(one('lake', `every day of it is before ${from}`)),
      ...cutLakes.map((lake) => one('days', days(lake))(lake)),
      ...rows.map(one('rows', 'made from a lake that changes')),
      ...models.map(({ record, why }) => one('model', why)(record)),
      ...orphans.map((name) => ({
        what: 'unreferenced' as const,
        stage: UNKNOWN,
        name,
        why: 'no record names it',
      })),
      ...(await oldLogs(join(workspace, 'stage-logs'), from)).map((name) => ({
        what: 'log' as const,
        stage: UNKNOWN,
        name,
        why: `written before ${from}`,
      })),
    ],
  };
}

interface Pending {
  id: string;
  startedAt: string;
  reason: string | null;
  keepDays: number;
  asOf: string;
}

async function finishRetention(
  estate: Estate,
  pending: Pending,
  options: RunOptions,
): Promise<AuditRecord> {
  const { workspace, store } = estate;
  const { id } = pending;
  const from = firstKeptDay(pending);
  const { wholeLakes, cutLakes, rows, models } = sortRecords(await store.records(), from);
  for (const before of cutLakes) {
    options.signal?.throwIfAborted();
    options.onProgress?.({ message: `cutting ${before.ref.sha256}` });
    const lakeDir = await store.open(before.ref, options);
    const { ref, account, removed } = await restage(
      estate,
      (outDir) => expireLake({ lakeDir, outDir, from, signal: options.signal }),
      options,
    );
    if (!ref) continue;
    const { stage } = before.parts;
    const change = { stage, before: before.ref.sha256, after: ref.sha256, rows: removed };
    await noteChange(workspace, id, change);
    await replaceRecord(store, before, recordOf(before, { ref, account }));
  }
  await dropRecords(estate, id, [...wholeLakes, ...rows, ...models.map(({ record }) => record)]);
  const { changes: begun } = await notedChanges(workspace, id);
  await dropDerived(
    estate,
    id,
    begun.map(({ before }) => before),
  );
  await dropOrphans(estate, id);
  const logs = await oldLogs(join(workspace, 'stage-logs'), from);
  for (const path of logs) await rm(path);
  const { changes } = await notedChanges(workspace, id);
  const record: AuditRecord = {
    id,
    operation: 'retention',
    startedAt: pending.startedAt,
    finishedAt: new Date().toISOString(),
    reason: pending.reason,
    firstKeptDay: from,
    changes,
    logs: logs.length,
  };
  await finish(workspace, record);
  return record;
}

/**
 * Removes what is past the retention.
 * @throws EdgeloomError `bad-retention`, `store-busy`
 */
export async function applyRetention(
  estate: Estate,
  request: RetentionRequest,
  options: RunOptions = {},
): Promise<AuditRecord> {
  firstKeptDay(request);
  return alone(estate, options, async () => {
    for (const begun of await unfinished<Pending>(estate.workspace, 'retention')) {
      await finishRetention(estate, begun, options);
    }
    const pending: Pending = {
      id: newAuditId('retention'),
      startedAt: new Date().toISOString(),
      reason: request.reason ?? null,
      keepDays: request.keepDays,
      asOf: request.asOf,
    };
    await begin(estate.workspace, pending.id, pending);
    return finishRetention(estate, pending, options);
  });
}
