/** The total order of a lake's files. */
import type { TextIndex, Texts } from '../../columns/text-index.ts';

export interface SortKeys {
  /** Code of the user of each row, and the users' keys. */
  user: Int32Array;
  users: TextIndex;
  ts: Float64Array;
  eventId: Texts;
}

/** Ranks of the users by bucket, then key. @param bucketOf of a user's key */
export function rankUsers(
  users: TextIndex,
  bucketOf: (key: string) => number,
): { rank: Int32Array; buckets: Int32Array } {
  const byRank = Array.from({ length: users.size }, (_, code) => {
    const key = users.text(code);
    return { code, key, bucket: bucketOf(key) };
  });
  byRank.sort((a, b) => a.bucket - b.bucket || (a.key < b.key ? -1 : 1));
  const rank = new Int32Array(byRank.length);
  byRank.forEach(({ code }, place) => {
    rank[code] = place;
  });
  return { rank, buckets: Int32Array.from(byRank, ({ bucket }) => bucket) };
}

/** Of a row that is in no cell. */
export const NO_CELL = -1;

/**
 * Rows by cell, within a cell by (ts, event_id).
 * @param cell of each row
 * @returns the rows in order, and where each cell begins
 */
export function sortIntoCells(
  cell: Int32Array,
  cells: number,
  { ts, eventId }: Pick<SortKeys, 'ts' | 'eventId'>,
): { order: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(cells + 1);
  let count = 0;
  for (let row = 0; row < cell.length; row++) {
    if (cell[row] === NO_CELL) continue;
    starts[cell[row]! + 1]!++;
    count++;
  }
  for (let c = 0; c < cells; c++) starts[c + 1]! += starts[c]!;
  const next = starts.slice();
  const order = new Int32Array(count);
  for (let row = 0; row < cell.length; row++) {
    if (cell[row] !== NO_CELL) order[next[cell[row]!]!++] = row;
  }
  for (let c = 0; c < cells; c++) {
    sortByTime(order.subarray(starts[c]!, starts[c + 1]!), ts, eventId);
  }
  return { order, starts };
}

/** Moves that insertion may make for each row before another way is faster. */
const MOVES_A_ROW = 8;

/** Sorts rows by (ts, event_id). They come nearly in order: that costs one pass. */
function sortByTime(rows: Int32Array, ts: Float64Array, eventId: Texts): void {
  let moves = MOVES_A_ROW * rows.length;
  for (let i = 1; i < rows.length; i++) {
    const row = rows[i]!;
    const time = ts[row]!;
    let k = i - 1;
    while (k >= 0) {
      const other = rows[k]!;
      if (ts[other]! < time || (ts[other] === time && compareTexts(eventId, other, row) <= 0))
        break;
      rows[k + 1] = other;
      k--;
      moves--;
    }
    rows[k + 1] = row;
    if (moves < 0) {
      rows.sort((a, b) => ts[a]! - ts[b]! || compareTexts(eventId, a, b));
      return;
    }
  }
}

/** By bytes, which for UTF-8 is the order of code points. */
function compareTexts({ bytes, starts }: Texts, a: number, b: number): number {
  let [x, y] = [starts[a]!, starts[b]!];
  const [xEnd, yEnd] = [starts[a + 1]!, starts[b + 1]!];
  for (; x < xEnd && y < yEnd; x++, y++) {
    if (bytes[x] !== bytes[y]) return bytes[x]! - bytes[y]!;
  }
  return xEnd - x - (yEnd - y);
}
