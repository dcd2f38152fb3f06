/** The events of some users of one bucket in memory: what one pass of stitching works on. */

import { TextIndex } from '../columns/text-index.ts';
import type { BucketEvents, EventTables } from './read/bucket-events.ts';
import type { History, HistoryReader } from './read/history.ts';
import type { LogEnd } from './windows.ts';

/** What texts are numbered together: items, users, …; `word` holds scenes, triggers, reasons, sources. */
export const CODED = ['user', 'device', 'session', 'request', 'item', 'word'] as const;
export type Coded = (typeof CODED)[number];
export type CodesByKind = Record<Coded, TextIndex>;

/** What holds for the whole log, not only for this part. */
export interface LogFacts extends LogEnd {
  hasPageView: boolean;
  hasPlay: boolean;
  hasFeedback: boolean;
  hasOrder: boolean;
  /** Page blocks that some page view names, by their place in PAGE_BLOCKS. */
  namedBlocks: ReadonlySet<number>;
}

export interface Part {
  codes: CodesByKind;
  tables: EventTables;
  /** TextIndex of the users in the order of their keys. */
  users: Int32Array;
  /** By user, oldest first. */
  history: ReadonlyMap<number, readonly History[]>;
  facts: LogFacts;
}

/**
 * Reads part `number` of a bucket.
 * @param history of all users of the log
 */
export async function readPart(
  events: BucketEvents,
  number: number,
  history: HistoryReader,
  facts: LogFacts,
): Promise<Part> {
  const { codes, tables } = await events.readPart(
    number,
    () => Object.fromEntries(CODED.map((kind) => [kind, new TextIndex()])) as CodesByKind,
  );
  const { size } = codes.user;
  for (const table of Object.values(tables)) table.index(size);
  const byKey = Array.from({ length: size }, (_, code) => ({ code, key: codes.user.text(code) }));
  byKey.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    codes,
    tables,
    users: Int32Array.from(byKey, ({ code }) => code),
    history: await history.read(codes),
    facts,
  };
}
