/** How staged rows are shared out, so that each share fits into memory. */
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import { openParquet, type ParquetFile } from '../../parquet/read/file.ts';
import { eventTables } from '../staged-tables.ts';
import type { Staging } from '../staging.ts';
import type { Partition } from './partition.ts';
import type { Unit } from './write-unit.ts';

/** A partition that is too large for memory, and the staged table that it is in. */
export interface LargePartition extends Partition {
  table: string;
}

export interface Plan {
  /** The costliest first: lanes that begin with them end at about the same time. */
  units: (Pick<Unit, 'type' | 'files' | 'rows' | 'days'> & { bytes: number })[];
  large: LargePartition[];
}

/** Bytes of a value in memory, with what stands beside it. */
const SLOT_BYTES = 8;

function bytesOf(file: ParquetFile): number {
  let bytes = 0;
  for (const { chunks } of file.groups) {
    for (const [leaf, { slots, length }] of chunks.entries()) {
      bytes += SLOT_BYTES * slots + (file.leaves[leaf]!.physical === 'bytes' ? length : 0);
    }
  }
  return bytes;
}

async function withFiles<T>(
  paths: readonly string[],
  work: (file: ParquetFile) => Promise<T> | T,
): Promise<T[]> {
  const results: T[] = [];
  for (const path of paths) {
    const file = await openParquet(path);
    try {
      results.push(await work(file));
    } finally {
      await file.close();
    }
  }
  return results;
}

/** Rows by day, and by bucket within it. */
async function countByDay(files: readonly string[]): Promise<Map<number, Map<number, number>>> {
  const counts = new Map<number, Map<number, number>>();
  await withFiles(files, async (file) => {
    for (const group of file.groups.keys()) {
      const [day, bucket] = [
        await file.readColumn(group, file.leaf('day')!),
        await file.readColumn(group, file.leaf('bucket')!),
      ];
      if (day.kind !== 'numbers' || bucket.kind !== 'numbers') continue;
      for (let row = 0; row < day.rows; row++) {
        const ofDay = counts.get(day.numbers[row]!) ?? new Map<number, number>();
        counts.set(day.numbers[row]!, ofDay);
        ofDay.set(bucket.numbers[row]!, (ofDay.get(bucket.numbers[row]!) ?? 0) + 1);
      }
    }
  });
  return counts;
}

async function planTable(
  type: EventType,
  table: string,
  files: readonly string[],
  budget: number,
): Promise<Plan> {
  const sizes = await withFiles(files, (file) => ({ rows: file.rows, bytes: bytesOf(file) }));
  const rows = sizes.reduce((sum, size) => sum + size.rows, 0);
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  if (rows === 0) return { units: [], large: [] };
  if (bytes <= budget) return { units: [{ type, files, rows, bytes }], large: [] };
  const plan: Plan = { units: [], large: [] };
  const byDay = [...(await countByDay(files))].sort(([a], [b]) => a - b);
  let days: number[] = [];
  let held = 0;
  const end = (): void => {
    const part = { type, files, days, rows: held, bytes: (bytes * held) / rows };
    if (days.length > 0) plan.units.push(part);
    [days, held] = [[], 0];
  };
  for (const [day, buckets] of byDay) {
    const count = [...buckets.values()].reduce((sum, n) => sum + n, 0);
    if ((bytes * (held + count)) / rows > budget) end();
    if ((bytes * count) / rows > budget) {
      plan.large.push(...[...buckets.keys()].map((bucket) => ({ table, type, day, bucket })));
    } else {
      days.push(day);
      held += count;
    }
  }
  end();
  return plan;
}

/** @param budget bytes that the rows of one unit may take */
export async function planUnits(staging: Staging, buckets: number, budget: number): Promise<Plan> {
  const plan: Plan = { units: [], large: [] };
  for (const type of EVENT_TYPES) {
    for (const table of eventTables(type, buckets)) {
      const { units, large } = await planTable(type, table, staging.files(table), budget);
      plan.units.push(...units);
      plan.large.push(...large);
    }
  }
  plan.units.sort((a, b) => b.bytes - a.bytes);
  return plan;
}
