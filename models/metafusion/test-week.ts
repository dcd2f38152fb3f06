/** For tests: a small tensors folder of five days with user statistics, and the steps over it. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cohort, type CohortDays, cohortsPath, FEWEST_USERS } from '../../lib/cohorts.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { Random } from '../../lib/random.ts';
import { writeSafetensors } from '../../lib/safetensors.ts';
import { TEST_DATES, writeTestTensors } from '../engine/test-tensors.ts';
import type { FinishInput } from './finish.ts';
import { ALL_USERS, planCohorts, trainMeta, tuneCohorts } from './run.ts';

export const WEEK = [...TEST_DATES, '2026-01-04', '2026-01-05'];
export const STATISTICS = ['click_rate_variance', 'active_days'];
/** Users of a test day; each has three slates. */
export const usersOf = (rowsPerDate: number): number => Math.ceil(rowsPerDate / 3);

/**
 * Writes five days; user u has click rate (u + 1) / (users + 1) before every day. The lower half of the
 * users is one cohort, the upper half another.
 * @param cohorted false: a week whose users are too few for a cohort
 */
export async function writeTestWeek(
  folder: string,
  rowsPerDate: number,
  cohorted = true,
): Promise<void> {
  await writeTestTensors(folder, rowsPerDate, 1);
  const more = join(folder, 'more');
  await writeTestTensors(more, rowsPerDate, 2);
  for (const [i, date] of WEEK.slice(3).entries()) {
    const from = join(more, 'rerank', `${TEST_DATES[i]}.safetensors`);
    await rename(from, join(folder, 'rerank', `${date}.safetensors`));
  }
  await rm(more, { recursive: true });
  const users = usersOf(rowsPerDate);
  await writeTestCohorts(folder, cohorted ? users : 0);
  for (const date of WEEK) {
    const random = Random.of(3, 'stats', date);
    const column = (make: (u: number) => number) =>
      Float32Array.from({ length: users }, (_, u) => make(u));
    await writeSafetensors(
      join(folder, 'user_stats', `${date}.safetensors`),
      {
        user: { shape: [users], data: Int32Array.from({ length: users }, (_, u) => u) },
        clicks: { shape: [users], data: column((u) => (100 * (u + 1)) / (users + 1)) },
        exposures: { shape: [users], data: column(() => 100) },
        cohort: {
          shape: [users],
          data: Int32Array.from({ length: users }, (_, u) =>
            cohorted ? Number(u >= users / 2) : -1,
          ),
        },
        stats: {
          shape: [users, STATISTICS.length],
          data: Float32Array.from({ length: users * STATISTICS.length }, () => random.normal()),
        },
      },
      { names: JSON.stringify(STATISTICS) },
    );
  }
}

/** Halves of the users on every day; none of no users. */
async function writeTestCohorts(folder: string, users: number): Promise<void> {
  const halves: Cohort[] = [
    { name: 'cohort-0', low: 0, high: 0.5, users: users / 2 },
    { name: 'cohort-1', low: 0.5, high: 1, users: users / 2 },
  ];
  const told: CohortDays = {
    ...{ quantiles: 2, minUsers: FEWEST_USERS, minExposures: 30 },
    days: Object.fromEntries(WEEK.map((date) => [date, users > 0 ? halves : []])),
  };
  await writeFileAtomic(cohortsPath(folder), JSON.stringify(told));
}

/** Every step but the last over {@link writeTestWeek}'s folder. */
export async function tuneTestWeek(tensorsDir: string, outDir: string): Promise<FinishInput> {
  const metaDir = join(outDir, 'meta');
  const cohortsDir = join(outDir, 'cohorts');
  await trainMeta({
    tensorsDir,
    trainDates: WEEK.slice(0, 1),
    validDate: WEEK[1]!,
    config: { hidden: 6, attention: 5, mlp: [7], widths: { item: 4, category: 3 } },
    params: { epochs: 2, batchSize: 32, learningRate: 0.01 },
    stateDir: join(outDir, 'state'),
    outDir: metaDir,
  });
  const plan = await planCohorts({ tensorsDir, T: WEEK[2]!, outDir: cohortsDir });
  const names = [...plan.cohorts.map((c) => c.name), ALL_USERS];
  const deltas = join(outDir, 'delta');
  const params = { epochs: 2, batchSize: 16, learningRate: 0.01 };
  await tuneCohorts({ tensorsDir, metaDir, cohortsDir, cohorts: names, params, outDir: deltas });
  const deltaDirs = Object.fromEntries(names.map((name) => [name, join(deltas, name)]));
  return {
    tensorsDir,
    metaDir,
    cohortsDir,
    deltaDirs,
    T1: WEEK[3]!,
    T2: WEEK[4]!,
    gate: { epochs: 2, usersPerEpoch: 20 },
    replicates: 30,
    seed: 1,
    outDir: join(outDir, 'final'),
  };
}
