/**
 * Staged rows of one event type and some buckets, sorted and written as files of the lake: all in memory,
 * as typed columns.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Ints } from '../../columns/growing.ts';
import { type EventType, SCHEMA_VERSION } from '../../contracts/device-log.ts';
import { type ColumnData, NULL_INT } from '../../parquet/column.ts';
import { Dictionary } from '../../parquet/dictionary.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { openParquet, type ParquetFile } from '../../parquet/read/file.ts';
import { ParquetWriter } from '../../parquet/writer.ts';
import { diskFull } from '../../write-all.ts';
import { type HeldBlock, HeldRows } from '../held/block.ts';
import { bucketOf } from '../user-keys.ts';
import { type Dropped, keptRows } from './dropped-rows.ts';
import { lakeColumns, lakeLeaves } from './leaves.ts';
import { partitionPath } from './partition.ts';
import { pickRows } from './pick-rows.ts';
import { NO_CELL, rankUsers, sortIntoCells } from './sort-rows.ts';
import { type Elements, UnitColumn } from './unit-columns.ts';

/** What is written at once; plain data, so that a thread can be told. */
export interface Unit {
  type: EventType;
  /** Group of buckets. */
  group: number;
  /** Staged Parquet files with rows of the group. */
  files: readonly string[];
  /** Rows that wait in memory, those of other groups among them. */
  blocks: readonly HeldBlock[];
  /** Rows in both, of the group and the days. */
  rows: number;
  /** Business days that are written, as days since 1970-01-01. @default all */
  days?: readonly number[];
  buckets: number;
  lakeDir: string;
  dropped: Dropped;
}

/** Rows of a row group: so many of a column are decoded at once by who reads the lake. */
const GROUP_ROWS = 131_072;

/** Of files with many small row groups, calls to the system would take longer than the bytes. */
const WHOLE_FILE_BYTES = 64 * 2 ** 20;

/** Instead of the day of a row that is not written. */
const DROPPED = NULL_INT;
/** Share of the rows from which on all are loaded. */
const MOSTLY = 0.8;

/** Rows that are loaded. */
interface Kept {
  count: number;
  /** @default all */
  places: Int32Array | undefined;
}

/** Rows of a unit that are kept, and what they are written by. */
class UnitRows {
  readonly #columns: UnitColumn[];
  readonly #day: Ints;

  constructor({ type, rows }: Unit) {
    this.#columns = lakeLeaves(type).map((leaf) => new UnitColumn(leaf, rows));
    this.#day = new Ints(rows);
  }

  async append(file: ParquetFile, unit: Unit): Promise<void> {
    for (const [group, { rows }] of file.groups.entries()) {
      const day = (await numbersOf(file, group, 'day')) as Int32Array;
      const numbers = (await numbersOf(file, group, 'row_no')) as Float64Array;
      const kept = this.#keep({ rows, day, numbers }, unit);
      if (kept.count === 0) continue;
      for (const column of this.#columns) {
        const leaf = file.leaf(column.leaf.path);
        if (leaf === undefined) column.append(undefined, kept.count);
        else {
          const vector = await file.readColumn(group, leaf);
          const { maxDefinition } = file.leaves[leaf]!;
          column.append({ vector: someOf(vector, kept), maxDefinition }, kept.count);
        }
      }
    }
  }

  appendBlock(block: HeldBlock, unit: Unit): void {
    const { starts } = block;
    const held = new HeldRows(block, starts[unit.group]!, starts[unit.group + 1]!);
    const kept = this.#keep({ rows: held.rows, day: held.days, numbers: held.numbers }, unit);
    if (kept.count === 0) return;
    for (const column of this.#columns) {
      const source = held.column(column.leaf.path);
      column.append(source && { ...source, vector: someOf(source.vector, kept) }, kept.count);
    }
  }

