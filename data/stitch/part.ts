/** The events of some users of one bucket in memory: what one pass of stitching works on. */

import { Codes } from '../columns/codes.ts';
import { EventTable, type Load } from '../columns/event-table.ts';
import type { DuckDb } from '../duckdb.ts';
import { STITCHED_TYPES, type StitchedType } from './lake-schema.ts';

/** What texts are numbered together: items, users, …; `word` holds scenes, triggers, reasons, sources. */
export const CODED = ['user', 'device', 'session', 'request', 'item', 'word'] as const;
export type Coded = (typeof CODED)[number];
export type CodesByKind = Record<Coded, Codes>;

/** What holds for the whole log, not only for this part. */
export interface LogFacts {
  hasPageView: boolean;
  hasPlay: boolean;
  hasFeedback: boolean;
  hasOrder: boolean;
  /** Page blocks that some page view names, by their place in PAGE_BLOCKS. */
  namedBlocks: ReadonlySet<number>;
  /** Last device time of the log, ms. */
  logEnd: number;
  /** What an exposure leads to counts for this long after its start, ms. */
  labelWindowMs: number;
}

/** Items that a user met before `asOf`, oldest first, of unknown time. */
export interface History {
  asOf: number;
  items: Int32Array;
}

export interface Part {
  codes: CodesByKind;
  tables: Record<StitchedType, EventTable<Coded>>;
  /** Codes of the users in the order of their keys. */
  users: Int32Array;
  /** By user, oldest first. */
  history: ReadonlyMap<number, readonly History[]>;
  facts: LogFacts;
}

/**
 * Reads a part. The views `part_<type>` hold its events, `part_history` its undated history.
 * @param loads what to read of each type
 */
export async function readPart(
  db: DuckDb,
  facts: LogFacts,
  loads: Record<StitchedType, Record<string, Load<Coded>>>,
): Promise<Part> {
  const codes = Object.fromEntries(CODED.map((kind) => [kind, new Codes()])) as CodesByKind;
  const tables = {} as Record<StitchedType, EventTable<Coded>>;
  for (const type of STITCHED_TYPES) {
    tables[type] = new EventTable(loads[type], codes);
    await tables[type].append(db, `part_${type}`);
  }
  const history = await readHistory(db, codes);
  const { dictionary, size } = codes.user;
  for (const table of Object.values(tables)) table.index(size);
  const byKey = Array.from({ length: size }, (_, code) => ({ code, key: dictionary.text(code) }));
  byKey.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { codes, tables, users: Int32Array.from(byKey, ({ code }) => code), history, facts };
}

/** Of rows with one time the longest stands. */
async function readHistory(db: DuckDb, codes: CodesByKind): Promise<Part['history']> {
  const table = new EventTable<Coded>(
    {
      user: { kind: 'code', codes: 'user', sql: 'user_key' },
      ts: { kind: 'float', sql: 'as_of' },
      items: { kind: 'codes', codes: 'item', sql: 'item_ids' },
    },
    codes,
  );
  await table.append(db, '(select * from part_history order by user_key, as_of, len(item_ids))');
  const history = new Map<number, History[]>();
  const [user, ts] = [table.ints('user'), table.floats('ts')];
  const { values, starts } = table.lists('items');
  for (let row = 0; row < table.rows; row++) {
    const rows = history.get(user[row]!) ?? [];
    history.set(user[row]!, rows);
    if (rows.at(-1)?.asOf === ts[row]) rows.pop();
    const items = values.subarray(starts[row]!, starts[row + 1]!) as Int32Array;
    rows.push({ asOf: ts[row]!, items });
  }
  return history;
}
