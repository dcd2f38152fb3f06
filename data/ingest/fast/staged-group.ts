/** One row group of a Parquet log: its rows checked, and those that are surely valid handed on. */
import { TextIndex, type Texts } from '../../columns/text-index.ts';
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import type { ColumnData } from '../../parquet/column.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { ParquetFile } from '../../parquet/read/file.ts';
import type { ColumnSchema } from '../../parquet/schema.ts';
import { type LakeLeaf, lakeLeaves } from '../lake/leaves.ts';
import { type Elements, nullData } from '../lake/unit-columns.ts';
import { checkColumn, checkNull } from './check-column.ts';
import { codesOf, GroupColumn } from './group-column.ts';
import type { GroupPlan, PlannedColumn } from './parquet-plan.ts';
import type { ParquetStagerOptions } from './parquet-stager.ts';

const DAY_MS = 86_400_000;

const PLACED: readonly ColumnSchema[] = [
  { name: 'row_no', type: 'int64', list: false },
  { name: 'day', type: 'int32', list: false },
  { name: 'bucket', type: 'int32', list: false },
];

/** Leaves of all types: one of a path means the same in each of them. */
const LEAVES = new Map<string, LakeLeaf>(
  EVENT_TYPES.flatMap((type) => lakeLeaves(type).map((leaf) => [leaf.path, leaf] as const)),
);

const USER_KEY = LEAVES.get('user_key')!;

interface Users {
  /** Of each row. */
  codes: Int32Array;
  /** By code. */
  buckets: Int32Array;
}

export class StagedGroup {
  readonly #plan: GroupPlan;
  readonly #options: ParquetStagerOptions;
  readonly #rowNo: number;
  readonly #columns = new Map<string, GroupColumn>();
  readonly #rowsOf = new Map<EventType, Int32Array>();
  #bad = new Uint8Array(0);
  #users: Users | undefined;

  /** @param rowNo of the first row */
  constructor(plan: GroupPlan, options: ParquetStagerOptions, rowNo: number) {
    this.#plan = plan;
    this.#options = options;
    this.#rowNo = rowNo;
  }

  /** Reads the row group, a column at a time, and finds the rows that are surely valid. */
  async read(file: ParquetFile, group: number): Promise<void> {
    const { rows } = file.groups[group]!;
    this.#bad = new Uint8Array(rows);
    const typeLeaf = file.leaf('type');
    if (typeLeaf === undefined || this.#plan.types.size === 0) {
      this.#bad.fill(1);
      return;
    }
    this.#sortByType(await file.readColumn(group, typeLeaf));
    for (const column of this.#plan.columns) {
      for (const [place, { leaf, path }] of column.leaves.entries()) {
        const vector = await file.readColumn(group, leaf, { largeIntegers: 'round' });
        this.#check(column, place, file.leaves[leaf]!, path, vector);
        this.#keep(path, vector, file.leaves[leaf]!.maxDefinition);
      }
    }
    this.#checkTimes(rows);
  }

