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
import { createEventTables, EventSink, eventTable } from './event-sink.ts';
import { countStored, countTable, writeEvents, writeTable } from './lake.ts';
import { type LogFile, type LogFolder, openLogFolder } from './log-folder.ts';
import { type IngestOptions, type Settings, withDefaults } from './options.ts';
import { RejectWriter } from './rejects.ts';
import { type FileAccount, type RowSink, readFileRows } from './rows.ts';
import { Staging } from './staging.ts';
import { createTables, stagedTable, TABLE_KEYS, TableSink } from './table-sink.ts';
import { UserKeys } from './user-keys.ts';

/** Files of one kind (the events, or a table) as they were read. */
interface Reading {
  files: FileAccount[];
  /** Number of the first staged row of each file. */
  starts: number[];
}

/** One run: what its steps share. */
class IngestRun {
  readonly #settings: Settings;
  readonly #logs: LogFolder;
  readonly #keys: UserKeys;
  readonly #lakeDir: string;
  readonly #workDir: string;
  readonly #staging: Staging;
  readonly #rejects: RejectWriter;
  readonly #totalBytes: number;
  #readBytes = 0;

  constructor(
    settings: Settings,
    logs: LogFolder,
    folders: { lakeDir: string; workDir: string },
    parts: { keys: UserKeys; staging: Staging; rejects: RejectWriter },
  ) {
    this.#settings = settings;
    this.#logs = logs;
    this.#lakeDir = folders.lakeDir;
    this.#workDir = folders.workDir;
    this.#keys = parts.keys;
    this.#staging = parts.staging;
    this.#rejects = parts.rejects;
    const files = [...logs.events, ...TABLE_NAMES.flatMap((table) => logs.tables[table])];
    this.#totalBytes = Math.max(
      1,
      files.reduce((sum, file) => sum + file.bytes, 0),
    );
  }

  async run(): Promise<IngestSummary> {
    const events = await this.#read(
      this.#logs.events,
      new EventSink(this.#staging, this.#keys, this.#settings, this.#logs.dataset),
    );
    const tables = new Map<TableName, Reading>();
    for (const table of TABLE_NAMES) {
      if (this.#logs.tables[table].length === 0) continue;
      const sink = new TableSink(table, this.#staging, this.#keys);
      tables.set(table, await this.#read(this.#logs.tables[table], sink));
    }
    await this.#staging.flush();
    await this.#rejects.close();
    const facts = await readRejects(join(this.#lakeDir, 'rejects.ndjson'));
    this.#checkShares(events, tables, facts);
    const summary = await this.#writeEvents(events, facts);
    for (const [table, reading] of tables) {
      summary.tables[table] = await this.#writeTable(table, reading, facts);
    }
    return summary;
  }

  async #read(files: readonly LogFile[], sink: RowSink): Promise<Reading> {
    const reading: Reading = { files: [], starts: [] };
    for (const file of files) {
      reading.starts.push(sink.mark());
      const account = await readFileRows(file, sink, this.#rejects, {
        logsDir: this.#settings.logsDir,
        maxLineBytes: this.#settings.maxLineBytes,
        memoryLimitMb: this.#settings.memoryLimitMb,
        tempDir: join(this.#workDir, 'spill'),
        signal: this.#settings.signal,
        onRead: (bytes) => this.#progress(file, bytes),
      });
      reading.files.push(account);
    }
    return reading;
  }

  #progress(file: LogFile, bytes: number): void {
    this.#readBytes += bytes;
    const fraction = Math.min(1, this.#readBytes / this.#totalBytes);
    this.#settings.onProgress?.({ message: `reading ${file.path}`, fraction: 0.7 * fraction });
  }

  #checkShares(events: Reading, tables: Map<TableName, Reading>, facts: RejectFacts): void {
    const limit = this.#settings.maxRejectShare;
    const check = (reading: Reading, what: string): void =>
      checkRejectShare(readBalance(reading), what, limit, reasonsOf(facts, reading.files));
    check(events, 'the events');
    for (const [table, reading] of tables) check(reading, `the table ${table}`);
  }

  async #writeEvents(reading: Reading, facts: RejectFacts): Promise<IngestSummary> {
    const tables = EVENT_TYPES.map(eventTable);
    const duplicates = await findDuplicates(this.#staging, tables, ['event_id'], reading.starts);
    const { threads, onProgress } = this.#settings;
    await writeEvents(this.#staging, this.#lakeDir, {
      threads,
      onProgress: ({ message, fraction = 0 }) =>
        onProgress?.({ message, fraction: 0.75 + 0.25 * fraction }),
    });
    const stored = await countStored(this.#staging.db, this.#lakeDir);
    const byFile = fileBalances(reading, duplicates, facts);
    const balance = checkedBalance(byFile, stored.total, duplicates, 'the events');
    const byType: IngestSummary['byType'] = {};
    for (const type of EVENT_TYPES) {
      const counts = {
        stored: stored.byType[type] ?? 0,
        duplicates: duplicates.byTable.get(eventTable(type)) ?? 0,
      };
      if (counts.stored + counts.duplicates > 0) byType[type] = counts;
    }
    return {
      ...balance,
      byFile,
      byType,
      byDate: stored.byDate,
      rejectsByReason: Object.fromEntries(
        reasonsOf(facts, reading.files).map(([reason, { count }]) => [reason, count]),
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
    const duplicates = await findDuplicates(
      this.#staging,
      [name],
      TABLE_KEYS[table],
      reading.starts,
    );
    await writeTable(this.#staging, this.#lakeDir, table);
    const byFile = fileBalances(reading, duplicates, facts);
    const stored = await countTable(this.#staging.db, this.#lakeDir, table);
    return { ...checkedBalance(byFile, stored, duplicates, `the table ${table}`), byFile };
  }
}

const readBalance = ({ files }: Reading): Balance =>
  sumOf(files.map((file) => ({ ...file, stored: 0, duplicates: 0 })));

/** Per file: what is neither rejected nor a duplicate must be stored. */
function fileBalances(
  { files }: Reading,
  duplicates: DuplicateCounts,
  facts: RejectFacts,
): FileBalance[] {
  return files.map(({ file, rowsIn, rejected, blankLines }, index) => {
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
  keys: UserKeys,
  lakeDir: string,
): Promise<IngestSummary> {
  const workDir = join(lakeDir, '.work');
  await mkdir(workDir, { mode: 0o700 });
  const rejects = await RejectWriter.create(join(lakeDir, 'rejects.ndjson'));
  const staging = await Staging.open({ ...settings, workDir });
  let summary: IngestSummary;
  try {
    createEventTables(staging);
    createTables(staging);
    const run = new IngestRun(settings, logs, { lakeDir, workDir }, { keys, staging, rejects });
    summary = await run.run();
  } finally {
    staging.close();
    await rejects.close();
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
  const keys = new UserKeys(settings.userKey, settings.buckets);
  const logs = await openLogFolder(settings.logsDir);
  await refuseUsedFolder(settings.outDir);
  return createFolderAtomic(settings.outDir, (lakeDir) => fillLake(settings, logs, keys, lakeDir));
}
