/** `account.json` after rows were taken out of a lake. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/files.ts';
import type { TableName } from '../contracts/columns.ts';
import { type Balance, checkBalance, type IngestSummary } from '../ingest/account.ts';
import type { Reject } from '../ingest/rejects.ts';

/** Rows that are not there any more: of erased users, or past the retention. */
export interface RemovedRows {
  events: number;
  rejects: number;
  tables: Partial<Record<TableName, number>>;
}

/**
 * The account of a lake with rows taken out: rowsIn = stored + rejected + duplicates + removed.
 * `byFile` stays what ingest read in each file: stored rows do not say which file they came from.
 */
export interface LakeAccount extends IngestSummary {
  /** Rows of erased users, stored or rejected once. Absent before the first erasure. */
  erased?: number;
  /** Rows past the retention. */
  expired?: number;
  tables: Partial<Record<TableName, IngestSummary['tables'][TableName] & { erased?: number }>>;
}

export type Reason = 'erased' | 'expired';

export const ACCOUNT_FILE = 'account.json';

export const readAccount = async (lakeDir: string): Promise<LakeAccount> =>
  JSON.parse(await readFile(join(lakeDir, ACCOUNT_FILE), 'utf8')) as LakeAccount;

type LakeSummary = Pick<
  IngestSummary,
  'rowsIn' | 'stored' | 'rejected' | 'duplicates' | 'byDate' | 'rejectsByReason'
> & { erased?: number; expired?: number };

/** What the record of an ingest says of its lake. */
export function lakeSummary(account: LakeAccount): LakeSummary {
  const { rowsIn, stored, rejected, duplicates, byDate, rejectsByReason, erased, expired } =
    account;
  return {
    ...{ rowsIn, stored, rejected, duplicates, byDate, rejectsByReason },
    ...(erased === undefined ? {} : { erased }),
    ...(expired === undefined ? {} : { expired }),
  };
}

const balanced = (part: Balance & { erased?: number; expired?: number }, where: string): void =>
  checkBalance({ ...part, rowsIn: part.rowsIn - (part.erased ?? 0) - (part.expired ?? 0) }, where);

const subtract = (counts: Record<string, number>, name: string, n: number): void => {
  const rest = (counts[name] ?? 0) - n;
  if (rest > 0) counts[name] = rest;
  else delete counts[name];
};

/** Collects what is taken out, and settles it with the account. */
export class Removal {
  readonly rows: RemovedRows = { events: 0, rejects: 0, tables: {} };
  readonly #events: { type: string; date: string; n: number }[] = [];
  readonly #rejects: Pick<Reject, 'file' | 'reason' | 'rows'>[] = [];

  get any(): boolean {
    const { events, rejects, tables } = this.rows;
    return events > 0 || rejects > 0 || Object.keys(tables).length > 0;
  }

  events(type: string, date: string, n: number): void {
    this.#events.push({ type, date, n });
    this.rows.events += n;
  }

  reject(reject: Reject): void {
    this.#rejects.push(reject);
    this.rows.rejects += reject.rows ?? 1;
  }

  table(table: TableName, n: number): void {
    this.rows.tables[table] = (this.rows.tables[table] ?? 0) + n;
  }

  /** @throws EdgeloomError `account-does-not-balance` */
  async settle(before: LakeAccount, lakeDir: string, reason: Reason): Promise<LakeAccount> {
    const account = structuredClone(before);
    for (const { type, date, n } of this.#events) {
      account.stored -= n;
      account.byType[type]!.stored -= n;
      if (Object.values(account.byType[type]!).every((count) => count === 0))
        delete account.byType[type];
      subtract(account.byDate, date, n);
    }
    account[reason] = (account[reason] ?? 0) + this.rows.events;
    for (const { file, reason: why, rows } of this.#rejects) {
      const n = rows ?? 1;
      const table = Object.values(account.tables).find((one) =>
        one.byFile.some((read) => read.file === file),
      );
      if (table) {
        table.rejected -= n;
        table.erased = (table.erased ?? 0) + n;
        continue;
      }
      account.rejected -= n;
      account[reason] += n;
      subtract(account.rejectsByReason, why, n);
    }
    for (const [name, n] of Object.entries(this.rows.tables) as [TableName, number][]) {
      const table = account.tables[name]!;
      table.stored -= n;
      table.erased = (table.erased ?? 0) + n;
    }
    balanced(account, lakeDir);
    for (const [name, table] of Object.entries(account.tables))
      balanced(table, `${lakeDir} ${name}`);
    await writeFileAtomic(join(lakeDir, ACCOUNT_FILE), `${JSON.stringify(account, null, 2)}\n`);
    return account;
  }
}
