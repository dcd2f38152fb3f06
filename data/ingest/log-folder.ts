/** Finding what a log folder holds, and refusing what it should not. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { TABLE_NAMES, type TableName } from '../contracts/columns.ts';
import { type DatasetDescription, datasetDescription } from '../contracts/dataset.ts';

export type FileFormat = 'plain' | 'gzip' | 'zstd' | 'parquet';

export interface LogFile {
  /** Relative to the log folder, with `/`. */
  path: string;
  format: FileFormat;
  bytes: number;
}

export interface LogFolder {
  dataset: DatasetDescription;
  /** Sorted by path: the order in which duplicates are decided. */
  events: LogFile[];
  tables: Record<TableName, LogFile[]>;
}

const FORMATS: [suffix: RegExp, format: FileFormat][] = [
  [/\.(ndjson|jsonl)$/, 'plain'],
  [/\.(ndjson|jsonl)\.gz$/, 'gzip'],
  [/\.(ndjson|jsonl)\.zstd?$/, 'zstd'],
  [/\.parquet$/, 'parquet'],
];

function formatOf(path: string): FileFormat {
  const found = FORMATS.find(([suffix]) => suffix.test(path));
  if (found) return found[1];
  throw new EdgeloomError({
    code: 'unknown-file-format',
    what: 'A file of the log has a name that says no known format',
    where: path,
    fix: 'name it *.ndjson, *.ndjson.gz, *.ndjson.zst or *.parquet, or move it out of the folder',
  });
}

async function readDescription(logsDir: string): Promise<DatasetDescription> {
  const path = join(logsDir, 'dataset.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'logs-not-found',
        what: 'The folder has no dataset.json, so it is not a log folder',
        where: logsDir,
        fix: 'write dataset.json beside events/ (docs/guide/your-own-logs.md), or import or simulate logs',
      },
      { cause: error },
    );
  }
  try {
    return datasetDescription.parse(JSON.parse(text));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-dataset-description',
        what: `dataset.json does not fit: ${(error as Error).message}`,
        where: path,
        fix: 'see data/contracts/dataset.ts for its fields',
      },
      { cause: error },
    );
  }
}

// Markers of other tools and of file managers: `_SUCCESS`, `.DS_Store`.
const isHidden = (path: string): boolean => path.split('/').some((part) => /^[._]/.test(part));

/**
 * @throws EdgeloomError `logs-not-found`, `bad-dataset-description`, `unknown-file-format`,
 *   `unknown-table`, or `no-events` when `events/` holds no file
 */
export async function openLogFolder(logsDir: string): Promise<LogFolder> {
  const dataset = await readDescription(logsDir);
  const folder: LogFolder = { dataset, events: [], tables: { items: [], users: [], history: [] } };
  for (const path of await listFiles(logsDir)) {
    const [top = '', ...rest] = path.split('/');
    if (isHidden(path) || (top !== 'events' && top !== 'tables') || rest.length === 0) continue;
    const format = formatOf(path);
    const { size: bytes } = await stat(join(logsDir, path));
    if (top === 'events') {
      folder.events.push({ path, format, bytes });
      continue;
    }
    const table = TABLE_NAMES.find((name) => rest[0] === name || rest[0]!.startsWith(`${name}.`));
    if (!table) {
      throw new EdgeloomError({
        code: 'unknown-table',
        what: 'A file under tables/ belongs to no table',
        where: path,
        fix: `the tables are ${TABLE_NAMES.join(', ')}: tables/items.ndjson, tables/items/part-0.parquet, …`,
      });
    }
    folder.tables[table].push({ path, format, bytes });
  }
  if (folder.events.length === 0) {
    throw new EdgeloomError({
      code: 'no-events',
      what: 'The log folder has no event files',
      where: join(logsDir, 'events'),
      fix: 'put *.ndjson, *.ndjson.gz, *.ndjson.zst or *.parquet files there',
    });
  }
  return folder;
}
