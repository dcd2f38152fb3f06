/**
 * Reads log lines straight into Parquet row groups, without an object or a string for any of them.
 *
 * The code is WebAssembly made from the contract. It takes only lines that it can prove valid; every
 * other line is handed back, so that what is stored and what is rejected, and why, is decided in one
 * place (`event-sink.ts`).
 */
import { isUtf8 } from 'node:buffer';
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import { deviceLogJsonSchema } from '../../contracts/schema.ts';
import type { UserKeys } from '../user-keys.ts';
import {
  KIND,
  LEAF,
  MAX_USER_BYTES,
  OBJECT,
  POWER_COUNT,
  POWERS,
  STATE,
  STOP,
  slotAt,
  TABLE,
  USER,
  USERS,
} from './memory.ts';
import type { ColumnData, SchemaNode } from './parquet-file.ts';
import { OBJECT_FUNCTIONS } from './read-objects.ts';
import { VALUE_FUNCTIONS } from './read-values.ts';
import { type FieldPlan, type ObjectPlan, SchemaWriter } from './schema.ts';
import { planTable, TableSpace } from './tables.ts';
import { assemble, type WasmFunction } from './wasm.ts';
import { type LinePlaces, rowFunctions } from './write-rows.ts';

const PAGE = 65_536;
/** Input of one call, and room to read and copy past its end. */
const INPUT_BYTES = 512 * 1024;
const NEWLINE = 0x0a;
/** Bits of the record for what the reader adds. */
const EXTRA = { rowNo: 28, day: 29, bucket: 30 } as const;
const RECORD_BYTES = slotAt(32);

/** A table is for one type and for the users of some buckets. */
export interface TableName {
  type: EventType;
  group: number;
}

/** How far clocks may be off, ms; see `options.ts`. */
export interface Clocks {
  maxAheadMs: number;
  maxLateMs: number;
  /** What `ts` may be without a receive time. */
  earliestTs: number;
  latestTs: number;
  /** Offset of the business day. */
  offsetMs: number;
}

export interface LineReaderOptions {
  buckets: number;
  /** Tables of a type; a bucket belongs to group `bucket % groups`. */
  groups: number;
  maxLineBytes: number;
  clocks: Clocks;
  keys: UserKeys;
  /** Takes the rows of a full table before it is emptied. */
  onRows: (table: TableName, schema: SchemaNode[], rows: number, columns: ColumnData[]) => void;
}

interface Exports {
  run(p: number, end: number): number;
  hashUser(p: number, n: number): number;
}

const IMPORTS: WasmFunction[] = [
  { name: 'parseNumber', params: { p: 'i32', end: 'i32' }, result: 'f64' },
  { name: 'isCanonical', params: { p: 'i32', end: 'i32' }, result: 'i32' },
];

interface Table extends TableName {
  space: TableSpace;
}

/** Most bytes that the lists of one line take. */
const listBytes = ({ fields }: ObjectPlan): number =>
  fields.reduce((sum, { kind, max, inner }) => {
    if (!inner) return sum;
    return sum + inner.recordSize * (kind === KIND.object ? 1 : max);
  }, 0);

const added = (name: string, index: number, max: number): FieldPlan => ({
  name,
  index,
  max,
  kind: KIND.integer,
  optional: false,
});
const ADDED = [
  added('row_no', EXTRA.rowNo, Number.MAX_SAFE_INTEGER),
  added('day', EXTRA.day, 0),
  added('bucket', EXTRA.bucket, 0),
];

export class LineReader {
  readonly #options: LineReaderOptions;
  readonly #bytes: Buffer;
  readonly #view: DataView<ArrayBuffer>;
  readonly #exports: Exports;
  readonly #input: number;
  readonly #userIndex: number;
  readonly #users: number;
  readonly #tables: Table[] = [];
  #knownUsers = 0;

