/** One row group of a Parquet log: its rows checked, and those that are surely valid handed on. */
import { TextIndex, type Texts } from '../../columns/text-index.ts';
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import type { ColumnData } from '../../parquet/column.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { ParquetFile } from '../../parquet/read/file.ts';
import type { ColumnSchema } from '../../parquet/schema.ts';
import { type LakeLeaf, lakeLeaves } from '../lake/leaves.ts';
import { type Elements, nullData, UnitColumn } from '../lake/unit-columns.ts';
import { checkColumn, checkNull } from './check-column.ts';
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
  readonly #columns = new Map<string, UnitColumn>();
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
        this.#keep(path, vector, file.leaves[leaf]!.maxDefinition, rows);
      }
    }
    this.#checkTimes(rows);
  }

  #sortByType(vector: ColumnVector): void {
    const index = new TextIndex();
    const codes = codesOf(vector, index);
    const types = Array.from({ length: index.size }, (_, code) => index.text(code) as EventType);
    const counts = new Int32Array(types.length);
    for (const code of codes) if (code >= 0) counts[code]!++;
    const rowsOf = types.map((_, code) => new Int32Array(counts[code]!));
    counts.fill(0);
    codes.forEach((code, row) => {
      if (code >= 0) rowsOf[code]![counts[code]!++] = row;
      if (code < 0 || !this.#plan.types.has(types[code]!)) this.#bad[row] = 1;
    });
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

  #keep(path: string, vector: ColumnVector, maxDefinition: number, rows: number): void {
    if (path === 'user_id') {
      this.#addUsers(vector, rows);
      return;
    }
    const leaf = LEAVES.get(path);
    // A column that is not what the contract knows is null in all rows that are taken.
    if (!leaf || !this.#plan.columns.some(({ rules }) => hasPath(rules, path))) return;
    const column = new UnitColumn(
      { ...leaf, unique: leaf.unique && vector.kind === 'texts' && !vector.levels },
      rows,
    );
    column.append({ vector, maxDefinition }, rows);
    this.#columns.set(path, column);
  }

  /** Replaces ids by keys; only those of rows that may be taken. */
  #addUsers(vector: ColumnVector, rows: number): void {
    const index = new TextIndex();
    const codes = codesOf(vector, index);
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
    const column = new UnitColumn(LEAVES.get('user_key')!, rows);
    const coded = { kind: 'coded-texts', codes, dictionary: textsOf(keys) } as const;
    column.append(
      { vector: { ...coded, rows, lists: undefined, levels: undefined }, maxDefinition: 1 },
      rows,
    );
    this.#columns.set('user_key', column);
  }

  #checkTimes(rows: number): void {
    const { maxAheadMs, maxLateMs, earliestTs, latestTs } = this.#options.clocks;
    const numbers = (name: string) => this.#columns.get(name)?.numbers;
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
    for (const [type, rows] of this.#rowsOf) {
      const good = rows.filter((row) => this.#bad[row] === 0);
      if (good.length > 0) this.#writeType(type, good);
    }
    const others: number[] = [];
    for (let row = 0; row < this.#bad.length; row++) if (this.#bad[row]) others.push(row);
    return others;
  }

  #writeType(type: EventType, good: Int32Array): void {
    const { groups, onRows } = this.#options;
    const { codes, buckets } = this.#users!;
    const leaves = lakeLeaves(type);
    const schema = [...PLACED, ...leaves];
    for (let group = 0; group < groups; group++) {
      const rows = good.filter((row) => buckets[codes[row]!]! % groups === group);
      if (rows.length === 0) continue;
      onRows({ type, group }, schema, rows.length, [
        ...this.#places(rows),
        ...this.#data(leaves, rows),
      ]);
    }
  }

  #places(rows: Int32Array): ColumnData[] {
    const { clocks } = this.#options;
    const { codes, buckets } = this.#users!;
    const ts = this.#columns.get('ts')!.numbers;
    const day = (row: number): number => Math.floor((ts[row]! + clocks.offsetMs) / DAY_MS);
    return [
      { numbers: Float64Array.from(rows, (row) => this.#rowNo + row) },
      { numbers: Int32Array.from(rows, day) },
      { numbers: Int32Array.from(rows, (row) => buckets[codes[row]!]!) },
    ];
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

/** By row; −1 for null. */
function codesOf(vector: ColumnVector, index: TextIndex): Int32Array {
  if (vector.kind === 'texts') return index.codes(vector.texts, vector.levels, 1);
  if (vector.kind !== 'coded-texts') throw new TypeError('a column of texts holds something else');
  const own = index.codes(vector.dictionary);
  return vector.codes.map((code) => (code < 0 ? -1 : own[code]!));
}

function textsOf(texts: readonly string[]): Texts {
  const bytes = Buffer.from(texts.join(''));
  const starts = new Int32Array(texts.length + 1);
  for (let i = 0; i < texts.length; i++) starts[i + 1] = starts[i]! + Buffer.byteLength(texts[i]!);
  return { bytes, starts };
}
