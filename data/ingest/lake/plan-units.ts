/** How accepted rows are shared out, so that each share fits into memory. */
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import { openParquet, type ParquetFile } from '../../parquet/read/file.ts';
import { type HeldBlock, HeldRows } from '../held/block.ts';
import { eventTable, groupsOf } from '../staged-tables.ts';
import type { Staging } from '../staging.ts';
import { type Dropped, keptRows } from './dropped-rows.ts';
import type { Partition } from './partition.ts';
import { numbersOf, type Unit } from './write-unit.ts';

/** A partition that is too large for memory, and the staged table that it is in. */
export interface LargePartition extends Partition {
  table: string;
}

export interface Plan {
  /** The costliest first: lanes that begin with them end at about the same time. */
  units: (Pick<Unit, 'type' | 'group' | 'files' | 'blocks' | 'rows' | 'days'> & {
    bytes: number;
  })[];
  large: LargePartition[];
}

/** Held rows take up to so many times the room when they are spread out. */
const UNPACKED = 2;

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

interface Size {
  rows: number;
  bytes: number;
}

const sumOf = (sizes: readonly Size[]): Size => ({
  rows: sizes.reduce((sum, size) => sum + size.rows, 0),
  bytes: sizes.reduce((sum, size) => sum + size.bytes, 0),
});

/** Rows of a type and group of buckets, wherever they wait. */
interface Waiting {
  type: EventType;
  group: number;
  files: readonly string[];
  blocks: readonly HeldBlock[];
}

async function sizeOf({ group, files, blocks }: Waiting): Promise<Size> {
  const ofFiles = await withFiles(files, (file) => ({ rows: file.rows, bytes: bytesOf(file) }));
  const ofBlocks = blocks.map((block) => {
    const rows = block.starts[group + 1]! - block.starts[group]!;
    return { rows, bytes: (block.bytes * UNPACKED * rows) / block.rows };
  });
  return sumOf([...ofFiles, ...ofBlocks]);
}

/** Rows that stay, by day, and by bucket within it: −1 for those that are held. */
async function countByDay(
  { group, files, blocks }: Waiting,
  dropped: Dropped,
): Promise<Map<number, Map<number, number>>> {
  const counts = new Map<number, Map<number, number>>();
  const add = (day: number, bucket: number): void => {
    const ofDay = counts.get(day) ?? new Map<number, number>();
    counts.set(day, ofDay);
    ofDay.set(bucket, (ofDay.get(bucket) ?? 0) + 1);
  };
  for (const block of blocks) {
    const { numbers, days } = new HeldRows(block, block.starts[group]!, block.starts[group + 1]!);
    for (const row of keptRows(numbers, dropped)) add(days[row]!, -1);
  }
  await withFiles(files, async (file) => {
    for (const rowGroup of file.groups.keys()) {
      const day = await numbersOf(file, rowGroup, 'day');
      const bucket = await numbersOf(file, rowGroup, 'bucket');
      const numbers = (await numbersOf(file, rowGroup, 'row_no')) as Float64Array;
      for (const row of keptRows(numbers, dropped)) add(day[row]!, bucket[row]!);
    }
  });
  return counts;
}

/** A day of a group that is held does not fit. */
const TOO_LARGE = Symbol('too large');

/** What the plan of each group takes. */
interface PlanOptions {
  buckets: number;
  /** Bytes that the rows of one unit may take. */
  budget: number;
  dropped: Dropped;
}

async function planGroup(
  waiting: Waiting,
  { budget, dropped }: PlanOptions,
): Promise<Plan | typeof TOO_LARGE> {
  const { type, group } = waiting;
  const { rows, bytes } = await sizeOf(waiting);
  if (rows === 0) return { units: [], large: [] };
  if (bytes <= budget) return { units: [{ ...waiting, rows, bytes }], large: [] };
  const plan: Plan = { units: [], large: [] };
  const byDay = [...(await countByDay(waiting, dropped))].sort(([a], [b]) => a - b);
  let days: number[] = [];
  let held = 0;
  const end = (): void => {
    const part = { ...waiting, days, rows: held, bytes: (bytes * held) / rows };
    if (days.length > 0) plan.units.push(part);
    [days, held] = [[], 0];
  };
  for (const [day, buckets] of byDay) {
    const count = [...buckets.values()].reduce((sum, n) => sum + n, 0);
    if ((bytes * (held + count)) / rows > budget) end();
    if ((bytes * count) / rows <= budget) {
      days.push(day);
      held += count;
      continue;
    }
    if (waiting.blocks.length > 0) return TOO_LARGE;
    const table = eventTable(type, group);
    plan.large.push(...[...buckets.keys()].map((bucket) => ({ table, type, day, bucket })));
  }
  end();
  return plan;
}

async function planType(staging: Staging, type: EventType, options: PlanOptions): Promise<Plan> {
  const whole: Plan = { units: [], large: [] };
  for (let group = 0; group < groupsOf(options.buckets); group++) {
    const files = staging.files(eventTable(type, group));
    const blocks = staging.held(type);
    const plan = await planGroup({ type, group, files, blocks }, options);
    if (plan === TOO_LARGE) {
      // DuckDB sorts on disk, and reads files.
      staging.spill(type);
      return planType(staging, type, options);
    }
    whole.units.push(...plan.units);
    whole.large.push(...plan.large);
  }
  return whole;
}

export async function planUnits(staging: Staging, options: PlanOptions): Promise<Plan> {
  const plans: Plan[] = [];
  for (const type of EVENT_TYPES) plans.push(await planType(staging, type, options));
  return {
    units: plans.flatMap(({ units }) => units).sort((a, b) => b.bytes - a.bytes),
    large: plans.flatMap(({ large }) => large),
  };
}
