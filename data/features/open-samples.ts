/** The samples folder as relations of one DuckDB, with ids as enum types. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { type DuckDb, sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { TABLE_COLUMNS, USER_DAY_COLUMNS, viewSql } from '../stitch/lake-schema.ts';
import { DECISION_COLUMNS, RERANK_COLUMNS, VIDEO_COLUMNS } from '../stitch/sample-schema.ts';

const size = z.int().min(1);
const samplesSummary = z.looseObject({
  utcOffsetMinutes: z.int(),
  lengths: z.object({
    candidates: size,
    exposures: size,
    pageViews: size,
    carts: size,
    orders: size,
    since: size,
    sessionClicks: size,
    clicks: size,
    watched: size,
    ordered: size,
    unexposed: size,
  }),
});
export type SamplesSummary = z.infer<typeof samplesSummary>;

/** A samples folder: its summary and files. */
export interface Samples extends SamplesSummary {
  dir: string;
  /** Paths in the folder. */
  files: readonly string[];
}

export const featuresSql = (name: string): Promise<string> =>
  readFile(new URL(`../sql/features/${name}.sql`, import.meta.url), 'utf8');

/**
 * What a samples folder holds, by its summary and the names of its files.
 * @throws EdgeloomError `not-samples`
 */
export async function listSamples(samplesDir: string): Promise<Samples> {
  let summary: SamplesSummary;
  let files: string[];
  try {
    files = await listFiles(samplesDir);
    summary = samplesSummary.parse(
      JSON.parse(await readFile(join(samplesDir, 'summary.json'), 'utf8')),
    );
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'not-samples',
        what: `The folder holds no samples: ${(error as Error).message}`,
        where: samplesDir,
        fix: 'run the stitch stage and give its output folder',
      },
      { cause: error },
    );
  }
  return { ...summary, dir: samplesDir, files };
}

/**
 * Defines views `rerank`, `decision`, `video` (samples of `dates`), the same with `train_` before (of
 * `trainDates`), `items`, `user_day`, and the types `item_code`, `user_code`: every item and user of
 * the samples, sorted, as enumerations.
 * @throws EdgeloomError `not-samples`
 */
export async function openSamples(
  db: DuckDb,
  samplesDir: string,
  dates: readonly string[],
  trainDates: readonly string[],
): Promise<Samples> {
  const samples = await listSamples(samplesDir);
  await db.run(viewSql('train_rerank', RERANK_COLUMNS, filesOf(samples, 'rerank', trainDates)));
  await db.run(
    viewSql('train_decision', DECISION_COLUMNS, filesOf(samples, 'decisions', trainDates)),
  );
  await db.run(viewSql('train_video', VIDEO_COLUMNS, filesOf(samples, 'video', trainDates)));
  await db.run(viewSql('items', TABLE_COLUMNS.items, [join(samplesDir, 'items.parquet')]));
  await makeEnum(db, 'item_code', 'item_id', 'items');
  await makeEnum(db, 'user_code', 'user_key', `read_parquet(${fileLiteral(userDays(samples))})`);
  await viewDates(db, samples, dates);
  return samples;
}

/** Defines on a connection what encoding reads: macros, `user_day`, and `rerank`, `decision`, `video` of `dates`. */
export async function viewDates(
  db: DuckDb,
  samples: Samples,
  dates: readonly string[],
): Promise<void> {
  await db.run(viewSql('rerank', RERANK_COLUMNS, filesOf(samples, 'rerank', dates)));
  await db.run(viewSql('decision', DECISION_COLUMNS, filesOf(samples, 'decisions', dates)));
  await db.run(viewSql('video', VIDEO_COLUMNS, filesOf(samples, 'video', dates)));
  await db.run(viewSql('user_day', USER_DAY_COLUMNS, [userDays(samples)]));
  await db.run(await featuresSql('macros'));
  await db.run(await featuresSql('compiled'));
}

const userDays = ({ dir }: Samples): string => join(dir, 'user_days.parquet');

const filesOf = ({ dir, files }: Samples, kind: string, dates: readonly string[]): string[] =>
  files
    .filter((path) => dates.some((date) => path.startsWith(`${kind}/date=${date}/`)))
    .map((path) => join(dir, path));

/** A type with every distinct text of a column, in sorted order. */
async function makeEnum(db: DuckDb, type: string, column: string, table: string): Promise<void> {
  const { n } = await db.row<{ n: number }>(`select count(*) as n from ${table}`);
  // An enumeration cannot be empty; this one never matches.
  const texts =
    n > 0 ? `select distinct ${column} from ${table} order by 1` : `select ${sqlText('')}`;
  await db.run(`create type ${type} as enum (${texts})`);
}
