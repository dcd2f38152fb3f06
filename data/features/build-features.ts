/**
 * Samples become tensors: fit on the training dates, encode every date.
 *
 *   tensors/features.json                  FeatureSpec
 *   tensors/vocabulary.json                texts of the id tables by row − 1
 *   tensors/items.safetensors              attributes of each item row at the end of training
 *   tensors/rerank/<date>.safetensors      tensors/decisions/<date>.safetensors
 *   tensors/declared/<kind>/<date>.safetensors   declared features, in the rows of the files above, and of swipes
 *   tensors/cohorts.json                   the cohorts of every date, and the rule that made them
 *   tensors/user_stats/<date>.safetensors  what was known of each user before the date, with the cohort
 *   tensors/user_statistics.parquet        the same of all dates by user_key
 *   tensors/cohort/date=<date>/…           cohort samples: rerank rows with what was known of their user
 *   tensors/summary.json                   FeaturesSummary
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLE_KINDS } from '../../device/features/spec.ts';
import { type Cohort, type CohortDays, cohortsPath } from '../../lib/cohorts.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic, writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { writeSafetensors } from '../../lib/safetensors.ts';
import { DuckDb } from '../duckdb.ts';
import { inLanes } from '../lanes.ts';
import { refuseUsedFolder } from '../output-folder.ts';
import { writeCohortSamples } from './cohort-samples.ts';
import { type FeaturesSettings, parseFeaturesConfig } from './config.ts';
import { countDays, type DayRows } from './day-rows.ts';
import { encodeDeclared } from './declared/encode.ts';
import { encodeDecisions } from './encode-decisions.ts';
import { encodeRerank, type RerankAccount } from './encode-rerank.ts';
import { ENCODED_ROWS } from './encoded-rows.ts';
import { type FittedFeatures, fitFeatures } from './fit.ts';
import { openSamples, type Samples, viewDates } from './open-samples.ts';
import { vocabularyText } from './statistics-hash.ts';
import {
  makeUserStatistics,
  STATISTICS,
  type StatisticsOptions,
  userStatisticsOf,
  writeUserStatistics,
} from './user-statistics.ts';

export interface BuildFeaturesOptions extends RunOptions {
  /** Folder that stitch made. */
  samplesDir: string;
  /** Folder to make: absent or empty before. */
  outDir: string;
  /** Dates that every statistic is fitted on. */
  trainDates: readonly string[];
  /** Dates to encode; training dates are to be named again. */
  dates: readonly string[];
  config?: FeaturesSettings;
  /** DuckDB's memory limit. @default 1000 */
  memoryLimitMb?: number;
  /** Threads of fitting, and dates that are encoded at a time. @default 2 */
  threads?: number;
}

export interface FeaturesSummary {
  trainDates: string[];
  dates: string[];
  users: number;
  /** Rows of the item table, the unknown one included. */
  items: number;
  /** By date, samples that exposed something. */
  rerank: Record<string, RerankAccount>;
  /** By date; empty when the log has no decisions with arm and propensity. */
  decisions: Record<string, number>;
  /** Cohort samples by date. */
  cohort: Record<string, number>;
  /** Rerank samples of all dates together. */
  rows: number;
  absent: { name: string; why: string }[];
}

/**
 * @throws EdgeloomError `not-samples`, `no-training-samples`, `bad-config`, `output-not-empty`
 */
export async function buildFeatures(options: BuildFeaturesOptions): Promise<FeaturesSummary> {
  const config = parseFeaturesConfig(options.config ?? {}, 'the settings of features');
  const dates = [...new Set(options.dates)].sort();
  const trainDates = [...new Set(options.trainDates)].sort();
  if (trainDates.length === 0 || dates.length === 0) {
    throw new EdgeloomError({
      code: 'bad-config',
      what: 'No dates to fit on, or none to encode',
      fix: 'give at least one training date and one date',
    });
  }
  await refuseUsedFolder(options.outDir);
  return createFolderAtomic(options.outDir, async (staging) => {
    const work = join(staging, '.work');
    await mkdir(work);
    const db = await DuckDb.open({ ...options, tempDir: work });
    try {
      const samples = await openSamples(db, options.samplesDir, dates, trainDates);
      const { n } = await db.row<{ n: number }>('select count(*) as n from train_rerank');
      if (n === 0) {
        throw new EdgeloomError({
          code: 'no-training-samples',
          what: `No rerank samples on the training dates ${trainDates.join(', ')}`,
          where: options.samplesDir,
          fix: 'choose dates that summary.json of the samples lists',
        });
      }
      options.onProgress?.({ message: 'fitting features', fraction: 0 });
      const fitted = await fitFeatures(db, samples, trainDates, config);
      await writeFitted(staging, fitted);
      return await encodeDates(db, samples, staging, dates, fitted, config, options);
    } finally {
      db.close();
      await rm(work, { recursive: true, force: true });
    }
  });
}

