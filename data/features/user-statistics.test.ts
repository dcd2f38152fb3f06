import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { DuckDb, sqlText } from '../duckdb.ts';
import { type FixtureEvent, NOON, writeLake } from '../stitch/lake-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { naiveStatistics, rounded, type UserDay } from './naive-statistics-fixture.ts';
import { openSamples } from './open-samples.ts';
import {
  makeUserStatistics,
  STATISTICS,
  type StatisticsOptions,
  statisticsOfUser,
  type UserStatisticsRow,
  userStatisticsOf,
  writeUserStatistics,
} from './user-statistics.ts';

const D = '2026-03-11';
let folder: string;
let db: DuckDb;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'user-statistics-'));
  db = await DuckDb.open({ tempDir: join(folder, 'spill') });
});
afterAll(async () => {
  db.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() =>
  db.run(
    'create or replace table user_day (user_key varchar, date date, clicks integer, exposures integer, page_views integer)',
  ),
);

type Counts = [clicks: number, exposures: number, pageViews: number];

/** What the cloud heard of a user on a day, `ago` days before D; negative: after it. */
const heard = (user: string, ago: number, [clicks, exposures, pageViews]: Counts): Promise<void> =>
  db.run(
    'insert into user_day values ($user, $d::date - $ago::integer, $clicks, $exposures, $pageViews)',
    { ...{ user, d: D, ago }, ...{ clicks, exposures, pageViews } },
  );

/** Five cohorts by hand, even empty ones; settings would refuse them. */
const OPTIONS: StatisticsOptions = {
  stabilityDays: 7,
  cohorts: { edges: [0.15, 0.2, 0.25, 0.4], quantiles: 4, minUsers: 0, minExposures: 1 },
};

const of = async (user: string, stabilityDays = 7): Promise<UserStatisticsRow> =>
  (await statisticsOfUser(db, user, D, { ...OPTIONS, stabilityDays }))!;

/** Rates 0.1, 0.3, 0.2 on days 0, 2, 4 of the window; a day without exposures but with page views between. */
async function byHand(): Promise<void> {
  await heard('a', 7, [1, 10, 2]);
  await heard('a', 5, [3, 10, 4]);
  await heard('a', 4, [0, 0, 6]);
  await heard('a', 3, [2, 10, 8]);
  // Others, so that every cohort has a user.
  await heard('z', 30, [1, 10, 0]);
  await heard('b', 30, [3, 20, 0]);
  await heard('c', 30, [5, 20, 0]);
  await heard('d', 30, [4, 10, 0]);
}

it('measures level, spread, trend and changes of cohort by hand', async () => {
  await byHand();
  const row = await of('a');
  expect(row).toMatchObject({ user_key: 'a', date: D, clicks: 6, exposures: 30 });
  expect(row.click_rate_mean).toBeCloseTo(0.2, 12);
  expect(row.click_rate_variance).toBeCloseTo(0.02 / 3, 12);
  // x − 2 = −2, 0, 2; y − 0.2 = −0.1, 0.1, 0: covariance sum 0.2, spread sum 8.
  expect(row.click_rate_trend).toBeCloseTo(0.025, 12);
  expect(row.page_views_mean).toBe(5);
  expect(row.page_views_variance).toBe(5);
  // x of 0, 2, 3, 4 less 2.25: spread sum 8.75; with y − 5 = −3, −1, 1, 3: covariance sum 13.
  expect(row.page_views_trend).toBeCloseTo(13 / 8.75, 12);
  expect(row.active_days).toBeCloseTo(4 / 7, 12);
  // Rates of users: 0.1 (z), 0.15 (b), 0.2 (a), 0.25 (c), 0.4 (d). Cohorts of 0.1, 0.3, 0.2: 0, 3, 2.
  expect(row.cohort_changes).toBe(1);
  const cohorts: (number | null)[] = [];
  for (const user of ['z', 'b', 'a', 'c', 'd']) cohorts.push((await of(user)).cohort);
  expect(cohorts).toEqual([0, 1, 2, 3, 4]);
});

it('says null where days are too few, and no cohort where nothing was shown', async () => {
  await heard('old', 8, [1, 5, 3]);
  await heard('one', 1, [1, 2, 3]);
  await heard('blind', 1, [0, 0, 1]);
  await heard('blind', 3, [0, 0, 2]);
  const nulls = Object.fromEntries(STATISTICS.map((name) => [name, null]));
  expect(await of('old')).toMatchObject({ ...nulls, active_days: 0, clicks: 1, cohort: 2 });
  expect(await of('one')).toMatchObject({
    ...{ ...nulls, click_rate_mean: 0.5, page_views_mean: 3, active_days: 1 / 7, cohort: 4 },
  });
  // Two days of page views, none with an exposure.
  expect(await of('blind')).toMatchObject({
    ...{ ...nulls, cohort: null, page_views_mean: 1.5, page_views_variance: 0.25 },
    ...{ page_views_trend: -0.5, active_days: 2 / 7 },
  });
  expect(await statisticsOfUser(db, 'nobody', D, OPTIONS)).toBeUndefined();
});

it('says that one who is the same every day is steady: 0, not null', async () => {
  for (const ago of [2, 1]) await heard('same', ago, [1, 4, 2]);
  expect(await of('same')).toMatchObject({
    ...{ click_rate_variance: 0, click_rate_trend: 0, page_views_variance: 0, page_views_trend: 0 },
    cohort_changes: 0,
  });
});

it('knows no cohort and no change of one on a date that has none', async () => {
  await byHand();
  const cohorts = { ...OPTIONS.cohorts, minUsers: 6 };
  const row = await statisticsOfUser(db, 'a', D, { ...OPTIONS, cohorts });
  expect(row).toMatchObject({ cohort: null, cohort_changes: null, clicks: 6 });
  expect(row!.click_rate_trend).toBeCloseTo(0.025, 12);
});

it('is what a naive restatement finds, of any days, users and settings', async () => {
  const day = fc.record({
    user: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    ago: fc.integer({ min: -1, max: 12 }),
    exposures: fc.nat(6),
    clicks: fc.nat(6),
    page_views: fc.nat(4),
  });
  const settings = fc.record({
    quantiles: fc.integer({ min: 1, max: 5 }),
    minUsers: fc.integer({ min: 1, max: 4 }),
    minExposures: fc.integer({ min: 1, max: 6 }),
  });
  const once = ({ user, ago }: { user: string; ago: number }): string => `${user} ${ago}`;
  const days = fc.uniqueArray(day, { selector: once, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(days, settings, async (rows, cohorts) => {
      await db.run('delete from user_day');
      const known: UserDay[] = [];
      for (const { user, ago, exposures, clicks, page_views } of rows) {
        const counts: Counts = [Math.min(clicks, exposures), exposures, page_views];
        await heard(user, ago, counts);
        const date = new Date(Date.parse(D) - ago * 86_400_000).toISOString().slice(0, 10);
        known.push({ user_key: user, date, exposures, clicks: counts[0], page_views });
      }
      const options = { stabilityDays: 7, cohorts };
      await makeUserStatistics(db, [D], options);
      const made = await db.rows<UserStatisticsRow>(
        'select * replace (date::varchar as date) from user_statistics order by user_key',
      );
      const users = [...new Set(known.map(({ user_key }) => user_key))].sort();
      const expected = users.flatMap((user) => naiveStatistics(known, user, D, options) ?? []);
      expect(made.map(rounded)).toEqual(expected.map(rounded));
    }),
    { numRuns: 60 },
  );
});

it('ignores the day itself and whatever comes after, of any user', async () => {
  await byHand();
  const all = async () => {
    const rows: (UserStatisticsRow | undefined)[] = [];
    for (const user of ['a', 'b', 'c', 'd', 'z'])
      rows.push(await statisticsOfUser(db, user, D, OPTIONS));
    return rows;
  };
  const before = await all();
  const later = fc.tuple(
    fc.constantFrom('a', 'b', 'new'),
    fc.integer({ min: -3, max: 0 }),
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 9, max: 99 }), fc.nat(20)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(later, { maxLength: 5 }), async (events) => {
      for (const [user, ago, counts] of events) await heard(user, ago, counts);
      expect(await all()).toEqual(before);
      expect(await statisticsOfUser(db, 'new', D, OPTIONS)).toBeUndefined();
    }),
    { numRuns: 10 },
  );
});

