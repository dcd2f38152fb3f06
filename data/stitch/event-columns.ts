/** What stitching reads of each event type. A column that nobody asks for is not read. */

import { FEEDBACK_KINDS, PAGE_BLOCKS } from '../contracts/device-log.ts';
import { NULL_INT } from '../parquet/column.ts';
import { STITCHED_TYPES, type StitchedType } from './lake-schema.ts';
import type { Coded } from './part.ts';
import { baseScore } from './read/base-score.ts';
import type { Load, Loads } from './read/loads.ts';

const code = (codes: Coded, column: string) => ({ read: 'codes', codes, column }) as const;
const float = (column: string) => ({ read: 'floats', column }) as const;
const int = (column: string) => ({ read: 'ints', column }) as const;
const bytes = (column: string) => ({ read: 'bytes', column }) as const;
const flag = (column: string, texts: readonly string[]) =>
  ({
    read: 'parsed',
    as: 'int',
    column,
    parse: (text) => Number(texts.includes(text)),
  }) as const satisfies Load;
/** The place of a text among others; null when it is none of them. */
const placeIn =
  (texts: readonly string[]) =>
  (text: string): number => {
    const place = texts.indexOf(text);
    return place < 0 ? NULL_INT : place;
  };

const envelope = {
  session: code('session', 'session_id'),
  ts: float('ts'),
  /** When the cloud heard of an event; where the log has no receive time, when it happened. */
  heard: { ...float('received_ts'), or: 'ts' },
};
const onDevice = { ...envelope, device: code('device', 'device_id') };
const onRequest = code('request', 'request_id');
const onItem = { request: onRequest, item: code('item', 'item_id') };

/** Watched for 18 seconds, or to the end. Null when it is not known how long. */
function isLong(watchMs: number, durationMs: number): number {
  if (Number.isNaN(watchMs)) return NULL_INT;
  return Number(watchMs >= 18_000 || (durationMs > 0 && watchMs >= durationMs));
}

const candidate = (field: string) => ({ column: 'candidates', field, list: true }) as const;
const action = (field: string) => ({ column: 'actions', field, list: true }) as const;

/** The user of an event is read with all types. */
const EVENT_LOADS: Record<StitchedType, Loads> = {
  request: {
    ...onDevice,
    event_id: bytes('event_id'),
    request: onRequest,
    scene: code('word', 'scene'),
    page_no: int('page_no'),
    trigger: code('word', 'trigger'),
    cand_item: { read: 'codes', codes: 'item', ...candidate('item_id') },
    cand_position: { read: 'ints', ...candidate('position') },
    cand_score: { read: 'parsed', as: 'float', parse: baseScore, ...candidate('scores') },
  },
  rerank: {
    ...onDevice,
    event_id: bytes('event_id'),
    request: onRequest,
    trigger: code('word', 'trigger'),
    order_before: { ...code('item', 'order_before'), list: true },
    order_after: { ...code('item', 'order_after'), list: true },
  },
  exposure: {
    ...onDevice,
    ...onItem,
    event_id: bytes('event_id'),
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
    has_actions: { read: 'presence', column: 'actions', list: true },
    action_block: { read: 'parsed', as: 'int', parse: placeIn(PAGE_BLOCKS), ...action('block') },
    action_clicks: { read: 'ints', ...action('clicks') },
    action_dwell: { read: 'floats', ...action('dwell_ms') },
  },
  play: {
    ...envelope,
    ...onItem,
    watch_ms: float('watch_ms'),
    duration_ms: float('duration_ms'),
    long: { read: 'pairs', column: 'watch_ms', and: 'duration_ms', of: isLong },
  },
  feedback: {
    ...envelope,
    ...onItem,
    kind: { read: 'parsed', as: 'int', column: 'kind', parse: placeIn(FEEDBACK_KINDS) },
    like: flag('kind', ['like']),
    removal: flag('kind', ['delete', 'hate']),
    reason: { ...code('word', 'reason'), unknown: 'unspecified' },
  },
  order: { ...onDevice, ...onItem },
  client_state: {
    ...onDevice,
    network_kbps: float('network_kbps'),
    buffered_ms: float('buffered_ms'),
  },
  decision: {
    ...onDevice,
    event_id: bytes('event_id'),
    decision_id: bytes('decision_id'),
    request: onRequest,
    arm: { read: 'parsed', as: 'int', column: 'arm', parse: placeIn(['control', 'treatment']) },
    propensity: float('propensity'),
    depth: int('depth'),
    unexposed: { ...code('item', 'unexposed'), list: true },
    unexposed_count: { read: 'lengths', column: 'unexposed', list: true },
  },
};

/** Columns that only some columns of the samples need, `<kind>.<column>`; the others are always read. */
const NEEDED_BY: Partial<Record<StitchedType, Record<string, RegExp>>> = {
  request: { cand_score: /_score$/ },
  rerank: { order_after: /^video\..*ordered_/ },
  exposure: {
    event_id: /^video\./,
    position: /exp_position$/,
    count: /exp_count$/,
    scroll_speed: /exp_scroll_speed$/,
    scroll_duration_ms: /exp_scroll_duration_ms$/,
    scroll_count: /exp_scroll_count$/,
  },
  play: { watch_ms: /^video\./, duration_ms: /^video\./ },
  page_view: { source: /_source$/, ...needActions() },
};

/** Actions are needed for clicks and dwell of page blocks. */
function needActions(): Record<string, RegExp> {
  const blocks = new RegExp(`_(${PAGE_BLOCKS.join('|')})(_dwell_ms)?$|\\.cart_`);
  const names = ['has_actions', 'action_block', 'action_clicks', 'action_dwell'];
  return Object.fromEntries(names.map((name) => [name, blocks]));
}

/** What to read so that these columns of samples, `<kind>.<column>`, can be written. */
export function loadsFor(columns: readonly string[]): Record<StitchedType, Loads> {
  const needed = (type: StitchedType, name: string): boolean => {
    const by = NEEDED_BY[type]?.[name];
    return !by || columns.some((column) => by.test(column));
  };
  return Object.fromEntries(
    STITCHED_TYPES.map((type) => [
      type,
      Object.fromEntries(Object.entries(EVENT_LOADS[type]).filter(([name]) => needed(type, name))),
    ]),
  ) as Record<StitchedType, Loads>;
}
