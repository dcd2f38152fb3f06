/**
 * Column types of the lake, one list per event type, and of its tables.
 *
 * A column is a field of the contract with the DuckDB type that holds every value the contract
 * allows; `user_id` is replaced by `user_key`. Beside them an event file has `date` (business day
 * of `ts`) and `bucket`. `scores` is JSON text, because rankers differ from log to log.
 */
import type { EventType } from './device-log.ts';

export interface Column {
  name: string;
  /** DuckDB type. */
  type: string;
}

const columns = (types: Record<string, string>): Column[] =>
  Object.entries(types).map(([name, type]) => ({ name, type }));

const envelope = {
  event_id: 'VARCHAR',
  type: 'VARCHAR',
  schema_version: 'INTEGER',
  user_key: 'VARCHAR',
  device_id: 'VARCHAR',
  session_id: 'VARCHAR',
  ts: 'BIGINT',
  received_ts: 'BIGINT',
  app_version: 'VARCHAR',
  model_version: 'VARCHAR',
};

export const EVENT_COLUMNS: Record<EventType, Column[]> = {
  request: columns({
    ...envelope,
    request_id: 'VARCHAR',
    scene: 'VARCHAR',
    page_no: 'INTEGER',
    trigger: 'VARCHAR',
    arm: 'VARCHAR',
    propensity: 'DOUBLE',
    candidates: 'STRUCT(item_id VARCHAR, "position" INTEGER, scores VARCHAR)[]',
  }),
  rerank: columns({
    ...envelope,
    request_id: 'VARCHAR',
    trigger: 'VARCHAR',
    arm: 'VARCHAR',
    order_before: 'VARCHAR[]',
    order_after: 'VARCHAR[]',
  }),
  exposure: columns({
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
  }),
  page_view: columns({
    ...envelope,
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    source: 'VARCHAR',
    started: 'BIGINT',
    ended: 'BIGINT',
    actions: 'STRUCT(block VARCHAR, dwell_ms DOUBLE, clicks INTEGER)[]',
  }),
  play: columns({
    ...envelope,
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    watch_ms: 'DOUBLE',
    duration_ms: 'DOUBLE',
  }),
  feedback: columns({
    ...envelope,
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    kind: 'VARCHAR',
    reason: 'VARCHAR',
  }),
  order: columns({
    ...envelope,
    request_id: 'VARCHAR',
    item_id: 'VARCHAR',
    order_id: 'VARCHAR',
    quantity: 'DOUBLE',
    amount: 'DOUBLE',
  }),
  client_state: columns({ ...envelope, network_kbps: 'DOUBLE', buffered_ms: 'DOUBLE' }),
  decision: columns({
    ...envelope,
    decision_id: 'VARCHAR',
    request_id: 'VARCHAR',
    arm: 'VARCHAR',
    propensity: 'DOUBLE',
    unexposed: 'VARCHAR[]',
    depth: 'INTEGER',
  }),
  model_report: columns({
    ...envelope,
    model: 'VARCHAR',
    entry: 'VARCHAR',
    latency_ms: 'DOUBLE',
    score_summary: 'STRUCT("count" INTEGER, mean DOUBLE, "min" DOUBLE, "max" DOUBLE)',
    error: 'VARCHAR',
  }),
};

export const TABLE_NAMES = ['items', 'users', 'history'] as const;
export type TableName = (typeof TABLE_NAMES)[number];

export const TABLE_COLUMNS: Record<TableName, Column[]> = {
  items: columns({
    item_id: 'VARCHAR',
    valid_from: 'BIGINT',
    category: 'VARCHAR',
    brand: 'VARCHAR',
    creator: 'VARCHAR',
    kind: 'VARCHAR',
    price_level: 'INTEGER',
    duration_ms: 'DOUBLE',
  }),
  users: columns({
    user_key: 'VARCHAR',
    valid_from: 'BIGINT',
    age_level: 'VARCHAR',
    gender: 'VARCHAR',
    activity_level: 'VARCHAR',
  }),
  history: columns({ user_key: 'VARCHAR', as_of: 'BIGINT', item_ids: 'VARCHAR[]' }),
};
