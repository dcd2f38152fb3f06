/** What users met before the log began: items of unknown time. */
import { appendCodes, appendFloats, appendLists } from '../../columns/append.ts';
import { type ChunkTexts, chunkTexts } from '../../columns/chunk-texts.ts';
import { Floats, Ints } from '../../columns/growing.ts';
import type { TextIndex } from '../../columns/text-index.ts';
import { sameBytes } from '../../columns/text-index.ts';
import { TABLE_COLUMNS } from '../lake-schema.ts';
import type { CodesByKind } from '../part.ts';
import type { LakeReader, OpenFile } from './lake-reader.ts';
import type { Load } from './loads.ts';
import { USER } from './user-runs.ts';

/** Items that a user met before `asOf`, oldest first, of unknown time. */
export interface History {
  asOf: number;
  items: Int32Array;
}

const AS_OF = { read: 'floats', column: 'as_of' } as const satisfies Load;
const ITEMS = {
  read: 'codes',
  codes: 'item',
  column: 'item_ids',
  list: true,
} as const satisfies Load;

/** Reads the table of all users, row groups without the wanted ones left out. */
export class HistoryReader {
  readonly #reader: LakeReader;
  readonly #files: readonly string[];

  /** @param files of the table `history` */
  constructor(reader: LakeReader, files: readonly string[]) {
    this.#reader = reader;
    this.#files = files;
  }

  /**
   * @param codes the users that are wanted; items are added
   * @returns rows by user, oldest first; of rows with one time the longest
   */
  async read(codes: CodesByKind): Promise<ReadonlyMap<number, readonly History[]>> {
    for (;;) {
      try {
        const rows = new Map<number, History[]>();
        for (const path of this.#files) await this.#readFile(path, codes, rows);
        for (const [user, own] of rows) rows.set(user, oldestFirst(own));
        return rows;
      } catch (error) {
        if ((await this.#reader.mend(error)) === undefined) throw error;
      }
    }
  }

  async #readFile(path: string, codes: CodesByKind, rows: Map<number, History[]>): Promise<void> {
    const file = await this.#reader.open(path, TABLE_COLUMNS.history, [USER, AS_OF, ITEMS]);
    try {
      for (let group = 0; group < file.groups.length; group++) {
        if (mayHave(file, group, codes.user)) await readGroup(file, group, codes, rows);
      }
    } finally {
      await file.close();
    }
  }
}

async function readGroup(
  file: OpenFile,
  group: number,
  codes: CodesByKind,
  rows: Map<number, History[]>,
): Promise<void> {
  const keys = await file.read(group, USER);
  if (!keys) return;
  const { users, ranges } = wantedRows(
    chunkTexts(keys.vector, keys.maxDefinition),
    file.groups[group]!,
    codes.user,
  );
  if (users.length === 0) return;
  const [asOf, ends, items] = [new Floats(), new Ints(), new Ints()];
  ends.push(0);
  const times = await file.read(group, AS_OF);
  if (times) appendFloats(asOf, times.vector, times.maxDefinition, ranges);
  else asOf.fill(Number.NaN, users.length);
  const lists = await file.read(group, ITEMS);
  if (lists) {
    const elements = appendLists(ends, lists.vector.lists!, ranges);
    const texts = chunkTexts(lists.vector, lists.maxDefinition);
    appendCodes(items, texts, elements, codes.item);
  } else ends.fill(0, users.length);
  const all = items.view();
  for (const [row, user] of users.entries()) {
    const own = all.subarray(ends.data[row]!, ends.data[row + 1]!);
    const known = rows.get(user) ?? [];
    rows.set(user, known);
    known.push({ asOf: asOf.data[row]!, items: own });
  }
}

/** Whether a row group can have rows of the users, by what it says of its keys. */
function mayHave(file: OpenFile, group: number, users: TextIndex): boolean {
  const { min, max } = file.statistics(group, USER) ?? {};
  if (!(min instanceof Uint8Array && max instanceof Uint8Array)) return true;
  for (let user = 0; user < users.size; user++) {
    const key = users.bytesOf(user);
    if (Buffer.compare(key, min) >= 0 && Buffer.compare(key, max) <= 0) return true;
  }
  return false;
}

/** The rows of users that have a code, and whose they are. */
function wantedRows(
  texts: ChunkTexts,
  rows: number,
  codes: TextIndex,
): { users: number[]; ranges: number[] } {
  const { view, starts, codes: numbers, nulls } = texts;
  const users: number[] = [];
  const ranges: number[] = [];
  let [known, end, user] = [0, -1, -1];
  for (let row = 0; row < rows; row++) {
    const text = numbers ? numbers[row]! : nulls?.[row] === 1 ? -1 : row;
    if (text < 0) continue;
    const [start, stop] = [starts[text]!, starts[text + 1]!];
    if (end - known !== stop - start || !sameBytes(view, start, stop, view, known)) {
      user = codes.find(view, start, stop);
      known = start;
      end = stop;
    }
    if (user < 0) continue;
    users.push(user);
    if (ranges.at(-1) === row) ranges[ranges.length - 1] = row + 1;
    else ranges.push(row, row + 1);
  }
  return { users, ranges };
}

function oldestFirst(rows: readonly History[]): History[] {
  const sorted = [...rows].sort((a, b) => a.asOf - b.asOf || a.items.length - b.items.length);
  return sorted.filter(({ asOf }, i) => sorted[i + 1]?.asOf !== asOf);
}
