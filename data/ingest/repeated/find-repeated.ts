/** Finds events that repeat the id of an earlier one: by hash first, then by the id itself. */
import type { DuplicateCounts } from '../duplicates.ts';
import { fileOf, passOf } from '../staged-tables.ts';
import type { IdSource } from './event-ids.ts';
import { repeatedHashes } from './repeated-hashes.ts';

/** Ids that are compared at once. */
const BATCH = 2 ** 19;

export interface Repeated extends DuplicateCounts {
  /** Numbers of the surplus rows, ascending. */
  rows: Float64Array;
}

interface Suspects {
  /** Position of the source. */
  source: number[];
  rowNo: number[];
  /** Number of the id among those that were met. */
  id: number[];
  /** Number of the first row with each id. */
  first: number[];
}

/** @param places over all sources, of one batch */
async function suspectsAt(
  places: Uint32Array,
  sources: readonly IdSource[],
  isWithdrawn: (rowNo: number) => boolean,
): Promise<Suspects> {
  const suspects: Suspects = { source: [], rowNo: [], id: [], first: [] };
  const ids = new Map<string, number>();
  const sorted = places.slice().sort();
  let [next, base] = [0, 0];
  for (const [position, source] of sources.entries()) {
    const end = base + source.hashes.low.length;
    const own: number[] = [];
    for (; next < sorted.length && sorted[next]! < end; next++) own.push(sorted[next]! - base);
    base = end;
    if (own.length === 0) continue;
    await source.read(own, (_place, text, rowNo) => {
      if (isWithdrawn(rowNo)) return;
      const id = ids.get(text) ?? ids.size;
      ids.set(text, id);
      suspects.source.push(position);
      suspects.rowNo.push(rowNo);
      suspects.id.push(id);
      suspects.first[id] = Math.min(suspects.first[id] ?? rowNo, rowNo);
    });
  }
  return suspects;
}

const add = <K>(counts: Map<K, number>, key: K): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

/**
 * The first row of an id, in reading order, stays.
 * @param withdrawn first row numbers of passes whose rows do not count
 */
export async function findRepeated(
  sources: readonly IdSource[],
  withdrawn: readonly number[],
): Promise<Repeated> {
  const passes = new Set(withdrawn.map(passOf));
  const isWithdrawn = (rowNo: number): boolean => passes.has(passOf(rowNo));
  const surplus: number[] = [];
  const byTable = new Map<string, number>();
  const byFile = new Map<number, number>();
  const hashes = sources.map((source) => source.hashes);
  for (const places of repeatedHashes(hashes, BATCH)) {
    const { source, rowNo, id, first } = await suspectsAt(places, sources, isWithdrawn);
    for (let i = 0; i < rowNo.length; i++) {
      if (rowNo[i] === first[id[i]!]) continue;
      surplus.push(rowNo[i]!);
      add(byTable, sources[source[i]!]!.table);
      add(byFile, fileOf(rowNo[i]!));
    }
  }
  const rows = Float64Array.from(surplus).sort();
  return { total: rows.length, rows, byTable, byFile };
}
