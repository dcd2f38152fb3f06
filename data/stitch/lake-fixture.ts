/** For tests: a lake folder made of hand-written events, as ingest would have written it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetDescription, ItemRow } from '../contracts/dataset.ts';
import type { EventOf, EventType } from '../contracts/device-log.ts';
import { DuckDb, sqlText } from '../duckdb.ts';

/** An event as a test writes it: `user` becomes the user key; ids and clocks are filled in. */
export type FixtureEvent = {
  [T in EventType]: Omit<EventOf<T>, 'event_id' | 'schema_version' | 'user_id' | 'ts'> & {
    event_id?: string;
    user?: string;
    ts?: number;
  };
}[EventType];

export interface FixtureLake {
  events: FixtureEvent[];
  items?: Partial<ItemRow>[];
  history?: { user: string; as_of: number; item_ids: string[] }[];
  dataset?: Partial<DatasetDescription>;
  buckets?: number;
}

/** Monday 2 March 2026, 12:00 UTC: tests count their milliseconds from here. */
export const NOON = Date.UTC(2026, 2, 2, 12);

const envelope = {
  device_id: 'VARCHAR',
  session_id: 'VARCHAR',
  ts: 'BIGINT',
  received_ts: 'BIGINT',
};

const TYPES: Record<string, Record<string, string>> = {
  request: {
    request_id: 'VARCHAR',
    scene: 'VARCHAR',
    page_no: 'INTEGER',
    trigger: 'VARCHAR',
    arm: 'VARCHAR',
    propensity: 'DOUBLE',
    candidates: 'STRUCT(item_id VARCHAR, "position" INTEGER, scores VARCHAR)[]',
  },
  rerank: {
    request_id: 'VARCHAR',
    trigger: 'VARCHAR',
    arm: 'VARCHAR',
    order_before: 'VARCHAR[]',
    order_after: 'VARCHAR[]',
  },
  exposure: {
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    position: 'INTEGER',
    started: 'BIGINT',
    ended: 'BIGINT',
    count: 'INTEGER',
    scroll_speed: 'DOUBLE',
    scroll_duration_ms: 'DOUBLE',
    scroll_count: 'INTEGER',
  },
  page_view: {
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    source: 'VARCHAR',
    started: 'BIGINT',
    ended: 'BIGINT',
    actions: 'STRUCT("block" VARCHAR, dwell_ms DOUBLE, clicks INTEGER)[]',
  },
  play: { request_id: 'VARCHAR', item_id: 'VARCHAR', watch_ms: 'DOUBLE', duration_ms: 'DOUBLE' },
  feedback: { request_id: 'VARCHAR', item_id: 'VARCHAR', kind: 'VARCHAR', reason: 'VARCHAR' },
  order: { request_id: 'VARCHAR', item_id: 'VARCHAR', order_id: 'VARCHAR' },
  client_state: { network_kbps: 'DOUBLE', buffered_ms: 'DOUBLE' },
  decision: {
    decision_id: 'VARCHAR',
    request_id: 'VARCHAR',
    arm: 'VARCHAR',
    propensity: 'DOUBLE',
    unexposed: 'VARCHAR[]',
    depth: 'INTEGER',
  },
};

const day = (ts: number, offsetMinutes: number) =>
  new Date(ts + offsetMinutes * 60_000).toISOString().slice(0, 10);

/** The bucket of a fixture's user: the last character's code, so that a test can choose it. */
const bucketOf = (user: string, buckets: number) =>
  String(user.charCodeAt(user.length - 1) % buckets).padStart(2, '0');

/** When an event happened, where the test does not say: when its behaviour began. */
const timeOf = (event: FixtureEvent): number =>
  event.ts ?? ('started' in event ? event.started : NOON);

interface LakeRow extends Record<string, unknown> {
  user_key: string;
  ts: number;
  event_id: string;
}

/** The order of rows that ingest promises. */
const inLakeOrder = (a: LakeRow, b: LakeRow): number =>
  a.user_key === b.user_key
    ? a.ts - b.ts || (a.event_id < b.event_id ? -1 : 1)
    : a.user_key < b.user_key
      ? -1
      : 1;

/** Writes the lake below `folder` and returns the folder. */
export async function writeLake(folder: string, lake: FixtureLake): Promise<string> {
  const buckets = lake.buckets ?? 1;
  const offset = lake.dataset?.utc_offset_minutes ?? 0;
  const db = await DuckDb.open({ tempDir: join(folder, '.spill') });
  const copy = async (path: string, columns: Record<string, string>, rows: unknown[]) => {
    const source = join(folder, 'rows.json');
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(source, JSON.stringify(rows));
    const types = Object.entries(columns).map(([name, type]) => `${name}: ${sqlText(type)}`);
    await db.run(
      `copy (select * from read_json(${sqlText(source)}, format = 'array', columns = {${types}}))
       to ${sqlText(join(folder, path))} (format parquet)`,
    );
  };
  const files = new Map<string, { type: string; rows: LakeRow[] }>();
  await mkdir(folder, { recursive: true });
  for (const [index, event] of lake.events.entries()) {
    const user = event.user ?? 'a';
    const ts = timeOf(event);
    const path = `type=${event.type}/date=${day(ts, offset)}/bucket=${bucketOf(user, buckets)}/part-0.parquet`;
    const file = files.get(path) ?? { type: event.type, rows: [] };
    files.set(path, file);
    file.rows.push({
      device_id: 'phone',
      session_id: 'session',
      ...withScoresAsText(event),
      event_id: event.event_id ?? `e${String(index).padStart(5, '0')}`,
      user_key: user,
      ts,
    });
  }
  for (const [path, { type, rows }] of files) {
    rows.sort(inLakeOrder);
    const columns = { event_id: 'VARCHAR', user_key: 'VARCHAR', ...envelope, ...TYPES[type] };
    await copy(path, columns, rows);
  }
  if (lake.items) await copy('tables/items.parquet', ITEM_TYPES, lake.items.map(withValidFrom));
  if (lake.history) {
    const rows = lake.history.map(({ user, ...rest }) => ({ user_key: user, ...rest }));
    await copy(
      'tables/history.parquet',
      { user_key: 'VARCHAR', as_of: 'BIGINT', item_ids: 'VARCHAR[]' },
      rows,
    );
  }
  db.close();
  const dates = lake.events.map((event) => day(timeOf(event), offset)).sort();
  const dataset: DatasetDescription = {
    name: 'fixture',
    kind: 'simulated',
    notes: [],
    utc_offset_minutes: offset,
    first_date: dates[0] ?? '2026-03-02',
    last_date: dates.at(-1) ?? '2026-03-02',
    ...lake.dataset,
  };
  await writeFile(join(folder, 'dataset.json'), JSON.stringify(dataset));
  return folder;
}

const ITEM_TYPES = {
  item_id: 'VARCHAR',
  valid_from: 'BIGINT',
  category: 'VARCHAR',
  brand: 'VARCHAR',
  creator: 'VARCHAR',
  kind: 'VARCHAR',
  price_level: 'INTEGER',
  duration_ms: 'DOUBLE',
};

const withValidFrom = (item: Partial<ItemRow>) => ({ valid_from: 0, ...item });

function withScoresAsText(event: FixtureEvent): object {
  if (event.type !== 'request') return event;
  const candidates = event.candidates.map((candidate) => ({
    ...candidate,
    scores: candidate.scores ? JSON.stringify(candidate.scores) : null,
  }));
  return { ...event, candidates };
}
