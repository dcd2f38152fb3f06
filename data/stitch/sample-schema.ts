/** Columns of the samples that stitching writes. */

import { FEEDBACK_KINDS, PAGE_BLOCKS } from '../contracts/device-log.ts';
import type { Coded } from './part.ts';

type Columns = Record<string, string>;

const exposures = (prefix: string): Columns => ({
  [`${prefix}_item`]: 'VARCHAR[]',
  [`${prefix}_position`]: 'INTEGER[]',
  [`${prefix}_score`]: 'DOUBLE[]',
  [`${prefix}_started`]: 'BIGINT[]',
  [`${prefix}_ended`]: 'BIGINT[]',
  [`${prefix}_duration_ms`]: 'DOUBLE[]',
  [`${prefix}_count`]: 'INTEGER[]',
  [`${prefix}_scroll_speed`]: 'DOUBLE[]',
  [`${prefix}_scroll_duration_ms`]: 'DOUBLE[]',
  [`${prefix}_scroll_count`]: 'INTEGER[]',
  [`${prefix}_delete_reason`]: 'VARCHAR[]',
  [`${prefix}_known`]: 'UTINYINT[]',
});

const pageViews = (prefix: string): Columns => ({
  [`${prefix}_item`]: 'VARCHAR[]',
  [`${prefix}_started`]: 'BIGINT[]',
  [`${prefix}_ended`]: 'BIGINT[]',
  [`${prefix}_duration_ms`]: 'DOUBLE[]',
  [`${prefix}_source`]: 'VARCHAR[]',
  ...Object.fromEntries(PAGE_BLOCKS.map((block) => [`${prefix}_${block}`, 'INTEGER[]'])),
  ...Object.fromEntries(PAGE_BLOCKS.map((block) => [`${prefix}_${block}_dwell_ms`, 'DOUBLE[]'])),
  [`${prefix}_bought`]: 'UTINYINT[]',
  [`${prefix}_known`]: 'UTINYINT[]',
});

const moment: Columns = {
  sample_id: 'VARCHAR',
  user_key: 'VARCHAR',
  device_id: 'VARCHAR',
  session_id: 'VARCHAR',
  date: 'DATE',
  decision_ts: 'BIGINT',
  scene: 'VARCHAR',
  page_no: 'INTEGER',
  session_exposures: 'INTEGER',
  session_clicks: 'INTEGER',
  hour: 'INTEGER',
};

/** `samples/rerank/`: one row per part of a slate decision. `matured`, here and below: `windows.ts`. */
export const RERANK_COLUMNS: Columns = {
  ...moment,
  slate_id: 'VARCHAR',
  part: 'INTEGER',
  kind: 'VARCHAR',
  trigger: 'VARCHAR',
  cand_item: 'VARCHAR[]',
  cand_position: 'INTEGER[]',
  cand_score: 'DOUBLE[]',
  label_exposed: 'UTINYINT[]',
  label_click: 'UTINYINT[]',
  label_long: 'UTINYINT[]',
  label_like: 'UTINYINT[]',
  label_order: 'UTINYINT[]',
  ...exposures('exp'),
  ...pageViews('pv'),
  cart_item: 'VARCHAR[]',
  cart_ended: 'BIGINT[]',
  ord_item: 'VARCHAR[]',
  ord_ts: 'BIGINT[]',
  matured: 'UTINYINT',
};

/** `samples/decisions/`: one row per request decision. */
export const DECISION_COLUMNS: Columns = {
  ...moment,
  decision_id: 'VARCHAR',
  arm: 'UTINYINT',
  propensity: 'DOUBLE',
  depth: 'INTEGER',
  ...exposures('since_exp'),
  ...pageViews('sclk'),
  ...pageViews('clk'),
  unexposed_item: 'VARCHAR[]',
  unexposed_count: 'INTEGER',
  label_order_n5: 'UTINYINT',
  label_order_n10: 'UTINYINT',
  label_order_n15: 'UTINYINT',
  label_order_n20: 'UTINYINT',
  label_click_n10: 'UTINYINT',
  matured: 'UTINYINT',
};

/**
 * `samples/video/`: one row per swipe, an exposure with a play of its own. `label_ordered_…` are as long as
 * `ordered_…`; `target_place` is the target's place there.
 */
export const VIDEO_COLUMNS: Columns = {
  sample_id: 'VARCHAR',
  slate_id: 'VARCHAR',
  user_key: 'VARCHAR',
  device_id: 'VARCHAR',
  session_id: 'VARCHAR',
  date: 'DATE',
  decision_ts: 'BIGINT',
  scene: 'VARCHAR',
  hour: 'INTEGER',
  target_item: 'VARCHAR',
  target_place: 'INTEGER',
  target_position: 'INTEGER',
  target_score: 'DOUBLE',
  target_started: 'BIGINT',
  label_has_next: 'UTINYINT',
  label_effective_view: 'UTINYINT',
  label_like: 'UTINYINT',
  label_watch_ms: 'DOUBLE',
  watched_item: 'VARCHAR[]',
  watched_started: 'BIGINT[]',
  watched_ended: 'BIGINT[]',
  watched_position: 'INTEGER[]',
  watched_score: 'DOUBLE[]',
  watched_watch_ms: 'DOUBLE[]',
  watched_duration_ms: 'DOUBLE[]',
  ...Object.fromEntries(FEEDBACK_KINDS.map((kind) => [`watched_${kind}`, 'UTINYINT[]'])),
  ordered_item: 'VARCHAR[]',
  ordered_position: 'INTEGER[]',
  ordered_score: 'DOUBLE[]',
  label_ordered_exposed: 'UTINYINT[]',
  label_ordered_has_next: 'UTINYINT[]',
  label_ordered_effective_view: 'UTINYINT[]',
  label_ordered_like: 'UTINYINT[]',
  network_kbps: 'DOUBLE',
  buffered_ms: 'DOUBLE',
  matured: 'UTINYINT',
};

const CODED_COLUMNS: Record<string, Coded> = {
  user_key: 'user',
  device_id: 'device',
  session_id: 'session',
  scene: 'word',
  trigger: 'word',
  item_id: 'item',
};

/** Which numbered texts a column holds; undefined for texts of their own and for numbers. */
export function dictionaryKind(column: string): Coded | undefined {
  if (column.endsWith('_item')) return 'item';
  if (column.endsWith('_delete_reason') || column.endsWith('_source')) return 'word';
  return CODED_COLUMNS[column];
}

const SEQUENCES = [
  'since_exp',
  'sclk',
  'clk',
  'exp',
  'pv',
  'cart',
  'ord',
  'unexposed',
  'watched',
  'ordered',
];

/** The sequence that a list column is of; candidates and their labels are one. */
export const sequenceOf = (column: string): string =>
  SEQUENCES.find((sequence) => column.replace(/^label_/, '').startsWith(`${sequence}_`)) ?? 'cand';
