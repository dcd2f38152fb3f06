/**
 * Ingest: a folder of device logs becomes the lake.
 *
 *   LOGS/{dataset.json, events/**, tables/*}
 *     → type=<event type>/date=<business day>/bucket=<NN>/part-0.parquet
 *       tables/{items,users,history}.parquet   rejects.ndjson   account.json   dataset.json
 *
 * Every row is accounted for: rows in = stored + rejected + duplicates, where the stored rows are
 * counted in the written files and the rejects in the written reject file. Equal input gives equal
 * bytes.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createFolderAtomic, writeFileAtomic } from '../../lib/files.ts';
import { TABLE_NAMES, type TableName } from '../contracts/columns.ts';
import { EVENT_TYPES } from '../contracts/device-log.ts';
import { refuseUsedFolder } from '../output-folder.ts';
import {
  type Balance,
  checkBalance,
  checkRejectShare,
  type FileBalance,
  type IngestSummary,
  type RejectFacts,
  readRejects,
  reasonsOf,
  sumOf,
} from './account.ts';
import { type DuplicateCounts, findDuplicates } from './duplicates.ts';
import { holdLimit } from './held/held-blocks.ts';
import { countStored, countTable, writeEvents, writeTable } from './lake/write-lake.ts';
import { type LaneFile, rejectsPath } from './lane.ts';
import { LanePool } from './lane-pool.ts';
import { type LogFolder, openLogFolder } from './log-folder.ts';
import { type IngestOptions, type Settings, withDefaults } from './options.ts';
import { helpersFor, readFiles } from './read-files.ts';
import { joinRejects } from './rejects.ts';
import { findRepeatedEvents } from './repeated/repeated-events.ts';
import type { FileAccount } from './rows.ts';
import { stagedTable } from './staged-tables.ts';
import { Staging } from './staging.ts';
import { TABLE_KEYS } from './table-sink.ts';
import { checkUserKey } from './user-keys.ts';

/** Files of one kind (the events, or a table) as they were read. */
type Reading = FileAccount[];

/** One run: what its steps share. */
class IngestRun {
  readonly #settings: Settings;
  readonly #logs: LogFolder;
  readonly #folders: { lakeDir: string; workDir: string };
  readonly #staging: Staging;

  constructor(
    settings: Settings,
    logs: LogFolder,
    folders: { lakeDir: string; workDir: string },
    staging: Staging,
  ) {
    this.#settings = settings;
    this.#logs = logs;
    this.#folders = folders;
    this.#staging = staging;
  }

  async run(): Promise<IngestSummary> {
    const files = this.#files();
    const lanes = this.#openLanes(files);
    try {
      const readings = await this.#read(files, lanes);
      const events = readings.get('events')!;
      readings.delete('events');
      const tables = readings as Map<TableName, Reading>;
      const facts = await readRejects(join(this.#folders.lakeDir, 'rejects.ndjson'));
      this.#checkShares(events, tables, facts);
      const summary = await this.#writeEvents(events, facts, lanes);
      for (const [table, reading] of tables) {
        summary.tables[table] = await this.#writeTable(table, reading, facts);
      }
      return summary;
    } finally {
      await lanes.close();
    }
  }

  /** The events, and the tables that the log has. */
  #files(): LaneFile[] {
    const { events, tables } = this.#logs;
    return [
      ...events.map((file, index) => ({ kind: 'events' as const, index, file })),
      ...TABLE_NAMES.flatMap((kind) => tables[kind].map((file, index) => ({ kind, index, file }))),
    ];
  }

  #openLanes(files: readonly LaneFile[]): LanePool {
    const { threads, logsDir, userKey, memoryLimitMb, holdBytes } = this.#settings;
    const { buckets, maxAheadMs, maxLateMs, maxLineBytes } = this.#settings;
    const limits = { buckets, maxAheadMs, maxLateMs, maxLineBytes };
    const { workDir } = this.#folders;
    const { dataset } = this.#logs;
    const helpers = helpersFor(files, threads);
    const memory = Math.floor(memoryLimitMb / (helpers + 1));
    const hold = holdLimit(holdBytes);
    const input = { logsDir, workDir, userKey, limits, memoryLimitMb: memory, dataset, hold };
    return new LanePool(input, helpers);
  }