async function writeFitted(folder: string, fitted: FittedFeatures): Promise<void> {
  const { spec, vocabulary, catalogue, places, trainEnd } = fitted;
  await writeFileAtomic(join(folder, 'features.json'), `${JSON.stringify(spec, null, 2)}\n`);
  await writeFileAtomic(join(folder, 'vocabulary.json'), vocabularyText(vocabulary));
  const column = (of: 'category' | 'brand' | 'creator') => ({
    shape: [places.length + 1],
    data: Int32Array.from([0, ...places.map((place) => catalogue.at(place, trainEnd - 1)[of])]),
  });
  await writeSafetensors(join(folder, 'items.safetensors'), {
    category: column('category'),
    brand: column('brand'),
    creator: column('creator'),
  });
}

async function encodeDates(
  db: DuckDb,
  samples: Samples,
  folder: string,
  dates: readonly string[],
  fitted: FittedFeatures,
  statistics: StatisticsOptions,
  { onProgress, threads = 2 }: BuildFeaturesOptions,
): Promise<FeaturesSummary> {
  const rerank: Record<string, RerankAccount> = {};
  const decisions: Record<string, number> = {};
  const cohort: Record<string, number> = {};
  const cohorts: Record<string, Cohort[]> = {};
  const days = await countDays(db, dates);
  const rows = sumOf(days.map((day) => day.samples));
  const decided = sumOf(days.map((day) => day.decisions));
  const { users } = await db.row<{ users: number }>(
    'select len(enum_range(null::user_code)) as users',
  );
  let done = 0;
  await inLanes(db, threads, days, async (lane, day) => {
    const { date } = day;
    const report = (encoded: number) => {
      done += encoded;
      onProgress?.({ message: `encoding ${date}`, fraction: done / (rows + decided) });
    };
    await viewDates(lane, samples, [date]);
    const pathOf = (kind: string) => join(folder, kind, `${date}.safetensors`);
    rerank[date] = await encodeRerank(lane, date, pathOf('rerank'), fitted, day, report);
    if (decided > 0) {
      await encodeDecisions(lane, date, pathOf('decisions'), fitted, day, report);
      decisions[date] = day.decisions;
    }
    await encodeAllDeclared(lane, day, folder, fitted);
    Object.assign(cohorts, await makeUserStatistics(lane, [date], statistics));
    await writeStatistics(lane, date, pathOf('user_stats'), users);
    cohort[date] = await writeCohortSamples(lane, samples, date, folder);
  });
  await makeUserStatistics(db, dates, statistics, cohorts);
  await writeUserStatistics(db, folder);
  const told: CohortDays = { ...statistics.cohorts, days: inOrder(cohorts, dates) };
  await writeFileAtomic(cohortsPath(folder), `${JSON.stringify(told, null, 2)}\n`);
  const summary: FeaturesSummary = {
    trainDates: fitted.spec.trainDates,
    dates: [...dates],
    users,
    items: fitted.places.length + 1,
    rerank: inOrder(rerank, dates),
    decisions: inOrder(decisions, dates),
    cohort: inOrder(cohort, dates),
    rows,
    absent: fitted.spec.absent,
  };
  await writeFileAtomic(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

/** Declared features of every kind of samples that the date has. */
async function encodeAllDeclared(
  lane: DuckDb,
  { date, samples, decisions, videos }: DayRows,
  folder: string,
  fitted: FittedFeatures,
): Promise<void> {
  const rows = { rerank: samples, decision: decisions, video: videos };
  for (const kind of SAMPLE_KINDS) {
    if (rows[kind] === 0) continue;
    const path = join(folder, 'declared', ENCODED_ROWS[kind].folder, `${date}.safetensors`);
    await encodeDeclared(lane, kind, date, path, fitted, rows[kind]);
  }
}

async function writeStatistics(
  db: DuckDb,
  date: string,
  path: string,
  users: number,
): Promise<void> {
  const { user, clicks, exposures, cohort, stats } = await userStatisticsOf(db, users);
  await writeSafetensors(
    path,
    {
      user: { shape: [users], data: user },
      clicks: { shape: [users], data: clicks },
      exposures: { shape: [users], data: exposures },
      cohort: { shape: [users], data: cohort },
      stats: { shape: [users, STATISTICS.length], data: stats },
    },
    { names: JSON.stringify(STATISTICS), date },
  );
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, n) => sum + n, 0);

/** Dates are encoded side by side; the summary names them in order. */
const inOrder = <T>(byDate: Record<string, T>, dates: readonly string[]): Record<string, T> =>
  Object.fromEntries(dates.filter((date) => date in byDate).map((date) => [date, byDate[date]!]));
