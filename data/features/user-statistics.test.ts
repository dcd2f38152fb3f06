import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { DuckDb, sqlText } from '../duckdb.ts';
import { type FixtureEvent, NOON, writeLake } from '../stitch/lake-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { openSamples } from './open-samples.ts';
import {
  STATISTICS,
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

const of = async (user: string, days = 7): Promise<UserStatisticsRow> =>
  (await statisticsOfUser(db, user, D, days))!;

/** Rates 0.1, 0.3, 0.2 on days 0, 2, 4 of the window; a day without exposures but with page views between. */
async function byHand(): Promise<void> {
  await heard('a', 7, [1, 10, 2]);
  await heard('a', 5, [3, 10, 4]);
  await heard('a', 4, [0, 0, 6]);
  await heard('a', 3, [2, 10, 8]);
  // Others, so that the fifths begin at 0.15, 0.2, 0.25, 0.4 (rates of b, a, c, d; sorted 0.1 first).
  await heard('z', 30, [1, 10, 0]);
  await heard('b', 30, [3, 20, 0]);
  await heard('c', 30, [5, 20, 0]);
  await heard('d', 30, [4, 10, 0]);
}

it('measures level, spread, trend and changes of fifth by hand', async () => {
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
  // Rates of users: 0.1 (z), 0.15 (b), 0.2 (a), 0.25 (c), 0.4 (d). Fifths of 0.1, 0.3, 0.2: 0, 3, 2.
  expect(row.cohort_changes).toBe(1);
  const cohorts = await Promise.all(['z', 'b', 'a', 'c', 'd'].map(async (user) => of(user)));
  expect(cohorts.map(({ cohort }) => cohort)).toEqual([0, 1, 2, 3, 4]);
});

it('says 0 where days are too few, and no cohort where nothing was shown', async () => {
  await heard('old', 8, [1, 2, 3]);
  await heard('one', 1, [1, 2, 3]);
  await heard('blind', 1, [0, 0, 1]);
  const zeros = Object.fromEntries(STATISTICS.map((name) => [name, 0]));
  expect(await of('old')).toMatchObject({ ...zeros, clicks: 1, exposures: 2 });
  expect(await of('one')).toMatchObject({
    ...{ click_rate_mean: 0.5, click_rate_trend: 0, page_views_trend: 0, cohort_changes: 0 },
  });
  expect(await of('blind')).toMatchObject({ cohort: null, exposures: 0, page_views_mean: 1 });
  expect(await statisticsOfUser(db, 'nobody', D, 7)).toBeUndefined();
});

it('ignores the day itself and whatever comes after, of any user', async () => {
  await byHand();
  const all = () =>
    Promise.all(['a', 'b', 'c', 'd', 'z'].map((user) => statisticsOfUser(db, user, D, 7)));
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
      expect(await statisticsOfUser(db, 'new', D, 7)).toBeUndefined();
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
  const { clicks, exposures, stats } = await userStatisticsOf(db, '2026-03-04', 1, 1);
  expect([...clicks, ...exposures]).toEqual([2, 2]);
  // The window of one day holds the second day only.
  const named = Object.fromEntries(STATISTICS.map((name, i) => [name, stats[i]]));
  expect(named).toMatchObject({ page_views_mean: 1, active_days: 1 });

  const dates = ['2026-03-03', '2026-03-04', '2026-03-05'];
  await writeUserStatistics(db, dates, 7, folder);
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
