/** The account of an ingest: every row that came in is stored, rejected or a duplicate. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { EdgeloomError } from '../../lib/errors.ts';
import type { TableName } from '../contracts/columns.ts';
import type { Reject } from './rejects.ts';

export interface Balance {
  /**
   * Rows of the files: lines that are not blank, Parquet rows (all that the footer of a damaged file
   * names), and one for what another cut-off or damaged file no longer gives.
   */
  rowsIn: number;
  stored: number;
  rejected: number;
  duplicates: number;
}

export interface FileBalance extends Balance {
  file: string;
  blankLines: number;
}

/** `account.json`, and what `ingest` returns. The balance is of events; tables have their own. */
export interface IngestSummary extends Balance {
  byFile: FileBalance[];
  byType: Record<string, { stored: number; duplicates: number }>;
  /** Stored events by business day. */
  byDate: Record<string, number>;
  rejectsByReason: Record<string, number>;
  tables: Partial<Record<TableName, Balance & { byFile: FileBalance[] }>>;
}

export const sumOf = (parts: readonly Balance[]): Balance => {
  const sum: Balance = { rowsIn: 0, stored: 0, rejected: 0, duplicates: 0 };
  for (const part of parts) {
    for (const name of ['rowsIn', 'stored', 'rejected', 'duplicates'] as const) {
      sum[name] += part[name];
    }
  }
  return sum;
};

/** @throws EdgeloomError `account-does-not-balance`, which is a defect of edgeloom */
export function checkBalance(balance: Balance, where: string): void {
  const { rowsIn, stored, rejected, duplicates } = balance;
  if (rowsIn === stored + rejected + duplicates) return;
  throw new EdgeloomError({
    code: 'account-does-not-balance',
    what: `${rowsIn} rows in, but ${stored} stored + ${rejected} rejected + ${duplicates} duplicates`,
    where,
    fix: 'this is a defect of edgeloom: please report it; nothing was written',
  });
}

interface ReasonFacts {
  count: number;
  /** Where the first one is, without its text. */
  example: string;
  /** A file that lost rows and does not say how many. */
  uncounted?: string;
}

/** Rejects by file, then by reason. */
export type RejectFacts = Map<string, Map<string, ReasonFacts>>;

/** Counts the reject file as it was written. */
export async function readRejects(path: string): Promise<RejectFacts> {
  const facts: RejectFacts = new Map();
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const { file, line, reason, detail, rows = 1 } = JSON.parse(text) as Reject;
    const reasons = facts.get(file) ?? new Map<string, ReasonFacts>();
    facts.set(file, reasons);
    const known = reasons.get(reason) ?? { count: 0, example: `${file}:${line} (${detail})` };
    known.count += rows ?? 1;
    if (rows === null) known.uncounted = file;
    reasons.set(reason, known);
  }
  return facts;
}

/** Rejects of some files by reason, the commonest first. */
export function reasonsOf(
  facts: RejectFacts,
  files: readonly { file: string }[],
): [reason: string, facts: ReasonFacts][] {
  const sums = new Map<string, ReasonFacts>();
  for (const { file } of files) {
    for (const [reason, { count, example, uncounted }] of facts.get(file) ?? []) {
      const sum = sums.get(reason) ?? { count: 0, example };
      sum.count += count;
      if (uncounted !== undefined) sum.uncounted ??= uncounted;
      sums.set(reason, sum);
    }
  }
  return [...sums].sort(([a, n], [b, m]) => m.count - n.count || (a < b ? -1 : 1));
}

const percent = (share: number): string => `${(100 * share).toPrecision(3)} %`;

/**
 * A file that lost an unknown number of rows is above every limit but 1.
 * @throws EdgeloomError `too-many-rejects` with the commonest reasons and a line of each; it quotes no
 *   raw text, because errors travel further than the reject file may
 */
export function checkRejectShare(
  { rowsIn, rejected }: Balance,
  what: string,
  limit: number,
  reasons: ReturnType<typeof reasonsOf>,
): void {
  const uncounted = reasons.flatMap(([, facts]) => facts.uncounted ?? []);
  if (uncounted.length > 0 && limit < 1) {
    throw new EdgeloomError({
      code: 'too-many-rejects',
      what: `A Parquet file of ${what} is damaged and no longer says how many rows it had`,
      where: uncounted.join(', '),
      fix: 'remove the file from the log folder, or replace it by a whole copy',
    });
  }
  if (rejected === 0 || rejected / rowsIn <= limit) return;
  const top = reasons
    .slice(0, 5)
    .map(([reason, { count, example }]) => `${count} × ${reason}, first at ${example}`);
  throw new EdgeloomError({
    code: 'too-many-rejects',
    what:
      `${rejected} of ${rowsIn} rows of ${what} are rejected (${percent(rejected / rowsIn)}; ` +
      `the limit is ${percent(limit)})`,
    where: top.join('; '),
    fix: 'mend the source of these lines, or raise maxRejectShare when the loss is acceptable',
  });
}