  constructor(options: LineReaderOptions) {
    this.#options = options;
    const memory = new WebAssembly.Memory({ initial: 16 });
    const schema = new SchemaWriter(memory.buffer);
    const types = schema.events(deviceLogJsonSchema().oneOf ?? []);
    const record = schema.reserve(RECORD_BYTES);
    const pointers = EVENT_TYPES.map(() => schema.reserve(4 * options.buckets));
    const described = schema.end;
    if (described > 16 * PAGE) throw new RangeError('the contract takes more than 1 MiB');
    const elements = schema.reserve(Math.max(...[...types.values()].map(listBytes)) + 64);
    this.#userIndex = schema.reserve(4 * 2 ** USERS.indexBits);
    this.#users = schema.reserve(USER.size * USERS.max);
    this.#input = schema.reserve(INPUT_BYTES + PAGE);
    for (const type of EVENT_TYPES) {
      const plan = planTable(types.get(type)!, ADDED);
      for (let group = 0; group < options.groups; group++) {
        const space = new TableSpace(plan, (bytes) => schema.reserve(bytes));
        this.#tables.push({ type, group, space });
      }
    }
    memory.grow(Math.ceil(schema.end / PAGE) + 1 - 16);
    this.#bytes = Buffer.from(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.#describe(types, pointers);
    const fields = types.get(EVENT_TYPES[0]!)!.fields;
    const indexOf = (name: string): number => fields.find((field) => field.name === name)!.index;
    const places: LinePlaces = {
      ...{ record, elements, userIndex: this.#userIndex, userIndexBits: USERS.indexBits },
      ...{ user: indexOf('user_id'), ts: indexOf('ts'), received: indexOf('received_ts') },
      ...EXTRA,
    };
    if (fields[places.user]!.max > MAX_USER_BYTES) throw new RangeError('user ids are too long');
    this.#exports = this.#instantiate(memory, places);
  }

  /**
   * Reads lines; every one of them ends with a newline.
   * @param rowNo number of the first line
   * @param onLine hears of a line that was not taken: its place, without newline, and its number
   * @returns the lines that were taken
   */
  read(
    lines: Buffer,
    rowNo: number,
    onLine: (from: number, to: number, rowNo: number) => void,
  ): number {
    let taken = 0;
    let at = 0;
    let row = rowNo;
    while (at < lines.length) {
      let end = lines.length;
      if (end - at > INPUT_BYTES) end = lines.lastIndexOf(NEWLINE, at + INPUT_BYTES - 1) + 1;
      if (end <= at) {
        // A line longer than the input.
        end = lines.indexOf(NEWLINE, at) + 1;
        onLine(at, end - 1, row++);
        at = end;
        continue;
      }
      const part = lines.subarray(at, end);
      const base = at;
      const before = row;
      let refused = 0;
      row = this.#readPart(part, row, (from, to, number) => {
        refused++;
        onLine(base + from, base + to, number);
      });
      taken += row - before - refused;
      at = end;
    }
    return taken;
  }

  /** Hands over all rows that are still here. */
  flush(): void {
    for (const table of this.#tables) this.#flushTable(table);
  }

  #readPart(
    part: Buffer,
    rowNo: number,
    onLine: (from: number, to: number, rowNo: number) => void,
  ): number {
    const view = this.#view;
    const input = this.#input;
    part.copy(this.#bytes, input);
    view.setInt32(STATE.utf8, isUtf8(part) ? 1 : 0, true);
    view.setBigInt64(STATE.rowNo, BigInt(rowNo), true);
    const end = input + part.length;
    for (let p = input; ; ) {
      p = this.#exports.run(p, end);
      const reason = view.getInt32(STATE.reason, true);
      if (reason === STOP.end) return Number(view.getBigInt64(STATE.rowNo, true));
      if (reason === STOP.user) this.#addUser();
      else if (reason === STOP.full) {
        const address = view.getInt32(STATE.table, true);
        this.#flushTable(this.#tables.find(({ space }) => space.address === address)!);
      } else {
        const from = p - input;
        const to = part.indexOf(NEWLINE, from);
        const number = view.getBigInt64(STATE.rowNo, true);
        onLine(from, to, Number(number));
        view.setBigInt64(STATE.rowNo, number + 1n, true);
        p = input + to + 1;
      }
    }
  }

  /** Puts the user of the line, whose id is valid, among the known ones. */
  #addUser(): void {
    const view = this.#view;
    if (this.#knownUsers === USERS.max) {
      this.#bytes.fill(0, this.#userIndex, this.#userIndex + 4 * 2 ** USERS.indexBits);
      this.#knownUsers = 0;
    }
    const start = view.getInt32(STATE.userStart, true);
    const length = view.getInt32(STATE.userLength, true);
    const id = this.#bytes.toString('utf8', start, start + length);
    const { key, bucket } = this.#options.keys.of(id);
    const entry = this.#users + USER.size * this.#knownUsers++;
    const hash = this.#exports.hashUser(start, length);
    view.setInt32(entry + USER.hash, hash, true);
    view.setInt32(entry + USER.length, length, true);
    view.setInt32(entry + USER.bucket, bucket, true);
    this.#bytes.write(key, entry + USER.key, 'latin1');
    this.#bytes.copyWithin(entry + USER.id, start, start + length);
    const mask = 2 ** USERS.indexBits - 1;
    let place = hash & mask;
    while (view.getInt32(this.#userIndex + 4 * place, true) !== 0) place = (place + 1) & mask;
    view.setInt32(this.#userIndex + 4 * place, entry, true);
  }

  #flushTable({ type, group, space }: Table): void {
    const view = this.#view;
    const rows = view.getInt32(space.address + TABLE.rows, true);
    if (rows === 0) return;
    const columns = space.plan.leaves.map((leaf, i): ColumnData => {
      const at = space.address + TABLE.leaves + LEAF.size * i;
      const get = (name: keyof typeof LEAF): number => view.getInt32(at + LEAF[name], true);
      const [start, end] = [get('levelsStart'), get('levels')];
      const repeated = get('repetition');
      return {
        levels: end - start,
        definitions: this.#bytes.subarray(start, end),
        repetitions:
          leaf.rowLevels > 1 ? this.#bytes.subarray(start + repeated, end + repeated) : undefined,
        data: this.#bytes.subarray(get('dataStart'), get('data')),
      };
    });
    this.#options.onRows({ type, group }, space.plan.schema, rows, columns);
    space.clear(view);
  }

  #describe(types: Map<string, ObjectPlan>, pointers: number[]): void {
    const view = this.#view;
    const { buckets, groups, clocks, maxLineBytes } = this.#options;
    for (const { space } of this.#tables) space.describe(view);
    EVENT_TYPES.forEach((type, i) => {
      const { address } = types.get(type)!;
      view.setInt32(address + OBJECT.tables, pointers[i]!, true);
      for (let bucket = 0; bucket < buckets; bucket++) {
        const { space } = this.#tables[i * groups + (bucket % groups)]!;
        view.setInt32(pointers[i]! + 4 * bucket, space.address, true);
      }
    });
    for (let power = 0; power < POWER_COUNT; power++) {
      view.setFloat64(POWERS + 8 * power, Number(`1e${power}`), true);
    }
    view.setInt32(STATE.object, types.get(EVENT_TYPES[0]!)!.address, true);
    view.setInt32(STATE.maxLine, Math.min(maxLineBytes, INPUT_BYTES), true);
    view.setFloat64(STATE.maxAhead, clocks.maxAheadMs, true);
    view.setFloat64(STATE.maxLate, clocks.maxLateMs, true);
    view.setFloat64(STATE.earliest, clocks.earliestTs, true);
    view.setFloat64(STATE.latest, clocks.latestTs, true);
    view.setBigInt64(STATE.offset, BigInt(clocks.offsetMs), true);
  }

  #instantiate(memory: WebAssembly.Memory, places: LinePlaces): Exports {
    const text = (p: number, end: number): string => this.#bytes.toString('latin1', p, end);
    const env = {
      memory,
      parseNumber: (p: number, end: number): number => Number(text(p, end)),
      /** A number that JSON would write as it stands, and that no writer would give an exponent. */
      isCanonical: (p: number, end: number): number => {
        const digits = text(p, end);
        const size = Math.abs(Number(digits));
        return String(Number(digits)) === digits && size >= 1e-4 && size < 1e15 ? 1 : 0;
      },
    };
    const functions = [...VALUE_FUNCTIONS, ...OBJECT_FUNCTIONS, ...rowFunctions(places)];
    const module = new WebAssembly.Module(assemble(IMPORTS, functions));
    return new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
  }
}
