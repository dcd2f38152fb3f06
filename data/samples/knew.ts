/** What the phone knew at the moment of a sample: its sequences as lists of plain objects. */
import { FEEDBACK_KINDS, PAGE_BLOCKS } from '../contracts/device-log.ts';
import type { Row } from './find.ts';
import { listOf } from './raw-values.ts';

/** A behaviour that had ended, or an entry of the undated history, which knows only its item. */
export interface Behaviour {
  item: string;
  /** ms from its end to the decision; null in the undated history. */
  age_ms: number | null;
  /** False for the undated history. */
  dated: boolean;
  /** Further columns of the sequence by name; nulls are left out. */
  [detail: string]: unknown;
}

/** Columns of one sequence side by side; what is null everywhere or says "no" is left out per entry. */
function entries(row: Row, prefix: string, details: readonly string[], end = 'ended'): Behaviour[] {
  const now = row.decision_ts as number;
  const column = (name: string): unknown[] => listOf(row, `${prefix}_${name}`);
  const [items, ends, known] = [column('item'), column(end), column('known')];
  const columns = details.map((name) => [name, column(name)] as const);
  return items.map((item, k) => {
    const ended = (ends[k] ?? null) as number | null;
    const shown = columns
      .map(([name, values]) => [name, values[k] ?? null] as const)
      .filter(([, value]) => value !== null);
    return {
      item: item as string,
      age_ms: ended === null ? null : now - ended,
      dated: (known[k] ?? 1) === 1,
      ...Object.fromEntries(shown),
    };
  });
}

const EXPOSURE = [
  'started',
  'ended',
  'position',
  'score',
  'duration_ms',
  'count',
  'scroll_speed',
  'scroll_duration_ms',
  'scroll_count',
  'delete_reason',
];

export const exposures = (row: Row, prefix: string): Behaviour[] => entries(row, prefix, EXPOSURE);

/** Blocks are `{ <block>: { clicks, dwell_ms } }`, those that were used; null where blocks are unknown. */
export function pageViews(row: Row, prefix: string): Behaviour[] {
  const details = ['started', 'ended', 'duration_ms', 'source', 'bought'];
  return entries(row, prefix, details).map((view, k) => ({
    ...view,
    blocks: blocksOf(row, prefix, k),
  }));
}

function blocksOf(row: Row, prefix: string, k: number): Record<string, unknown> | null {
  const used: Record<string, unknown> = {};
  let known = false;
  for (const block of PAGE_BLOCKS) {
    const clicks = listOf<number | null>(row, `${prefix}_${block}`)[k] ?? null;
    if (clicks === null) continue;
    known = true;
    const dwell_ms = listOf<number | null>(row, `${prefix}_${block}_dwell_ms`)[k] ?? null;
    if (clicks > 0 || (dwell_ms ?? 0) > 0) used[block] = { clicks, dwell_ms };
  }
  return known ? used : null;
}

export const carts = (row: Row): Behaviour[] => entries(row, 'cart', []);
export const orders = (row: Row): Behaviour[] => entries(row, 'ord', [], 'ts');

export const watched = (row: Row): Behaviour[] =>
  entries(row, 'watched', [
    'started',
    'ended',
    'position',
    'score',
    'watch_ms',
    'duration_ms',
    ...FEEDBACK_KINDS,
  ]);
