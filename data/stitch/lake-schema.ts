/** The lake as stitching reads it: one relation per event type and table, typed even when empty. */
import { fileLiteral } from '../file-literal.ts';

type Columns = Record<string, string>;

const envelope: Columns = {
  event_id: 'VARCHAR',
  user_key: 'VARCHAR',
  device_id: 'VARCHAR',
  session_id: 'VARCHAR',
  ts: 'BIGINT',
  received_ts: 'BIGINT',
  date: 'DATE',
};

/**
 * Columns that stitching uses, by event type; others are never read. The cloud's clock is for
 * `user_day` alone: what a device knew does not depend on it.
 */
export const EVENT_COLUMNS = {
  request: {
    ...envelope,
    request_id: 'VARCHAR',
    scene: 'VARCHAR',
    page_no: 'INTEGER',
    trigger: 'VARCHAR',
    candidates: 'STRUCT(item_id VARCHAR, "position" INTEGER, scores VARCHAR)[]',
  },
  rerank: {
    ...envelope,
    request_id: 'VARCHAR',
    trigger: 'VARCHAR',
    order_before: 'VARCHAR[]',
    order_after: 'VARCHAR[]',
  },
  exposure: {
    ...envelope,
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
    ...envelope,
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    source: 'VARCHAR',
    started: 'BIGINT',
    ended: 'BIGINT',
    actions: 'STRUCT("block" VARCHAR, dwell_ms DOUBLE, clicks INTEGER)[]',
  },
  play: {
    ...envelope,
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    watch_ms: 'DOUBLE',
    duration_ms: 'DOUBLE',
  },
  feedback: {
    ...envelope,
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    kind: 'VARCHAR',
    reason: 'VARCHAR',
  },
  order: { ...envelope, request_id: 'VARCHAR', item_id: 'VARCHAR' },
  client_state: { ...envelope, network_kbps: 'DOUBLE', buffered_ms: 'DOUBLE' },
  decision: {
    ...envelope,
    decision_id: 'VARCHAR',
    request_id: 'VARCHAR',
    arm: 'VARCHAR',
    propensity: 'DOUBLE',
    unexposed: 'VARCHAR[]',
    depth: 'INTEGER',
  },
} satisfies Record<string, Columns>;

export type StitchedType = keyof typeof EVENT_COLUMNS;
export const STITCHED_TYPES = Object.keys(EVENT_COLUMNS) as StitchedType[];

export const TABLE_COLUMNS = {
  items: {
    item_id: 'VARCHAR',
    valid_from: 'BIGINT',
    category: 'VARCHAR',
    brand: 'VARCHAR',
    creator: 'VARCHAR',
    kind: 'VARCHAR',
    price_level: 'INTEGER',
    duration_ms: 'DOUBLE',
  },
  history: { user_key: 'VARCHAR', as_of: 'BIGINT', item_ids: 'VARCHAR[]' },
} satisfies Record<string, Columns>;

/** Parts of user_days.parquet. */
export const USER_DAY_COLUMNS: Columns = {
  user_key: 'VARCHAR',
  date: 'DATE',
  exposures: 'INTEGER',
  clicks: 'INTEGER',
  page_views: 'INTEGER',
  requests: 'INTEGER',
  reranks: 'INTEGER',
  plays: 'INTEGER',
  likes: 'INTEGER',
  orders: 'INTEGER',
  decisions: 'INTEGER',
  sessions: 'INTEGER',
};

/**
 * `create view` over Parquet files. The columns that stitching uses are always there, with their
 * types: a file without one gives nulls, no file at all gives no rows.
 */
export function viewSql(name: string, columns: Columns, files: readonly string[]): string {
  const names = Object.keys(columns).map((column) => `"${column}"`);
  const empty = Object.entries(columns)
    .map(([column, type]) => `null::${type} as "${column}"`)
    .join(', ');
  const view = `create or replace temp view "${name}" as\n`;
  if (files.length === 0) return `${view}select ${empty} where false`;
  const list = files.map(fileLiteral).join(', ');
  // An event's date stands in its path, whether or not the file holds it too.
  const dated = files.every((file) => file.includes('/date='));
  const partitions = dated
    ? "hive_partitioning = true, hive_types = {'date': DATE}"
    : 'hive_partitioning = false';
  return `${view}select ${names.join(', ')} from (
  select ${empty} where false
  union all by name
  select * from read_parquet([${list}], union_by_name = true, ${partitions})
)`;
}
