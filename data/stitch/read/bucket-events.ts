/**
 * The events of one user bucket, read in parts of some users. Whose a row is, is read once for the whole
 * bucket; everything else part by part, of the row groups that have rows of its users.
 */
import { asFloats } from '../../columns/append.ts';
import { EventTable } from '../../columns/event-table.ts';
import { Floats } from '../../columns/growing.ts';
import { TextIndex } from '../../columns/text-index.ts';
import type { LakeFile } from '../lake.ts';
import { EVENT_COLUMNS, STITCHED_TYPES, type StitchedType } from '../lake-schema.ts';
import type { CodesByKind } from '../part.ts';
import { appendRows } from './append-rows.ts';
import type { LakeReader, OpenFile } from './lake-reader.ts';
import { kindOf, type Load, type Loads } from './loads.ts';
import { type SelectedRows, selectRows } from './selected-rows.ts';
import { type CutSettings, capOf, countEvents, partsOf, type UserRange } from './user-cut.ts';
import { readUserRuns, USER, type UserRuns } from './user-runs.ts';

/** Device time: of capped users the latest events count. */
const TIME = { read: 'floats', column: 'ts' } as const satisfies Load;

/** What a phone tells of its network now and then does not count as an event. */
const isCounted = ({ type }: BucketFile): boolean => type !== 'client_state';

interface BucketFile {
  type: StitchedType;
  path: string;
  /** By row group. */
  runs: UserRuns[];
}

export type EventTables = Record<StitchedType, EventTable>;

export class BucketEvents {
  /** All users of the bucket, by codes of its own. */
  readonly #users = new TextIndex();
  readonly #files: BucketFile[];
  readonly #reader: LakeReader;
  readonly #loads: Partial<Record<StitchedType, Loads>>;
  #parts: ReturnType<typeof partsOf> = [];
  /** Capped users, with the device time from which on their events count. */
  readonly #firstTs = new Map<number, number>();
  #dropped = 0;

