/** A lake without its oldest days. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunOptions } from '../../lib/progress.ts';
import { datasetDescription } from '../contracts/dataset.ts';
import { fileLiteral } from '../file-literal.ts';
import type { Reject } from '../ingest/rejects.ts';
import {
  ACCOUNT_FILE,
  type LakeAccount,
  Removal,
  type RemovedRows,
  readAccount,
} from './lake-account.ts';
import { copyingLake, eventFile, REJECTS_FILE, takeOver } from './lake-files.ts';
import { rewriteRejects } from './reject-lines.ts';

const DAY_MS = 86_400_000;

/** The business days of a lake: those it has events of, and the last one that its description names. */
export interface LakeDays {
  /** Of the account, oldest first. */
  dates: string[];
  lastDate: string;
  offsetMs: number;
}

export async function lakeDays(lakeDir: string): Promise<LakeDays> {
  const text = await readFile(join(lakeDir, 'dataset.json'), 'utf8');
  const dataset = datasetDescription.parse(JSON.parse(text));
  return {
    dates: Object.keys((await readAccount(lakeDir)).byDate).sort(),
    lastDate: dataset.last_date,
    offsetMs: dataset.utc_offset_minutes * 60_000,
  };
}

/** The business day that a refused row speaks of: of its `ts`, or the last of the log where none can be read. */
export function rejectDate(
  { raw }: Pick<Reject, 'raw'>,
  { lastDate, offsetMs }: Pick<LakeDays, 'lastDate' | 'offsetMs'>,
): string {
  const ts = Number(/"ts"\s*:\s*(\d{1,13})\b/.exec(raw)?.[1] ?? Number.NaN);
  const date = new Date(Math.floor((ts + offsetMs) / DAY_MS) * DAY_MS);
  const day = Number.isNaN(ts) ? lastDate : date.toISOString().slice(0, 10);
  return day < lastDate ? day : lastDate;
}

/**
 * Fills `outDir` with the lake from the day `from` on. Tables stay: they are versions, not events.
 * @throws EdgeloomError `output-not-empty`, `account-does-not-balance`; then `outDir` is not there
 */
export async function expireLake(
  options: { lakeDir: string; outDir: string; from: string } & RunOptions,
): Promise<{ removed: RemovedRows; account: LakeAccount; unchanged: boolean }> {
  const { lakeDir, outDir, from, signal } = options;
  const days = await lakeDays(lakeDir);
  return copyingLake({ lakeDir, outDir, signal }, async (copying) => {
    const removal = new Removal();
    await rewriteRejects(join(lakeDir, REJECTS_FILE), join(outDir, REJECTS_FILE), (reject) => {
      if (rejectDate(reject, days) >= from) return reject;
      removal.reject(reject);
      return undefined;
    });
    for (const path of copying.files) {
      if (path === REJECTS_FILE || path === ACCOUNT_FILE) continue;
      const file = eventFile(path);
      if (!file || file.date >= from) {
        await takeOver(copying, path);
        continue;
      }
      const { n } = await copying.db.row<{ n: number }>(
        `select count(*) as n from read_parquet(${fileLiteral(join(lakeDir, path))})`,
      );
      removal.events(file.type, file.date, n);
    }
    if (!removal.any) await takeOver(copying, ACCOUNT_FILE);
    const before = await readAccount(lakeDir);
    const account = removal.any ? await removal.settle(before, outDir, 'expired') : before;
    return { removed: removal.rows, account, unchanged: !removal.any };
  });
}
