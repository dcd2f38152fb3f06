/** Events that repeat the id of an earlier one, found in memory or, when they are too many, by DuckDB. */
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import { openParquet } from '../../parquet/read/file.ts';
import { DUPLICATES, type DuplicateCounts, findDuplicates } from '../duplicates.ts';
import type { LanePool } from '../lane-pool.ts';
import { eventTables } from '../staged-tables.ts';
import type { Staging } from '../staging.ts';
import { heldIds, type IdSource, stagedIds } from './event-ids.ts';
import { findRepeated, type Repeated } from './find-repeated.ts';
import { BYTES_A_HASH } from './repeated-hashes.ts';

export interface FindOptions {
  buckets: number;
  /** What the search may take. */
  bytes: number;
  signal: AbortSignal | undefined;
}

async function rowsOf(path: string): Promise<number> {
  const file = await openParquet(path);
  try {
    return file.rows;
  } finally {
    await file.close();
  }
}

/** @returns counts by event type instead of table */
export async function findRepeatedEvents(
  staging: Staging,
  lanes: LanePool,
  { buckets, bytes, signal }: FindOptions,
): Promise<Repeated> {
  const files = EVENT_TYPES.flatMap((type) =>
    eventTables(type, buckets).flatMap((table) =>
      staging.files(table).map((path) => ({ type, path })),
    ),
  );
  let rows = staging.held().reduce((sum, block) => sum + block.rows, 0);
  for (const { path } of files) rows += await rowsOf(path);
  if (rows * BYTES_A_HASH > bytes) return byDuckDb(staging, buckets);
  const hashes = await lanes.hash(
    files.map(({ path }) => path),
    signal,
  );
  const sources: IdSource[] = [
    ...staging.held().map((block) => heldIds(block, block.type)),
    ...files.map(({ path, type }, i) => stagedIds(path, hashes[i]!, type)),
  ];
  return findRepeated(sources, staging.withdrawn);
}

/** Sorts on disk if need be. */
async function byDuckDb(staging: Staging, buckets: number): Promise<Repeated> {
  for (const type of EVENT_TYPES) if (staging.held(type).length > 0) staging.spill(type);
  const typeOf = new Map<string, EventType>(
    EVENT_TYPES.flatMap((type) => eventTables(type, buckets).map((table) => [table, type])),
  );
  const found = await findDuplicates(staging, [...typeOf.keys()], ['event_id']);
  const byTable: DuplicateCounts['byTable'] = new Map();
  for (const [table, count] of found.byTable) {
    const type = typeOf.get(table)!;
    byTable.set(type, (byTable.get(type) ?? 0) + count);
  }
  const rows = await staging.db.rows<{ n: number }>(
    `select row_no as n from ${DUPLICATES} order by n`,
  );
  return { ...found, byTable, rows: Float64Array.from(rows, ({ n }) => n) };
}