it('counts a day seven days ago and not one eight days ago', async () => {
  await heard('a', 7, [1, 10, 2]);
  const seven = await of('a');
  expect(seven).toMatchObject({ click_rate_mean: 0.1, page_views_mean: 2 });
  await heard('a', 8, [9, 10, 99]);
  expect(await of('a')).toMatchObject({ click_rate_mean: 0.1, page_views_mean: 2, exposures: 20 });
});

it('reads of a samples folder only what the cloud had received before the date, and writes it by date', async () => {
  const day = (n: number): FixtureEvent[] => {
    const at = NOON + n * 86_400_000;
    const common = { request_id: `r${n}`, item_id: 'i' };
    return [
      { type: 'request', ts: at, request_id: `r${n}`, candidates: [{ item_id: 'i' }] },
      { type: 'exposure', ...common, started: at + 1, ended: at + 2 },
      { type: 'page_view', ...common, started: at + 2, ended: at + 3 },
    ];
  };
  // Seen on the first day, but heard of on the third: not known before it.
  const late = NOON + 2 * 86_400_000;
  const offline: FixtureEvent = {
    ...{ type: 'exposure', request_id: 'r0', item_id: 'i', received_ts: late },
    ...{ started: NOON + 5, ended: NOON + 6 },
  };
  const [lakeDir, samplesDir] = [join(folder, 'lake'), join(folder, 'samples')];
  await writeLake(lakeDir, { events: [...[0, 1, 2].flatMap(day), offline] });
  await stitch({ lakeDir, outDir: samplesDir });
  await db.run('drop table user_day');
  await openSamples(db, samplesDir, [], []);
  await makeUserStatistics(db, ['2026-03-04'], { ...OPTIONS, stabilityDays: 1 });
  const { clicks, exposures, cohort, stats } = await userStatisticsOf(db, 1);
  // All of two exposures were clicked: the last of the five cohorts.
  expect([...cohort]).toEqual([4]);
  expect([...clicks, ...exposures]).toEqual([2, 2]);
  // The window of one day holds the second day only.
  const named = Object.fromEntries(STATISTICS.map((name, i) => [name, stats[i]]));
  expect(named).toMatchObject({ page_views_mean: 1, page_views_trend: Number.NaN, active_days: 1 });

  const dates = ['2026-03-03', '2026-03-04', '2026-03-05'];
  await makeUserStatistics(db, dates, OPTIONS);
  await writeUserStatistics(db, folder);
  const rows = await db.rows<UserStatisticsRow>(
    `select * replace (date::varchar as date) from read_parquet(${sqlText(join(folder, 'user_statistics.parquet'))})`,
  );
  expect(rows.map((row) => [row.date, row.user_key, row.exposures, row.clicks])).toEqual([
    ['2026-03-03', 'a', 1, 1],
    ['2026-03-04', 'a', 2, 2],
    ['2026-03-05', 'a', 4, 3],
  ]);
  await db.run('drop view user_day');
});
