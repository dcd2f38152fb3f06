import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cohortOptions, readCohortDays } from '../../lib/cohorts.ts';
import { type FixtureEvent, NOON, writeLake } from '../stitch/lake-fixture.ts';
import { readSamples, type SampleRow } from '../stitch/samples-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { buildFeatures, type FeaturesSummary } from './build-features.ts';
import { naiveEdges, naiveStatistics, rounded, type UserDay } from './naive-statistics-fixture.ts';
import { STATISTICS } from './user-statistics.ts';

const USERS = 24;
const DAYS = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05'];
const DAY_MS = 86_400_000;
const COHORTS = cohortOptions.parse({ quantiles: 2, minUsers: 10, minExposures: 4 });

let folder: string;
let summary: FeaturesSummary;
let days: UserDay[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cohort-samples-'));
  await writeLake(join(folder, 'lake'), { events: week() });
  await stitch({ lakeDir: join(folder, 'lake'), outDir: join(folder, 'samples') });
  summary = await buildFeatures({
    ...{ samplesDir: join(folder, 'samples'), outDir: join(folder, 'tensors') },
    ...{ trainDates: DAYS.slice(0, 2), dates: DAYS },
    config: { cohorts: COHORTS },
  });
  days = (await readSamples(join(folder, 'samples'), 'user_days.parquet')).map(
    (row) => ({ ...row, date: dateOf(row.date) }) as unknown as UserDay,
  );
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** User u clicks u of 24 exposures on average, more on some days; one in five stays away for a day. */
function week(): FixtureEvent[] {
  const events: FixtureEvent[] = [];
  for (let u = 0; u < USERS; u++) {
    for (const [d] of DAYS.entries()) {
      if ((u + d) % 5 === 0) continue;
      const at = NOON + d * DAY_MS + u * 1000;
      const of = { user: `u${String(u).padStart(2, '0')}`, request_id: `r${u}-${d}` };
      const items = ['i0', 'i1', 'i2', 'i3'];
      events.push({
        type: 'request',
        ...of,
        ts: at,
        candidates: items.map((item_id) => ({ item_id })),
      });
      for (const [i, item_id] of items.entries()) {
        const started = at + 10 + i * 20;
        events.push({ type: 'exposure', ...of, item_id, started, ended: started + 5 });
        if ((u * 7 + d * 5 + i * 11) % 24 < u) {
          events.push({
            type: 'page_view',
            ...of,
            item_id,
            started: started + 6,
            ended: started + 9,
          });
        }
      }
    }
  }
  return events;
}

const dateOf = (value: unknown): string => (value as Date).toISOString().slice(0, 10);

/** Rows of all buckets; order is of no matter here. */
const rowsOf = async (path: string): Promise<Map<string, SampleRow>> =>
  new Map((await readSamples(folder, path)).map((row) => [row.sample_id as string, row]));

it('has a row for every rerank row, with all of its columns as they are', async () => {
  const rerank = await rowsOf('samples/rerank');
  const cohort = await rowsOf('tensors/cohort');
  expect(rerank.size).toBeGreaterThan(60);
  expect([...cohort.keys()].sort()).toEqual([...rerank.keys()].sort());
  for (const [id, row] of rerank) expect(cohort.get(id)).toMatchObject(row);
  const written = Object.values(summary.cohort).reduce((sum, n) => sum + n, 0);
  expect(written).toBe(rerank.size);
});

it('says of the user what a naive restatement finds in the days before the row', async () => {
  const named = ['cohort', 'clicks', 'exposures', ...STATISTICS];
  const options = { stabilityDays: 7, cohorts: COHORTS };
  const seen = new Set<unknown>();
  for (const row of (await rowsOf('tensors/cohort')).values()) {
    const date = dateOf(row.date);
    const before = days.filter((day) => day.date < date);
    const expected = naiveStatistics(before, row.user_key as string, date, options);
    const pick = (of: object) =>
      rounded(Object.fromEntries(named.map((n) => [n, (of as SampleRow)[n] ?? null])));
    expect(pick(row)).toEqual(pick(expected ?? {}));
    seen.add(row.cohort);
  }
  // Nobody has a cohort on the first day.
  expect([...seen].sort()).toEqual([0, 1, null]);
});

it('writes the cohorts of every date, none of fewer users than the minimum', async () => {
  const told = await readCohortDays(join(folder, 'tensors'));
  expect(told).toMatchObject({ minUsers: 10, minExposures: 4, quantiles: 2 });
  expect(Object.keys(told.days)).toEqual(DAYS);
  // Nothing was known before the first day.
  expect(told.days[DAYS[0]!]).toEqual([]);
  for (const date of DAYS.slice(1)) {
    const cohorts = told.days[date]!;
    expect(cohorts.slice(1).map(({ low }) => low)).toEqual(naiveEdges(days, date, COHORTS));
    for (const { users } of cohorts) expect(users).toBeGreaterThanOrEqual(10);
  }
});

it('refuses a minimum under which a user could be told from the others', async () => {
  const small = buildFeatures({
    ...{ samplesDir: join(folder, 'samples'), outDir: join(folder, 'none') },
    ...{ trainDates: DAYS.slice(0, 2), dates: DAYS },
    config: { cohorts: { minUsers: 1 } },
  });
  await expect(small).rejects.toThrow('minUsers');
});

it('is counted in the summary beside the other kinds', async () => {
  const file = JSON.parse(await readFile(join(folder, 'tensors', 'summary.json'), 'utf8'));
  expect(Object.keys(file.cohort)).toEqual(DAYS);
});
