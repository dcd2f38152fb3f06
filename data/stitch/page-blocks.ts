/** Clicks and dwell by page block, of all page views of a part. */
import { PAGE_BLOCKS } from '../contracts/device-log.ts';
import { NULL_INT } from '../parquet/column.ts';
import type { Part } from './part.ts';

export interface BlockColumns {
  /** By block, by row: clicks. An entry without a number was used at least once and counts 1. */
  clicks: Int32Array[];
  /** By block, by row: dwell in ms; null when entries are there but none tells it. */
  dwellMs: Float64Array[];
}

/** Whether the actions of page views were read. */
export const hasBlocks = ({ tables }: Part): boolean =>
  'has_actions' in tables.page_view.someInts(['has_actions']);

/**
 * Null where the page view has no actions. A block that no page view of the whole log names is unknown,
 * not unused: the app may have no such block or not report it.
 */
export function blockColumns({ tables: { page_view: table }, facts }: Part): BlockColumns {
  const has = table.ints('has_actions');
  const { values: blocks, starts } = table.lists('action_block');
  const clicks = table.lists('action_clicks').values;
  const dwell = table.lists('action_dwell').values;
  const columns: BlockColumns = {
    clicks: PAGE_BLOCKS.map(() => new Int32Array(table.rows).fill(NULL_INT)),
    dwellMs: PAGE_BLOCKS.map(() => new Float64Array(table.rows).fill(Number.NaN)),
  };
  for (const b of facts.namedBlocks) {
    for (let row = 0; row < table.rows; row++) {
      if (has[row] !== 1) continue;
      columns.clicks[b]![row] = 0;
      columns.dwellMs[b]![row] = 0;
    }
  }
  for (let row = 0; row < table.rows; row++) {
    const told = new Map<number, number>();
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const b = blocks[at]!;
      columns.clicks[b]![row]! += clicks[at] === NULL_INT ? 1 : clicks[at]!;
      const so = told.get(b);
      told.set(b, Number.isNaN(dwell[at]!) ? (so ?? Number.NaN) : dwell[at]! + (so || 0));
    }
    for (const [b, ms] of told) columns.dwellMs[b]![row] = ms;
  }
  return columns;
}