  async #read(
    files: readonly LaneFile[],
    lanes: LanePool,
  ): Promise<Map<LaneFile['kind'], Reading>> {
    const { signal, onProgress } = this.#settings;
    const { workDir, lakeDir } = this.#folders;
    const { accounts, staged } = await readFiles(files, lanes, {
      signal,
      onProgress: ({ message, fraction = 0 }) =>
        onProgress?.({ message, fraction: 0.7 * fraction }),
    });
    await this.#staging.adopt(staged);
    const rejects = files.map((file) => rejectsPath(workDir, file));
    await joinRejects(rejects, join(lakeDir, 'rejects.ndjson'));
    const readings = new Map<LaneFile['kind'], Reading>([['events', []]]);
    files.forEach(({ kind }, place) => {
      readings.set(kind, [...(readings.get(kind) ?? []), accounts[place]!]);
    });
    return readings;
  }

  #checkShares(events: Reading, tables: Map<TableName, Reading>, facts: RejectFacts): void {
    const limit = this.#settings.maxRejectShare;
    const check = (reading: Reading, what: string): void =>
      checkRejectShare(readBalance(reading), what, limit, reasonsOf(facts, reading));
    check(events, 'the events');
    for (const [table, reading] of tables) check(reading, `the table ${table}`);
  }

  async #writeEvents(
    reading: Reading,
    facts: RejectFacts,
    lanes: LanePool,
  ): Promise<IngestSummary> {
    const { buckets, searchBytes, signal, onProgress } = this.#settings;
    const duplicates = await findRepeatedEvents(this.#staging, lanes, {
      buckets,
      bytes: searchBytes,
      signal,
    });
    await writeEvents(this.#staging, this.#folders.lakeDir, lanes, duplicates.rows, {
      ...this.#settings,
      onProgress: ({ message, fraction = 0 }) =>
        onProgress?.({ message, fraction: 0.75 + 0.25 * fraction }),
    });
    const stored = await countStored(this.#folders.lakeDir);
    const byFile = fileBalances(reading, duplicates, facts);
    const balance = checkedBalance(byFile, stored.total, duplicates, 'the events');
    const byType: IngestSummary['byType'] = {};
    for (const type of EVENT_TYPES) {
      const counts = {
        stored: stored.byType[type] ?? 0,
        duplicates: duplicates.byTable.get(type) ?? 0,
      };
      if (counts.stored + counts.duplicates > 0) byType[type] = counts;
    }
    return {
      ...balance,
      byFile,
      byType,
      byDate: stored.byDate,
      rejectsByReason: Object.fromEntries(
        reasonsOf(facts, reading).map(([reason, { count }]) => [reason, count]),
      ),
      tables: {},
    };
  }

  async #writeTable(
    table: TableName,
    reading: Reading,
    facts: RejectFacts,
  ): Promise<Balance & { byFile: FileBalance[] }> {
    const name = stagedTable(table);
    const duplicates = await findDuplicates(this.#staging, [name], TABLE_KEYS[table]);
    await writeTable(this.#staging, this.#folders.lakeDir, table);
    const byFile = fileBalances(reading, duplicates, facts);
    const stored = await countTable(this.#staging.db, this.#folders.lakeDir, table);
    return { ...checkedBalance(byFile, stored, duplicates, `the table ${table}`), byFile };
  }
}

const readBalance = (reading: Reading): Balance =>
  sumOf(reading.map((file) => ({ ...file, stored: 0, duplicates: 0 })));

/** Per file: what is neither rejected nor a duplicate must be stored. */
function fileBalances(
  reading: Reading,
  duplicates: DuplicateCounts,
  facts: RejectFacts,
): FileBalance[] {
  return reading.map(({ file, rowsIn, rejected, blankLines }, index) => {
    const surplus = duplicates.byFile.get(index) ?? 0;
    const balance = { rowsIn, stored: rowsIn - rejected - surplus, rejected, duplicates: surplus };
    const written = reasonsOf(facts, [{ file }]).reduce((sum, [, { count }]) => sum + count, 0);
    checkBalance({ ...balance, rejected: written }, file);
    return { file, ...balance, blankLines };
  });
}

/** The sum of the files, held against what is in the lake. */
function checkedBalance(
  byFile: readonly FileBalance[],
  stored: number,
  duplicates: DuplicateCounts,
  where: string,
): Balance {
  const balance = { ...sumOf(byFile), stored, duplicates: duplicates.total };
  checkBalance(balance, where);
  return balance;
}

async function fillLake(
  settings: Settings,
  logs: LogFolder,
  lakeDir: string,
): Promise<IngestSummary> {
  const workDir = join(lakeDir, '.work');
  await mkdir(workDir, { mode: 0o700 });
  const staging = await Staging.open({ ...settings, workDir });
  let summary: IngestSummary;
  try {
    summary = await new IngestRun(settings, logs, { lakeDir, workDir }, staging).run();
  } finally {
    staging.close();
  }
  await rm(workDir, { recursive: true });
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  await writeFileAtomic(join(lakeDir, 'dataset.json'), json(logs.dataset));
  await writeFileAtomic(join(lakeDir, 'account.json'), json(summary));
  return summary;
}

/**
 * @returns the account, which is also written as `account.json`
 * @throws EdgeloomError `logs-not-found`, `bad-dataset-description`, `unknown-file-format`,
 *   `unknown-table`, `no-events`, `output-not-empty`, `weak-user-key`, `too-many-rejects`; then
 *   nothing of the output is left behind
 */
export async function ingest(options: IngestOptions): Promise<IngestSummary> {
  const settings = withDefaults(options);
  checkUserKey(settings.userKey);
  const logs = await openLogFolder(settings.logsDir);
  await refuseUsedFolder(settings.outDir);
  return createFolderAtomic(settings.outDir, (lakeDir) => fillLake(settings, logs, lakeDir));
}
