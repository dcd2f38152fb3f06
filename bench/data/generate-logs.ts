/** Device logs of any size for measuring ingest and stitching: made up, and nothing to learn from them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetDescription } from '../../data/contracts/dataset.ts';
import { DuckDb, sqlText } from '../../data/duckdb.ts';

export interface LogShape {
  /** Events of the log, about. */
  events: number;
  users: number;
  items: number;
  days: number;
  seed: number;
}

/** Three days of 10,000 users on 50,000 items. */
export const FIVE_MILLION: LogShape = {
  events: 5_000_000,
  users: 10_000,
  items: 50_000,
  days: 3,
  seed: 1,
};

const FIRST_DAY = Date.UTC(2026, 2, 2);
const DAY_MS = 86_400_000;
/** A request, seven exposures and 0.56 page views on average. */
const EVENTS_A_REQUEST = 8.56;
const CANDIDATES = 10;
/** Users come by Zipf's law, flattened at the top: weight 1 / (rank + FLAT). */
const FLAT = 20;
/** Exposures that are sent twice, one in so many. */
const TWICE = 500;

/** A number in [0, 1) that depends on its arguments and the seed. */
const uniform = (...keys: (string | number)[]): string =>
  `(hash(${[...keys, '$seed'].join(', ')}) >> 11)::double / 9007199254740992`;

const REQUESTS = `
  with weights as (select i as rank, 1 / (i + ${FLAT}) as weight from range($users) r(i)),
  shares as (
    select rank, greatest(1, round(weight / sum(weight) over () * $requests))::bigint as n
    from weights
  ),
  calls as (select rank, unnest(range(n)) as k from shares)
  select
    rank as user_no, k,
    ${FIRST_DAY} + floor(${uniform('rank', 'k', 1)} * $days * ${DAY_MS})::bigint as ts,
    substr(printf('%016x', hash(rank, k, 'request', $seed)), 1, 12) as request_key,
    4 + (hash(rank, k, 'seen', $seed) % 7)::integer as seen,
    list_transform(range(${CANDIDATES}), lambda p:
      'i' || (${CANDIDATES} * floor($items / ${CANDIDATES} * pow(${uniform('rank', 'k', 'p', 3)}, 3)) + p)::bigint
    ) as items
  from calls`;

const EXPOSURES = `
  with shown as (select *, unnest(range(seen)) as p from call)
  select
    user_no, k, p, request_key, items[p + 1] as item_id,
    ts + 1000 * (p + 1) + (hash(user_no, k, p, 'start', $seed) % 700)::bigint as started,
    600 + (hash(user_no, k, p, 'dwell', $seed) % 2400)::bigint as dwell,
    ${uniform('user_no', 'k', 'p', 4)} < 0.02 + 0.12 * ${uniform('items[p + 1]')} as clicked
  from shown`;

const envelope = (type: string, key: string, ts: string): string => `
  'e' || printf('%016x', hash(user_no, k, ${key}, ${sqlText(type)}, $seed)) as event_id,
  ${sqlText(type)} as type, 1 as schema_version, 'user-' || user_no as user_id,
  'd' || user_no || case when hash(user_no, k, 'device') % 20 = 0 then 'b' else 'a' end as device_id,
  's' || user_no || '-' || ((${ts} - ${FIRST_DAY}) // 1800000) as session_id,
  ${ts} as ts, ${ts} + 200 + (hash(user_no, k, ${key}, 'late', $seed) % 3000)::bigint as received_ts,
  '7.1.0' as app_version, null::varchar as model_version, 'r' || request_key as request_id`;

const SELECTS: Record<string, string> = {
  request: `select ${envelope('request', '0', 'ts')},
    'home' as scene, (k % 5)::integer as page_no,
    case when k % 5 = 0 then 'open' else 'page' end as trigger,
    list_transform(items, lambda item, i: {'item_id': item, 'position': (i - 1)::integer}) as candidates
    from call`,
  exposure: `select ${envelope('exposure', 'p', 'started')},
    item_id, p::integer as position, started, started + dwell as ended, 1 as count
    from shown, range(case when hash(user_no, k, p, 'twice') % ${TWICE} = 0 then 2 else 1 end)`,
  page_view: `select ${envelope('page_view', 'p', 'started + dwell')},
    item_id, 'home' as source, started + dwell as started,
    started + dwell + 3000 + (hash(user_no, k, p, 'view', $seed) % 30000)::bigint as ended
    from shown where clicked`,
};

/**
 * Writes a log folder of the contract: `events/<date>/<type>.<format>` in the order of receipt.
 * @param format `parquet` (zstd) or `ndjson.gz`
 * @returns rows written, duplicates included
 */
export async function generateLogs(
  dir: string,
  shape: LogShape,
  format: 'parquet' | 'ndjson.gz' = 'parquet',
): Promise<number> {
  await mkdir(dir, { recursive: true });
  const db = await DuckDb.open({ tempDir: join(dir, '.spill'), memoryLimitMb: 4000 });
  const { events, users, items, days, seed } = shape;
  const parameters = { users, items, days, seed, requests: Math.round(events / EVENTS_A_REQUEST) };
  let rows = 0;
  try {
    await db.createTable('call', REQUESTS, parameters);
    await db.createTable('shown', EXPOSURES, parameters);
    for (const [type, select] of Object.entries(SELECTS)) {
      await db.createTable('event', select, parameters);
      for (let day = 0; day < days; day++) {
        const from = FIRST_DAY + day * DAY_MS;
        const folder = join(dir, 'events', new Date(from).toISOString().slice(0, 10));
        await mkdir(folder, { recursive: true });
        const path = sqlText(join(folder, `${type}.${format}`));
        const options =
          format === 'parquet'
            ? 'format parquet, compression zstd'
            : 'format json, compression gzip';
        const last = day === days - 1 ? Number.MAX_SAFE_INTEGER : from + DAY_MS;
        const where = `received_ts >= ${day === 0 ? 0 : from} and received_ts < ${last}`;
        await db.run(
          `copy (select * from event where ${where} order by received_ts, event_id) to ${path} (${options})`,
        );
      }
      rows += (await db.row<{ n: number }>('select count(*) as n from event')).n;
    }
  } finally {
    db.close();
  }
  const dataset: DatasetDescription = {
    name: 'generated',
    kind: 'simulated',
    notes: ['generated for measuring speed: simulated, nothing can be learnt from it'],
    utc_offset_minutes: 0,
    first_date: new Date(FIRST_DAY).toISOString().slice(0, 10),
    last_date: new Date(FIRST_DAY + (days - 1) * DAY_MS).toISOString().slice(0, 10),
  };
  await writeFile(join(dir, 'dataset.json'), `${JSON.stringify(dataset, null, 2)}\n`);
  return rows;
}
