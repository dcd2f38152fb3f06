/** What stitching reads of each event type. A column that nobody asks for is not read. */

import type { Load } from '../columns/event-table.ts';
import { FEEDBACK_KINDS, PAGE_BLOCKS } from '../contracts/device-log.ts';
import { sqlText } from '../duckdb.ts';
import { STITCHED_TYPES, type StitchedType } from './lake-schema.ts';
import type { Coded } from './part.ts';

const code = (codes: 'user' | 'device' | 'session' | 'request' | 'item' | 'word', sql: string) =>
  ({ kind: 'code', codes, sql }) as const;
const float = (sql: string) => ({ kind: 'float', sql }) as const;
const int = (sql: string) => ({ kind: 'int', sql }) as const;

/** When the cloud heard of an event; where the log has no receive time, when it happened. */
const heard = float('coalesce(received_ts, ts)');
const envelope = {
  user: code('user', 'user_key'),
  session: code('session', 'session_id'),
  ts: float('ts'),
  heard,
};
const onDevice = { ...envelope, device: code('device', 'device_id') };
/** Request ids are compared, never written. */
const onRequest = { ...code('request', 'request_id'), textless: true };
const onItem = { request: onRequest, item: code('item', 'item_id') };

const BLOCKS = `[${PAGE_BLOCKS.map(sqlText).join(', ')}]`;

const EVENT_LOADS: Record<StitchedType, Record<string, Load<Coded>>> = {
  request: {
    ...onDevice,
    event_id: { kind: 'bytes', sql: 'event_id' },
    request: onRequest,
    scene: code('word', 'scene'),
    page_no: int('page_no'),
    trigger: code('word', 'trigger'),
    cand_item: {
      kind: 'codes',
      codes: 'item',
      sql: 'list_transform(candidates, lambda c: c.item_id)',
    },
    cand_position: { kind: 'ints', sql: 'list_transform(candidates, lambda c: c.position)' },
    cand_score: {
      kind: 'floats',
      sql: 'list_transform(candidates, lambda c: base_score(c.scores))',
    },
  },
  rerank: {
    ...onDevice,
    event_id: { kind: 'bytes', sql: 'event_id' },
    request: onRequest,
    trigger: code('word', 'trigger'),
    order_before: { kind: 'codes', codes: 'item', sql: 'order_before' },
  },
  exposure: {
    ...onDevice,
    ...onItem,
    position: int('position'),
    started: float('started'),
    ended: float('ended'),
    count: int('count'),
    scroll_speed: float('scroll_speed'),
    scroll_duration_ms: float('scroll_duration_ms'),
    scroll_count: int('scroll_count'),
  },
  page_view: {
    ...onDevice,
    ...onItem,
    source: code('word', 'source'),
    started: float('started'),
    ended: float('ended'),
    has_actions: int('(actions is not null)::integer'),
    action_block: {
      kind: 'ints',
      sql: `list_transform(actions, lambda a: list_position(${BLOCKS}, a.block) - 1)`,
    },
    action_clicks: { kind: 'ints', sql: 'list_transform(actions, lambda a: a.clicks)' },
    action_dwell: { kind: 'floats', sql: 'list_transform(actions, lambda a: a.dwell_ms)' },
  },
  play: {
    ...envelope,
    ...onItem,
    watch_ms: float('watch_ms'),
    duration_ms: float('duration_ms'),
    // Watched for 18 seconds, or to the end.
    long: int(
      '(watch_ms >= 18000 or coalesce(duration_ms > 0 and watch_ms >= duration_ms, false))::integer',
    ),
  },
  feedback: {
    ...envelope,
    ...onItem,
    kind: int(`list_position([${FEEDBACK_KINDS.map(sqlText).join(', ')}], kind) - 1`),
    like: int("(kind = 'like')::integer"),
    removal: int("(kind in ('delete', 'hate'))::integer"),
    reason: code('word', "coalesce(reason, 'unspecified')"),
  },
  order: { ...onDevice, ...onItem },
  client_state: {
    ...onDevice,
    network_kbps: float('network_kbps'),
    buffered_ms: float('buffered_ms'),
  },
  decision: {
    ...onDevice,
    event_id: { kind: 'bytes', sql: 'event_id' },
    decision_id: { kind: 'bytes', sql: 'decision_id' },
    request: onRequest,
    arm: int("case arm when 'treatment' then 1 when 'control' then 0 end"),
    propensity: float('propensity'),
    depth: int('depth'),
    unexposed: { kind: 'codes', codes: 'item', sql: 'unexposed' },
    unexposed_count: int('len(unexposed)'),
  },
};

/** Columns that only some columns of the samples need; the others are always read. */
const NEEDED_BY: Partial<Record<StitchedType, Record<string, RegExp>>> = {
  request: { cand_score: /_score$/ },
  exposure: {
    position: /exp_position$/,
    count: /exp_count$/,
    scroll_speed: /exp_scroll_speed$/,
    scroll_duration_ms: /exp_scroll_duration_ms$/,
    scroll_count: /exp_scroll_count$/,
  },
  play: { watch_ms: /^label_watch_ms$/, duration_ms: /^label_watch_ms$/ },
  page_view: { source: /_source$/, ...needActions() },
};

/** Actions are needed for clicks and dwell of page blocks. */
function needActions(): Record<string, RegExp> {
  const blocks = new RegExp(`_(${PAGE_BLOCKS.join('|')})(_dwell_ms)?$|^cart_`);
  const names = ['has_actions', 'action_block', 'action_clicks', 'action_dwell'];
  return Object.fromEntries(names.map((name) => [name, blocks]));
}

/** Texts of sessions and devices are read only when they are written. */
function withoutText(name: string, load: Load<Coded>, columns: readonly string[]): Load<Coded> {
  const spared = name === 'session' || name === 'device';
  return spared && load.kind === 'code' && !columns.includes(`${name}_id`)
    ? { ...load, textless: true }
    : load;
}

/** What to read so that these columns of samples can be written. */
export function loadsFor(
  columns: readonly string[],
): Record<StitchedType, Record<string, Load<Coded>>> {
  const needed = (type: StitchedType, name: string): boolean => {
    const by = NEEDED_BY[type]?.[name];
    return !by || columns.some((column) => by.test(column));
  };
  return Object.fromEntries(
    STITCHED_TYPES.map((type) => [
      type,
      Object.fromEntries(
        Object.entries(EVENT_LOADS[type])
          .filter(([name]) => needed(type, name))
          .map(([name, load]) => [name, withoutText(name, load, columns)]),
      ),
    ]),
  ) as Record<StitchedType, Record<string, Load<Coded>>>;
}