  /** Which rows are taken, found before the columns are read; notes their days. */
  #keep(
    { rows, day, numbers }: { rows: number; day: Int32Array; numbers: Float64Array },
    { days, dropped }: Unit,
  ): Kept {
    const kept = keptRows(numbers, dropped);
    let count = 0;
    for (let i = 0; i < kept.length; i++) {
      const row = kept[i]!;
      if (!days || days.includes(day[row]!)) kept[count++] = row;
    }
    const places = kept.subarray(0, count);
    if (count < MOSTLY * rows) {
      for (let i = 0; i < count; i++) this.#day.push(day[places[i]!]!);
      return { count, places };
    }
    // To carry a few rows that are not written costs less than to pick the others.
    const noted = this.#day.reserve(rows);
    const at = this.#day.length;
    if (count < rows) noted.fill(DROPPED, at, at + rows);
    for (let i = 0; i < count; i++) noted[at + places[i]!] = day[places[i]!]!;
    this.#day.length += rows;
    return { count: rows, places: undefined };
  }

  /** The rows by day and bucket, each in the lake's order. */
  partitions(buckets: number): { day: number; bucket: number; rows: Int32Array }[] {
    const column = (name: string) => this.#columns.find(({ leaf }) => leaf.name === name)!;
    const { codes, index } = column('user_key').coded;
    const { rank, buckets: bucketOfRank } = rankUsers(index, (key) => bucketOf(key, buckets));
    const day = this.#day.view();
    const days = daysOf(day);
    const place = new Map(days.map((day, i) => [day, i]));
    const cell = new Int32Array(day.length);
    const users = rank.length;
    let [lastDay, base] = [Number.NaN, 0];
    for (let row = 0; row < cell.length; row++) {
      if (day[row] === DROPPED) {
        cell[row] = NO_CELL;
        continue;
      }
      if (day[row] !== lastDay) {
        lastDay = day[row]!;
        base = place.get(lastDay)! * users;
      }
      cell[row] = base + rank[codes[row]!]!;
    }
    const keys = { ts: column('ts').numbers, eventId: column('event_id').texts };
    const { order, starts } = sortIntoCells(cell, days.length * users, keys);
    return days.flatMap((day, i) => {
      const found: { day: number; bucket: number; rows: Int32Array }[] = [];
      for (let from = 0; from < users; ) {
        const bucket = bucketOfRank[from]!;
        let to = from + 1;
        while (to < users && bucketOfRank[to] === bucket) to++;
        const slice = order.subarray(starts[i * users + from]!, starts[i * users + to]!);
        if (slice.length > 0) found.push({ day, bucket, rows: slice });
        from = to;
      }
      return found;
    });
  }

  /** By leaf's path. */
  data(rows: Int32Array): Map<string, ColumnData> {
    const elements = new Map<string, Elements>();
    return new Map(
      this.#columns.map((column) => {
        const { name, list, path } = column.leaf;
        if (list && !elements.has(name)) elements.set(name, column.elements(rows));
        return [path, column.data(rows, elements.get(name))];
      }),
    );
  }
}

/** Ascending. */
function daysOf(day: Int32Array): number[] {
  const days = new Set<number>();
  for (let row = 0; row < day.length; row++) if (day[row] !== day[row - 1]) days.add(day[row]!);
  days.delete(DROPPED);
  return [...days].sort((a, b) => a - b);
}

const someOf = (vector: ColumnVector, { places }: Kept): ColumnVector =>
  places ? pickRows(vector, places) : vector;

/** A column of whole numbers of a staged file. */
export async function numbersOf(file: ParquetFile, group: number, name: string) {
  const vector = await file.readColumn(group, file.leaf(name)!);
  if (vector.kind !== 'numbers') throw new TypeError(`${name} is staged as something else`);
  return vector.numbers;
}

function constants(type: EventType, day: number, bucket: number, rows: number) {
  const dictionary = new Dictionary();
  dictionary.add(type);
  const same = (value: number) => ({ numbers: new Int32Array(rows).fill(value) });
  const data: Record<string, ColumnData> = {
    type: { codes: new Int32Array(rows), dictionary },
    schema_version: same(SCHEMA_VERSION),
    date: same(day),
    bucket: same(bucket),
  };
  return data;
}

/**
 * Writes `type=…/date=…/bucket=…/part-0.parquet` for every day and bucket of the unit.
 * @throws EdgeloomError `disk-full`; the signal's reason
 */
export async function writeUnit(unit: Unit, signal?: AbortSignal): Promise<void> {
  const loaded = new UnitRows(unit);
  for (const block of unit.blocks) loaded.appendBlock(block, unit);
  for (const path of unit.files) {
    signal?.throwIfAborted();
    const file = await openParquet(path, { wholeUpTo: WHOLE_FILE_BYTES });
    try {
      await loaded.append(file, unit);
    } finally {
      await file.close();
    }
  }
  for (const { day, bucket, rows } of loaded.partitions(unit.buckets)) {
    signal?.throwIfAborted();
    await writePartition(unit, loaded, day, bucket, rows);
  }
}

async function writePartition(
  { type, lakeDir }: Unit,
  loaded: UnitRows,
  day: number,
  bucket: number,
  rows: Int32Array,
): Promise<void> {
  const path = partitionPath(lakeDir, { type, day, bucket });
  await mkdir(join(path, '..'), { recursive: true });
  const columns = lakeColumns(type);
  const writer = await ParquetWriter.create(path, columns);
  try {
    for (let from = 0; from < rows.length; from += GROUP_ROWS) {
      const some = rows.subarray(from, from + GROUP_ROWS);
      const data = loaded.data(some);
      const same = constants(type, day, bucket, some.length);
      await writer.group(
        some.length,
        columns.map(({ name, path: leaf }) => (leaf === undefined ? same[name]! : data.get(leaf)!)),
      );
    }
    await writer.close();
  } catch (error) {
    await writer.abandon();
    throw diskFull(error, path);
  }
}
