/** The frame of an import: find the files, make the tables, write the log folder, or leave nothing. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic } from '../../lib/files.ts';
import { DuckDb } from '../duckdb.ts';
import { refuseUsedFolder } from '../output-folder.ts';
import type { ImportOptions } from './import-options.ts';
import { dateOf, dayOf, type ImportSummary, LogWriter } from './log-writer.ts';
import { type SourceFile, sourceFiles } from './source-files.ts';

/** Business days since 1970-01-01, both included. */
export interface Days {
  from_day: number;
  to_day: number;
}

export interface Importer<Source> {
  /** Tells by their columns what the files are. */
  recognise(files: readonly SourceFile[]): {
    source: Source;
    used: SourceFile[];
    /** Those without which there is nothing to import. */
    logs: SourceFile[];
  };
  /** The columns by which a log is recognised, for the message when there is none. */
  logColumns: string;
  run(
    db: DuckDb,
    writer: LogWriter,
    source: Source,
    days: Days,
  ): Promise<
    Pick<ImportSummary, 'rowsRead' | 'rowsOutsideDates' | 'copies' | 'dataset'> &
      Partial<Pick<ImportSummary, 'rowsUnusable'>>
  >;
}

const FAR_DAY = 1_000_000;

// Date.parse takes 2022-02-31 for 3 March: a date is one that comes back as it was written.
function isDate(text: string): boolean {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? dayOf(text) : Number.NaN;
  return Number.isFinite(day) && dateOf(day) === text;
}

function daysOf({ from, to }: ImportOptions): Days {
  for (const date of [from, to]) {
    if (date === undefined) continue;
    if (isDate(date)) continue;
    throw new EdgeloomError({
      code: 'bad-date',
      what: `${date} is not a date`,
      fix: 'write it as 2022-04-25',
      exitCode: 2,
    });
  }
  return {
    from_day: from === undefined ? 0 : dayOf(from),
    to_day: to === undefined ? FAR_DAY : dayOf(to),
  };
}

/** Runs work that reads source files, so that DuckDB's complaint names them. */
export async function unreadable(
  files: readonly SourceFile[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'AbortError') throw error;
    throw new EdgeloomError(
      {
        code: 'unreadable-source',
        what: `A source file cannot be read: ${error.message.split('\n')[0]}`,
        where: files.map((file) => file.path).join(', '),
        fix: 'download it again when it is the published one; a column must keep its published type',
      },
      { cause: error },
    );
  }
}

export async function runImport<Source>(
  importer: Importer<Source>,
  options: ImportOptions,
): Promise<ImportSummary> {
  const days = daysOf(options);
  await refuseUsedFolder(options.outDir);
  return createFolderAtomic(options.outDir, async (folder) => {
    const tempDir = join(folder, '.spill');
    const db = await DuckDb.open({ ...options, tempDir });
    try {
      const files = await sourceFiles(db, options.sourceDir);
      const { source, used, logs } = importer.recognise(files);
      if (logs.length === 0) {
        throw new EdgeloomError({
          code: 'no-source-log',
          what: 'No file of the folder has the columns of this data set’s log',
          where: options.sourceDir,
          fix: `a log (CSV or Parquet) has the columns ${importer.logColumns}`,
          exitCode: 2,
        });
      }
      const writer = new LogWriter(db, folder, options);
      const facts = await importer.run(db, writer, source, days);
      await writer.writeDescription(facts.dataset);
      const paths = (list: readonly SourceFile[]): string[] => list.map((file) => file.path);
      return {
        files: {
          used: paths(used),
          ignored: paths(files.filter((file) => !used.includes(file))),
        },
        rowsRead: facts.rowsRead,
        rowsOutsideDates: facts.rowsOutsideDates,
        rowsUnusable: facts.rowsUnusable ?? 0,
        copies: facts.copies,
        events: writer.events,
        tables: writer.tables,
        dataset: facts.dataset,
      };
    } finally {
      db.close();
      await rm(tempDir, { recursive: true, force: true });
    }
  });
}