  private constructor(
    reader: LakeReader,
    files: readonly LakeFile[],
    loads: Partial<Record<StitchedType, Loads>>,
  ) {
    this.#reader = reader;
    this.#loads = loads;
    this.#files = STITCHED_TYPES.flatMap((type) =>
      files.filter((file) => file.type === type).map(({ path }) => ({ type, path, runs: [] })),
    );
  }

  /**
   * @param files of the bucket; of equal times the rows of an earlier file count as earlier
   * @param loads what `readPart` is to read; nothing when the parts are only counted
   * @param users only these. @default all
   */
  static async open(
    reader: LakeReader,
    files: readonly LakeFile[],
    settings: CutSettings,
    loads: Partial<Record<StitchedType, Loads>> = {},
    users?: readonly string[],
  ): Promise<BucketEvents> {
    const events = new BucketEvents(reader, files, loads);
    for (const file of events.#files) await events.#mending(() => events.#readRuns(file));
    const chosen = users && new Set(users);
    await events.#mending(() => events.#cut(settings, chosen));
    return events;
  }

  /** In the order of the users' keys. */
  get parts(): UserRange[] {
    return this.#parts.map(({ first, last }) => ({ first, last }));
  }

  /** Users with an event that counts, those with more than `maxUserEvents`, and the events these lose. */
  get counts(): { users: number; usersCapped: number; eventsCapped: number } {
    const users = this.#parts.reduce((sum, part) => sum + part.users.length, 0);
    return { users, usersCapped: this.#firstTs.size, eventsCapped: this.#dropped };
  }

  /**
   * Reads the events of a part.
   * @param newCodes empty codes; items, sessions, … get numbers in the order in which they are met
   */
  readPart(
    number: number,
    newCodes: () => CodesByKind,
  ): Promise<{ codes: CodesByKind; tables: EventTables }> {
    return this.#mending(async () => {
      const codes = newCodes();
      const codeOf = new Int32Array(this.#users.size).fill(-1);
      for (const user of this.#parts[number]!.users) {
        codeOf[user] = codes.user.codeOfText(this.#users.text(user));
      }
      const tables = Object.fromEntries(
        STITCHED_TYPES.map((type) => [type, new EventTable(kindsOf(this.#loads[type] ?? {}))]),
      ) as EventTables;
      for (const type of STITCHED_TYPES) tables[type].reserve(this.#rowsOf(type, codeOf));
      for (const file of this.#files) {
        await this.#readFile(file, tables[file.type], codeOf, codes);
      }
      return { codes, tables };
    });
  }

  /** Rows of a type at most, those beyond the cap included. */
  #rowsOf(type: StitchedType, codeOf: Int32Array): number {
    let rows = 0;
    for (const { runs } of this.#files.filter((file) => file.type === type)) {
      for (const { user, from, to } of runs) {
        for (let i = 0; i < user.length; i++) if (codeOf[user[i]!]! >= 0) rows += to[i]! - from[i]!;
      }
    }
    return rows;
  }

  async #readFile(
    file: BucketFile,
    table: EventTable,
    codeOf: Int32Array,
    codes: CodesByKind,
  ): Promise<void> {
    const isOwn = ({ user }: UserRuns): boolean => user.some((code) => codeOf[code]! >= 0);
    if (!file.runs.some(isOwn)) return;
    await this.#with(file, async (open) => {
      for (const [group, runs] of file.runs.entries()) {
        if (!isOwn(runs)) continue;
        const { rows, users, counts } = await this.#select(open, group, runs, codeOf);
        const user = table.growingInts('user');
        for (let i = 0; i < users.length; i++) user.fill(users[i]!, counts[i]!);
        await appendRows(table, this.#loads[file.type]!, open, group, rows, codes);
      }
    });
  }

  async #select(
    open: OpenFile,
    group: number,
    runs: UserRuns,
    codeOf: Int32Array,
  ): Promise<SelectedRows> {
    const isCapped = (user: number): boolean => this.#firstTs.has(user);
    if (!runs.user.some((user) => isCapped(user) && codeOf[user]! >= 0)) {
      return selectRows(runs, codeOf);
    }
    const ts = await this.#times(open, group);
    const keeps = (user: number, row: number): boolean => ts[row]! >= this.#firstTs.get(user)!;
    return selectRows(runs, codeOf, isCapped, keeps);
  }

  async #times(open: OpenFile, group: number): Promise<Float64Array> {
    const chunk = await open.read(group, TIME);
    if (!chunk) return new Float64Array(open.groups[group]!).fill(Number.NaN);
    return asFloats(chunk.vector, chunk.maxDefinition);
  }

  async #cut(settings: CutSettings, chosen?: ReadonlySet<string>): Promise<void> {
    const counted = this.#files.filter(isCounted);
    const runs = counted.flatMap((file) => file.runs);
    const counts = countEvents(this.#users, runs, chosen);
    this.#parts = partsOf(this.#users, counts, settings);
    const heavy = new Map<number, Floats>();
    counts.forEach((count, user) => {
      if (count > settings.maxUserEvents) heavy.set(user, new Floats());
    });
    if (heavy.size > 0) for (const file of counted) await this.#readTimes(file, heavy);
    this.#firstTs.clear();
    this.#dropped = 0;
    for (const [user, times] of heavy) {
      const { firstTs, dropped } = capOf(times.view(), settings.maxUserEvents);
      this.#firstTs.set(user, firstTs);
      this.#dropped += dropped;
    }
  }

  /** Device times of heavy users. */
  async #readTimes(file: BucketFile, heavy: ReadonlyMap<number, Floats>): Promise<void> {
    await this.#with(file, async (open) => {
      for (const [group, { user, from, to }] of file.runs.entries()) {
        if (!user.some((code) => heavy.has(code))) continue;
        const ts = await this.#times(open, group);
        for (let i = 0; i < user.length; i++) {
          const times = heavy.get(user[i]!);
          if (!times) continue;
          const own = ts.subarray(from[i], to[i]);
          times.reserve(own.length).set(own, times.length);
          times.length += own.length;
        }
      }
    });
  }

  async #readRuns(file: BucketFile): Promise<void> {
    await this.#with(file, async (open) => {
      file.runs = [];
      for (let group = 0; group < open.groups.length; group++) {
        file.runs.push(await readUserRuns(open, group, this.#users));
      }
    });
  }

  /** A file is open only while it is read: a bucket of many days has many. */
  async #with({ path, type }: BucketFile, work: (open: OpenFile) => Promise<void>): Promise<void> {
    const loads = Object.values(this.#loads[type] ?? {});
    const open = await this.#reader.open(path, EVENT_COLUMNS[type], [USER, TIME, ...loads]);
    try {
      await work(open);
    } finally {
      await open.close();
    }
  }

  /** Does the work again from its beginning when a file had to be written anew for it. */
  async #mending<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const path = await this.#reader.mend(error);
        const file = this.#files.find((one) => one.path === path);
        if (!file) throw error;
        // Its rows now stand in other row groups.
        await this.#readRuns(file);
      }
    }
  }
}

function kindsOf(loads: Loads): ConstructorParameters<typeof EventTable>[0] {
  const kinds = Object.entries(loads).map(([name, load]) => [name, kindOf(load)] as const);
  return { user: 'int', ...Object.fromEntries(kinds) };
}