  #sortByType(vector: ColumnVector): void {
    const index = new TextIndex();
    const codes = codesOf(vector, 1, index);
    const types = Array.from({ length: index.size }, (_, code) => index.text(code) as EventType);
    const counts = new Int32Array(types.length);
    for (let row = 0; row < codes.length; row++) if (codes[row]! >= 0) counts[codes[row]!]!++;
    const rowsOf = types.map((_, code) => new Int32Array(counts[code]!));
    const planned = types.map((type) => this.#plan.types.has(type));
    counts.fill(0);
    for (let row = 0; row < codes.length; row++) {
      const code = codes[row]!;
      if (code >= 0) rowsOf[code]![counts[code]!++] = row;
      if (code < 0 || !planned[code]) this.#bad[row] = 1;
    }
    types.forEach((type, code) => {
      if (this.#plan.types.has(type)) this.#rowsOf.set(type, rowsOf[code]!);
    });
  }

  #check(
    { rules }: PlannedColumn,
    place: number,
    leaf: ParquetFile['leaves'][number],
    path: string,
    vector: ColumnVector,
  ): void {
    for (const [type, rows] of this.#rowsOf) {
      const own = rules.get(type);
      if (own) checkColumn(vector, leaf, own.get(path)!, rows, this.#bad);
      else if (place === 0) checkNull(vector, rows, this.#bad);
    }
  }

  #keep(path: string, vector: ColumnVector, maxDefinition: number): void {
    if (path === 'user_id') {
      this.#addUsers(vector);
      return;
    }
    const leaf = LEAVES.get(path);
    // A column that is not what the contract knows is null in all rows that are taken.
    if (!leaf || !this.#plan.columns.some(({ rules }) => hasPath(rules, path))) return;
    this.#columns.set(path, new GroupColumn(leaf, { vector, maxDefinition }));
  }

  /** Replaces ids by keys; only those of rows that may be taken. */
  #addUsers(vector: ColumnVector): void {
    const { rows } = vector;
    const index = new TextIndex();
    const codes = codesOf(vector, 1, index);
    const wanted = new Uint8Array(index.size);
    for (let row = 0; row < rows; row++) if (!this.#bad[row]) wanted[codes[row]!] = 1;
    const keys: string[] = [];
    const buckets = new Int32Array(index.size);
    for (let code = 0; code < index.size; code++) {
      const user = wanted[code] ? this.#options.keys.of(index.text(code)) : undefined;
      keys.push(user?.key ?? '');
      buckets[code] = user?.bucket ?? 0;
    }
    this.#users = { codes, buckets };
    const coded = { kind: 'coded-texts', codes, dictionary: textsOf(keys) } as const;
    const keyed = { ...coded, rows, lists: undefined, levels: undefined };
    const source = { vector: keyed, maxDefinition: 1 };
    this.#columns.set('user_key', new GroupColumn(USER_KEY, source));
  }

  #checkTimes(rows: number): void {
    const { maxAheadMs, maxLateMs, earliestTs, latestTs } = this.#options.clocks;
    const numbers = (name: string) => this.#columns.get(name)?.numbers();
    const [ts, received] = [numbers('ts')!, numbers('received_ts')];
    const [started, ended] = [numbers('started'), numbers('ended')];
    const bad = this.#bad;
    for (let row = 0; row < rows; row++) {
      const late = received ? received[row]! - ts[row]! : Number.NaN;
      const fits = Number.isNaN(late)
        ? ts[row]! >= earliestTs && ts[row]! <= latestTs
        : -late <= maxAheadMs && late <= maxLateMs;
      if (!fits) bad[row] = 1;
      if (started && ended && ended[row]! < started[row]!) bad[row] = 1;
    }
  }

  /** Hands on the rows that are surely valid. @returns the others */
  write(): number[] {
    for (const [type, rows] of this.#rowsOf) this.#writeType(type, rows);
    const others: number[] = [];
    if (this.#bad.includes(1)) {
      for (let row = 0; row < this.#bad.length; row++) if (this.#bad[row]) others.push(row);
    }
    return others;
  }

  #writeType(type: EventType, all: Int32Array): void {
    const leaves = lakeLeaves(type);
    const schema = [...PLACED, ...leaves];
    this.#byGroup(all).forEach((rows, group) => {
      if (rows.length === 0) return;
      const data = [...this.#places(rows), ...this.#data(leaves, rows)];
      this.#options.onRows({ type, group }, schema, rows.length, data);
    });
  }

  /** Of the rows those that are taken, by group of buckets. */
  #byGroup(all: Int32Array): Int32Array[] {
    const { groups } = this.#options;
    if (!this.#users) return [];
    const { codes, buckets } = this.#users;
    const counts = new Int32Array(groups);
    for (let i = 0; i < all.length; i++) {
      if (!this.#bad[all[i]!]) counts[buckets[codes[all[i]!]!]! % groups]!++;
    }
    const rowsOf = Array.from(counts, (count) => new Int32Array(count));
    counts.fill(0);
    for (let i = 0; i < all.length; i++) {
      const row = all[i]!;
      if (this.#bad[row]) continue;
      const group = buckets[codes[row]!]! % groups;
      rowsOf[group]![counts[group]!++] = row;
    }
    return rowsOf;
  }

  #places(rows: Int32Array): ColumnData[] {
    const { offsetMs } = this.#options.clocks;
    const { codes, buckets } = this.#users!;
    const ts = this.#columns.get('ts')!.numbers();
    const [numbers, days] = [new Float64Array(rows.length), new Int32Array(rows.length)];
    const bucket = new Int32Array(rows.length);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      numbers[i] = this.#rowNo + row;
      days[i] = Math.floor((ts[row]! + offsetMs) / DAY_MS);
      bucket[i] = buckets[codes[row]!]!;
    }
    return [{ numbers }, { numbers: days }, { numbers: bucket }];
  }

  #data(leaves: readonly LakeLeaf[], rows: Int32Array): ColumnData[] {
    const elements = new Map<string, Elements>();
    for (const { path, name, list } of leaves) {
      const column = this.#columns.get(path);
      if (list && column && !elements.has(name)) elements.set(name, column.elements(rows));
    }
    return leaves.map((leaf) => {
      const column = this.#columns.get(leaf.path);
      return column
        ? column.data(rows, elements.get(leaf.name))
        : nullData(leaf, rows.length, elements.get(leaf.name));
    });
  }
}

const hasPath = (rules: PlannedColumn['rules'], path: string): boolean =>
  [...rules.values()].some((leaves) => leaves.has(path));

function textsOf(texts: readonly string[]): Texts {
  const bytes = Buffer.from(texts.join(''));
  const starts = new Int32Array(texts.length + 1);
  for (let i = 0; i < texts.length; i++) starts[i + 1] = starts[i]! + Buffer.byteLength(texts[i]!);
  return { bytes, starts };
}
