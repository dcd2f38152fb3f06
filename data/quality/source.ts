/** The lake and the samples as tables of one DuckDB, cut to the days that a check looks at. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { EVENT_COLUMNS, TABLE_COLUMNS, TABLE_NAMES } from '../contracts/columns.ts';
import { EVENT_TYPES } from '../contracts/device-log.ts';
import { type DuckDb, type SqlParameters, textList } from '../duckdb.ts';
import { openLake } from '../stitch/lake.ts';
import { USER_DAY_COLUMNS, viewSql } from '../stitch/lake-schema.ts';
import { DECISION_COLUMNS, RERANK_COLUMNS } from '../stitch/sample-schema.ts';
import { type Capped, readCapped } from './capped.ts';
import type { TableName } from './expectation.ts';
import { EXPECTATIONS } from './expectations.ts';

const DAY_MS = 86_400_000;

/** `days` after (before, when negative) a date. */
export const shiftDate = (date: string, days: number): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

export interface Source {
  db: DuckDb;
  /** The day whose models shall be made. */
  day: string;
  /** Days that go into the models, oldest first; the last is `day`. */
  window: string[];
  /** Days before `day` that it is compared with, oldest first; may be empty. */
  reference: string[];
  offsetMs: number;
  /** Rows that ingest stored by day, of its `account.json`; undefined for a lake that has none. */
  byDate: Record<string, number> | undefined;
  /** What stitching left out of the samples. */
  capped: Capped;
}

export interface SourceOptions {
  lakeDir: string;
  samplesDir: string;
  /** @default the last day of the dataset */
  day?: string | undefined;
  /** @default the week that ends with `day` */
  window?: readonly string[] | undefined;
  referenceDays: number;
}

const asTypes = (columns: readonly { name: string; type: string }[]): Record<string, string> =>
  Object.fromEntries(columns.map(({ name, type }) => [name, type]));

export const tableName = (table: TableName): string => `"${table}"`;

/** Words that any check may ask a table for, beside those of its declaration. */
const COMMON = ['user_key', 'date', 'ts', 'arm', 'propensity', 'slate_id'];

/**
 * Reads one table into memory, or to DuckDB's spill folder: the columns that its expectations name, and
 * those worked out of lists. Users become numbers: nothing behind this can say who they are.
 */
async function load(
  db: DuckDb,
  table: TableName,
  columns: Readonly<Record<string, string>>,
  files: readonly string[],
): Promise<void> {
  const declared = EXPECTATIONS.find((one) => one.table === table)!;
  const { derived = {}, grain, rowKey, expectations, drift } = declared;
  const words = new Set(
    JSON.stringify([grain, rowKey, expectations, drift])
      .split(/[^A-Za-z0-9_]+/)
      .concat(COMMON),
  );
  const kept = Object.entries(columns).filter(
    ([name, type]) => words.has(name) && !type.endsWith('[]') && !(name in derived),
  );
  const select = [
    ...kept.map(([name]) =>
      name === 'user_key' ? 'if(user_key is null, null, hash(user_key)) as user_key' : `"${name}"`,
    ),
    ...Object.entries(derived).map(([name, sql]) => `${sql} as "${name}"`),
  ];
  await db.run(viewSql('file', columns, files));
  await db.createTable(table, `select ${select.join(', ')} from file`);
}

async function storedByDate(lakeDir: string): Promise<Source['byDate']> {
  try {
    const text = await readFile(join(lakeDir, 'account.json'), 'utf8');
    return (JSON.parse(text) as { byDate: Record<string, number> }).byDate;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Reads every table.
 * @throws EdgeloomError `not-a-lake`, `not-samples`, `no-such-day`
 */
export async function openSource(db: DuckDb, options: SourceOptions): Promise<Source> {
  const { lakeDir, samplesDir } = options;
  const lake = await openLake(lakeDir);
  const samples = (await listFiles(samplesDir)).filter((path) => path.endsWith('.parquet'));
  if (!samples.includes('user_days.parquet')) {
    throw new EdgeloomError({
      code: 'not-samples',
      what: 'The folder holds no samples',
      where: samplesDir,
      fix: 'run the stitch stage and give its output folder',
    });
  }
  const { first_date, last_date, utc_offset_minutes } = lake.dataset;
  const days = [...new Set(lake.files.map(({ date }) => date))]
    .filter((date) => date >= first_date && date <= last_date)
    .sort();
  const day = options.day ?? options.window?.at(-1) ?? days.at(-1) ?? last_date;
  if (!days.includes(day)) {
    throw new EdgeloomError({
      code: 'no-such-day',
      what: `The lake has no events of ${day}`,
      where: lakeDir,
      fix: `it has ${days[0] ?? 'none'} … ${days.at(-1) ?? ''}: choose one of these, or bring the missing logs`,
    });
  }
  const weekBefore = shiftDate(day, -6);
  const window = [...(options.window ?? days.filter((d) => d >= weekBefore && d <= day))].sort();
  const reference = days.filter(
    (date) => date < day && date >= shiftDate(day, -options.referenceDays),
  );
  const judged = new Set([...window, ...reference]);
  const first = [...judged].sort()[0]!;
  // A row just behind midnight refers to the day before, and late ones to the day after.
  const near = (date: string): boolean => date >= shiftDate(first, -2) && date <= shiftDate(day, 1);

  for (const type of EVENT_TYPES) {
    const files = lake.files.filter((file) => file.type === type && near(file.date));
    const columns = { ...asTypes(EVENT_COLUMNS[type]), date: 'DATE' };
    await load(
      db,
      type,
      columns,
      files.map(({ path }) => path),
    );
  }
  for (const table of TABLE_NAMES) {
    await load(db, `tables.${table}`, asTypes(TABLE_COLUMNS[table]), lake.table(table));
  }
  const parts = (kind: string): string[] =>
    samples
      .filter((path) => judged.has(new RegExp(`^${kind}/date=([-0-9]+)/`).exec(path)?.[1] ?? ''))
      .map((path) => join(samplesDir, path));
  await load(db, 'samples.rerank', RERANK_COLUMNS, parts('rerank'));
  await load(db, 'samples.decisions', DECISION_COLUMNS, parts('decisions'));
  const userDays = [join(samplesDir, 'user_days.parquet')];
  await load(db, 'samples.user_days', USER_DAY_COLUMNS, userDays);
  return {
    db,
    day,
    window,
    reference,
    offsetMs: utc_offset_minutes * 60_000,
    byDate: await storedByDate(lakeDir),
    capped: await readCapped(samplesDir),
  };
}

/** `date in (window)` and the like; `$window`, `$reference`, `$day` are bound by `dateParameters`. */
export const IN_WINDOW = `"date" in (select unnest($window::date[]))`;
export const IN_REFERENCE = `"date" in (select unnest($reference::date[]))`;
export const ON_DAY = `"date" = $day::date`;

/** The parameters that a statement names, of those that every statement may. */
export function dateParameters(
  sql: string,
  { day, window, reference, offsetMs }: Source,
): SqlParameters {
  const all: SqlParameters = {
    day,
    window: textList(window),
    reference: textList(reference),
    offsetMs,
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => sql.includes(`$${name}`)));
}
