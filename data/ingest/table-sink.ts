/** Takes rows of the tables items, users and history. */
import type { ZodType } from 'zod';
import { describeIssue } from '../contracts/check-event.ts';
import type { TableName } from '../contracts/columns.ts';
import { historyRow, itemRow, userRow } from '../contracts/dataset.ts';
import { userKeyIn } from './event-sink.ts';
import type { Defect, RowSink } from './rows.ts';
import type { StagedRows } from './staged-rows.ts';
import { stagedTable } from './staged-tables.ts';
import type { UserKeys } from './user-keys.ts';

const SCHEMAS: Record<TableName, ZodType> = {
  items: itemRow,
  users: userRow,
  history: historyRow,
};

/** What identifies a row; a second row with the same key is a duplicate. */
export const TABLE_KEYS: Record<TableName, string[]> = {
  items: ['item_id', 'valid_from'],
  users: ['user_key', 'valid_from'],
  history: ['user_key', 'as_of'],
};

export class TableSink implements RowSink {
  readonly #table: TableName;
  readonly #staged: StagedRows;
  readonly #keys: UserKeys;

  constructor(table: TableName, staged: StagedRows, keys: UserKeys) {
    this.#table = table;
    this.#staged = staged;
    this.#keys = keys;
  }

  take(row: unknown, rowNo: number): Defect | undefined {
    const parsed = SCHEMAS[this.#table].safeParse(row);
    const userKey = userKeyIn(row, this.#keys);
    if (!parsed.success) {
      if (typeof row !== 'object' || row === null || Array.isArray(row)) {
        return { reason: 'not-an-object', detail: 'a line holds one JSON object', userKey };
      }
      const { defect, detail } = describeIssue(parsed.error.issues[0]);
      return { reason: defect, detail, userKey };
    }
    const stored =
      userKey === null ? parsed.data : { ...(parsed.data as object), user_id: userKey };
    this.#staged.add(stagedTable(this.#table), rowNo, JSON.stringify(stored));
    return undefined;
  }

  breathe(): Promise<void> {
    return this.#staged.breathe();
  }

  withdraw(rowNo: number): void {
    this.#staged.withdraw(rowNo);
  }
}
