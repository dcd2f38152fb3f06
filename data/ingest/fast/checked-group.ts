/** One row group of a Parquet log: its rows checked, and those that are surely valid handed on. */
import { TextIndex, type Texts } from '../../columns/text-index.ts';
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { ParquetFile } from '../../parquet/read/file.ts';
import type { Block } from '../held/block.ts';
import { codesOf, doublesOf } from '../held/block-column.ts';
import { type LakeLeaf, lakeLeaves } from '../lake/leaves.ts';
import { pickRows } from '../lake/pick-rows.ts';
import { isNull, type Source } from '../lake/unit-columns.ts';
import { checkColumn, checkNull } from './check-column.ts';
import type { GroupPlan, PlannedColumn } from './parquet-plan.ts';
import type { ParquetStagerOptions } from './parquet-stager.ts';

const DAY_MS = 86_400_000;

/** Leaves of all types: one of a path means the same in each of them. */
const LEAVES = new Map<string, LakeLeaf>(
  EVENT_TYPES.flatMap((type) => lakeLeaves(type).map((leaf) => [leaf.path, leaf] as const)),
);

const USER_KEY = 'user_key';

interface Users {
  /** Of each row. */
  codes: Int32Array;
  /** Group of buckets by code. */
  groups: Int32Array;
}

export class CheckedGroup {
  readonly #plan: GroupPlan;
  readonly #options: ParquetStagerOptions;
  readonly #rowNo: number;
  readonly #columns = new Map<string, Source>();
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
      else if (place === 0) checkNull(vector, leaf, rows, this.#bad);
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
    this.#columns.set(path, { vector, maxDefinition });
  }

  /** Replaces ids by keys; only those of rows that may be taken. */
  #addUsers(vector: ColumnVector): void {
    const { rows } = vector;
    const index = new TextIndex();
    const codes = codesOf(vector, 1, index);
    const wanted = new Uint8Array(index.size);
    for (let row = 0; row < rows; row++) if (!this.#bad[row]) wanted[codes[row]!] = 1;
    const users = Array.from({ length: index.size }, (_, code) =>
      wanted[code] ? this.#options.keys.of(index.text(code)) : undefined,
    );
    const { groups } = this.#options;
    this.#users = {
      codes,
      groups: Int32Array.from(users, (user) => (user ? user.bucket % groups : 0)),
    };
    const keys = users.map((user) => user?.key ?? '');
    const coded = { kind: 'coded-texts', codes, dictionary: textsOf(keys) } as const;
    const keyed = { ...coded, rows, lists: undefined, levels: undefined };
    this.#columns.set(USER_KEY, { vector: keyed, maxDefinition: 1 });
  }

  #checkTimes(rows: number): void {
    const { maxAheadMs, maxLateMs, earliestTs, latestTs } = this.#options.clocks;
    const numbers = (name: string) => this.#doubles(name);
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

  #doubles(name: string): Float64Array | undefined {
    const source = this.#columns.get(name);
    return source && doublesOf(source);
  }

  /** Rows that are not surely valid. */
  others(): number[] {
    const others: number[] = [];
    if (this.#bad.includes(1)) {
      for (let row = 0; row < this.#bad.length; row++) if (this.#bad[row]) others.push(row);
    }
    return others;
  }

  /** The rows that are surely valid, by type. */
  blocks(): Block[] {
    return [...this.#rowsOf].flatMap(([type, all]) => {
      const { rows, starts } = this.#byGroup(all);
      return rows.length > 0 ? [this.#block(type, rows, starts)] : [];
    });
  }

  /** Of the rows those that are surely valid, by group of buckets. */
  #byGroup(all: Int32Array): { rows: Int32Array; starts: Int32Array } {
    const starts = new Int32Array(this.#options.groups + 1);
    if (!this.#users) return { rows: new Int32Array(0), starts };
    const { codes, groups } = this.#users;
    const bad = this.#bad;
    for (let i = 0; i < all.length; i++) {
      const row = all[i]!;
      if (!bad[row]) starts[groups[codes[row]!]! + 1]!++;
    }
    for (let g = 1; g < starts.length; g++) starts[g]! += starts[g - 1]!;
    const rows = new Int32Array(starts.at(-1)!);
    const next = starts.slice();
    for (let i = 0; i < all.length; i++) {
      const row = all[i]!;
      if (!bad[row]) rows[next[groups[codes[row]!]!]!++] = row;
    }
    return { rows, starts };
  }

  #block(type: EventType, rows: Int32Array, starts: Int32Array): Block {
    const { offsetMs } = this.#options.clocks;
    const ts = this.#doubles('ts')!;
    const [numbers, days] = [new Float64Array(rows.length), new Int32Array(rows.length)];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      numbers[i] = this.#rowNo + row;
      days[i] = Math.floor((ts[row]! + offsetMs) / DAY_MS);
    }
    return { type, rows: rows.length, starts, numbers, days, columns: this.#columnsOf(type, rows) };
  }

  /** Columns that are not null in all rows, members of one list together. */
  #columnsOf(type: EventType, rows: Int32Array): Map<string, Source> {
    const columns = new Map<string, Source>();
    const lists = new Map<string, Source>();
    const leaves = lakeLeaves(type);
    for (const { path, name, list } of leaves) {
      const read = this.#columns.get(path);
      if (!read) continue;
      const source = { ...read, vector: pickRows(read.vector, rows) };
      if (list) lists.set(name, source);
      else if (isNull(source)) continue;
      columns.set(path, source);
    }
    for (const { path, name } of leaves) {
      const sibling = lists.get(name);
      if (sibling && !columns.has(path)) columns.set(path, nullMember(sibling));
    }
    return columns;
  }
}

/** A member that is null in all elements of a list. */
function nullMember({ vector: { rows, lists } }: Source): Source {
  const elements = lists!.starts[rows]!;
  const numbers = new Int32Array(elements);
  const levels = new Uint8Array(elements);
  return { vector: { kind: 'numbers', rows, lists, levels, numbers }, maxDefinition: 1 };
}

const hasPath = (rules: PlannedColumn['rules'], path: string): boolean =>
  [...rules.values()].some((leaves) => leaves.has(path));

function textsOf(texts: readonly string[]): Texts {
  const bytes = Buffer.from(texts.join(''));
  const starts = new Int32Array(texts.length + 1);
  for (let i = 0; i < texts.length; i++) starts[i + 1] = starts[i]! + Buffer.byteLength(texts[i]!);
  return { bytes, starts };
}
