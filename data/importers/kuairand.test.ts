import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogFixture } from '../ingest/ingest-fixture.ts';
import { importKuairand } from './kuairand.ts';
import { sharedData } from './shared-data.ts';

const HEADER =
  'user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab';

/** 2022-04-25 00:00 in China. */
const MIDNIGHT = Date.UTC(2022, 3, 24, 16);

interface SourceRow {
  user: number;
  video: number;
  at: number;
  hourmin?: number;
  click?: number;
  like?: number;
  share?: number;
  play?: number;
  duration?: number;
  /** `comment_stay_time`; null where the source has none. */
  comments?: number | null;
  random?: number;
  tab?: number;
}

const csvLine = (row: SourceRow): string => {
  const { user, video, at, hourmin = 0, click = 0, like = 0, share = 0, play = 0 } = row;
  const { duration = 9000, comments = 0, random = 0, tab = 1 } = row;
  const feedback = [click, like, 0, 0, share, 0].join(',');
  const time = MIDNIGHT + at;
  return `${user},${video},20220425,${hourmin},${time},${feedback},0,${play},${duration},0,${comments ?? ''},0,${random},${tab}`;
};

let fixture: LogFixture;
const sourceDir = (): string => join(fixture.logsDir, 'source');
const outDir = (): string => join(fixture.root, 'imported');
const write = (name: string, rows: SourceRow[], header = HEADER): Promise<void> =>
  fixture.write(`source/${name}`, `${[header, ...rows.map(csvLine)].join('\n')}\n`);

beforeEach(async () => {
  fixture = await LogFixture.create();
});
afterEach(async () => {
  await fixture.remove();
});

/** Events of one type as the import wrote them, in the order of the files. */
const events = <T extends object>(type: string): Promise<T[]> =>
  fixture.query<T>(
    `select * from read_json('$lake/events/${type}/*.ndjson.gz', format = 'newline_delimited')`,
    'imported',
  );

describe('slates', () => {
  test('are a user’s day within one tab, and start 1 ms before their first exposure', async () => {
    await write('any name.csv', [
      { user: 1, video: 20, at: 5000 },
      { user: 1, video: 10, at: 3000, click: 1, play: 700, comments: 40 },
      { user: 1, video: 20, at: 9000 },
      { user: 1, video: 30, at: 9000, tab: 4 },
      { user: 2, video: 20, at: 9000 },
      { user: 1, video: 20, at: -1 },
    ]);
    const summary = await importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
    expect(summary).toMatchObject({
      rowsRead: 6,
      events: { request: 4, exposure: 6, page_view: 1 },
    });
    // The last row happened 1 ms before midnight and is filed on the 25th, the only day covered.
    expect(summary.dataset).toMatchObject({ first_date: '2022-04-25', last_date: '2022-04-25' });
    const requests = await events<{
      user_id: string;
      scene: string;
      ts: number;
      candidates: object[];
    }>('request');
    const slates = requests.map(({ user_id, scene, ts, candidates }) => [
      ...[user_id, scene, ts - MIDNIGHT],
      candidates,
    ]);
    expect(slates).toEqual(
      expect.arrayContaining([
        ['1', '1', -2, [{ item_id: '20' }]],
        ['1', '1', 2999, [{ item_id: '10' }, { item_id: '20' }]],
        ['1', '4', 8999, [{ item_id: '30' }]],
        ['2', '1', 8999, [{ item_id: '20' }]],
      ]),
    );
    const [page] = await events<Record<string, unknown>>('page_view');
    expect(page).toMatchObject({
      ...{ user_id: '1', item_id: '10', started: MIDNIGHT + 3000, ended: MIDNIGHT + 3700 },
      actions: [{ block: 'comment', dwell_ms: 40 }],
    });
  });

  test('have page views with the block of the comments only where time was spent in it', async () => {
    await write('log.csv', [
      { user: 1, video: 10, at: 1, click: 1, comments: 40 },
      { user: 1, video: 20, at: 2, click: 1, comments: 0 },
      { user: 1, video: 30, at: 3, click: 1, comments: null },
    ]);
    await importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
    const pages = await events<{ item_id: string; actions: object[] | null }>('page_view');
    const actions = Object.fromEntries(pages.map((page) => [page.item_id, page.actions]));
    expect(actions).toEqual({
      10: [{ block: 'comment', dwell_ms: 40 }],
      20: [],
      30: null,
    });
    // Ingest keeps the three apart.
    await fixture.ingest({ logsDir: outDir(), maxRejectShare: 0 });
    const stored = await fixture.query<{ item_id: string; blocks: number | null }>(
      "select item_id, len(actions) as blocks from '$lake/type=page_view/*/*/*.parquet' order by 1",
    );
    expect(stored.map((row) => row.blocks)).toEqual([1, 0, null]);
  });

  test('of the random policy are apart and name it as their arm', async () => {
    await write('log.csv', [
      { user: 1, video: 10, at: 1 },
      { user: 1, video: 20, at: 2, random: 1 },
    ]);
    await importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
    const requests = await events<{ arm: string | null }>('request');
    expect(requests.map((request) => request.arm)).toEqual([null, 'random']);
  });

  test('longer than 1,000 exposures are cut, so that a request fits the contract', async () => {
    await write(
      'log.csv',
      Array.from({ length: 2001 }, (_, i) => ({ user: 1, video: i, at: i })),
    );
    const summary = await importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
    const requests = await events<{ candidates: object[] }>('request');
    expect(requests.map((request) => request.candidates.length)).toEqual([1000, 1000, 1]);
    expect(summary.events.exposure).toBe(2001);
  });
});

test('rows of one exposure share an id: the one that saw most stands, ingest counts the others', async () => {
  await write('log.csv', [
    { user: 1, video: 10, at: 100, play: 50 },
    { user: 1, video: 10, at: 100, play: 50 },
    { user: 1, video: 10, at: 100, play: 50, hourmin: 100 },
    { user: 1, video: 10, at: 100, play: 80, click: 1, like: 1, share: 1 },
    { user: 1, video: 10, at: 101, duration: 0 },
  ]);
  const summary = await importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
  expect(summary.copies).toEqual({ exact: 1, other: 2 });
  expect(summary.events).toEqual({ request: 1, exposure: 5, page_view: 1, play: 2, feedback: 2 });
  const account = await fixture.ingest({ logsDir: outDir() });
  expect(account).toMatchObject({ rowsIn: 11, stored: 8, rejected: 0, duplicates: 3 });
  expect(account.byType.exposure).toEqual({ stored: 2, duplicates: 3 });
  const exposures = await fixture.query<{ watched: number }>(
    "select ended - started as watched from '$lake/type=exposure/*/*/*.parquet' order by started",
  );
  expect(exposures).toEqual([{ watched: 80 }, { watched: 0 }]);
  const plays = await events<{ duration_ms: number | null }>('play');
  expect(plays.map((play) => play.duration_ms)).toEqual([9000, null]);
  const kinds = await events<{ kind: string }>('feedback');
  expect(kinds.map((event) => event.kind).sort()).toEqual(['like', 'share']);
});

test('tables are recognised by their columns, and unknown files are named', async () => {
  await write('log.csv', [{ user: 1, video: 10, at: 100 }]);
  const csv = (...lines: string[]): string => `${lines.join('\n')}\n`;
  await fixture.write(
    'source/u.csv',
    csv('user_id,user_active_degree,register_days', '1,full_active,5', '2,UNKNOWN,1'),
  );
  await fixture.write(
    'source/deep/v.csv',
    csv(
      'video_id,author_id,video_type,video_duration,tag',
      '10,7,NORMAL,1500.0,"39,12"',
      '11,8,AD,,',
    ),
  );
  await fixture.query(
    `copy (select 1 as user_id, 2 as history_len, ${MIDNIGHT - 600_000} as last_time_ms,
       [30, 10] as watch_seq) to '$logs/source/s.parquet' (format parquet)`,
  );
  await fixture.write('source/statistics.csv', csv('video_id,counts', '10,3'));
  const summary = await importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
  expect(summary.tables).toEqual({ items: 2, users: 2, history: 1 });
  expect(summary.files.ignored).toEqual(['statistics.csv']);
  const { tables, stored } = await fixture.ingest({ logsDir: outDir() });
  expect(stored).toBe(3);
  expect(tables).toMatchObject({
    items: { stored: 2 },
    users: { stored: 2 },
    history: { stored: 1 },
  });
  expect(await fixture.query("select * from '$lake/tables/items.parquet'")).toMatchObject([
    { item_id: '10', category: '39', creator: '7', kind: 'NORMAL', duration_ms: 1500, brand: null },
    { item_id: '11', category: null, creator: '8', kind: 'AD', duration_ms: null },
  ]);
  expect(await fixture.query("select as_of, item_ids from '$lake/tables/history.parquet'")).toEqual(
    [{ as_of: MIDNIGHT, item_ids: ['30', '10'] }],
  );
  expect(
    await fixture.query("select activity_level from '$lake/tables/users.parquet' order by 1"),
  ).toEqual([{ activity_level: 'full_active' }, { activity_level: null }]);
});

describe('dates', () => {
  test('leave out rows of other days and count them', async () => {
    const day = 86_400_000;
    await write('log.csv', [
      { user: 1, video: 1, at: -1 },
      { user: 1, video: 2, at: 0 },
      { user: 1, video: 3, at: day - 1 },
      { user: 1, video: 4, at: day },
    ]);
    const options = { sourceDir: sourceDir(), outDir: outDir() };
    const summary = await importKuairand({ ...options, from: '2022-04-25', to: '2022-04-25' });
    expect(summary).toMatchObject({ rowsRead: 4, rowsOutsideDates: 2, events: { exposure: 2 } });
  });

  test.each([
    [{ from: '25 April' }, 'bad-date'],
    [{ to: '2022-02-31' }, 'bad-date'],
    [{ from: '2022-13-01' }, 'bad-date'],
    [{ from: '2023-01-01' }, 'no-rows-in-dates'],
  ])('%j is refused, and nothing is written', async (dates, code) => {
    await write('log.csv', [{ user: 1, video: 1, at: 0 }]);
    const work = importKuairand({ sourceDir: sourceDir(), outDir: outDir(), ...dates });
    await expect(work).rejects.toMatchObject({ code });
    expect(await readdir(fixture.root)).toEqual(['logs']);
  });
});

test('rows without user, video, time or play time are left out and counted', async () => {
  const good = csvLine({ user: 1, video: 1, at: 1, play: 5 });
  const without = (column: number, value = ''): string =>
    good
      .split(',')
      .map((cell, i) => (i === column ? value : cell))
      .join(',');
  const bad = [without(0), without(1), without(4), without(4, '1650812741'), without(12, '-1')];
  const late = csvLine({ user: 1, video: 2, at: 86_400_000 });
  await fixture.write(
    'source/log.csv',
    `${[HEADER, good, ...bad, without(12), late].join('\n')}\n`,
  );
  const summary = await importKuairand({
    ...{ sourceDir: sourceDir(), outDir: outDir(), to: '2022-04-25' },
  });
  expect(summary).toMatchObject({
    ...{ rowsRead: 8, rowsUnusable: 6, rowsOutsideDates: 1 },
    events: { exposure: 1, play: 1 },
  });
  await fixture.ingest({ logsDir: outDir(), maxRejectShare: 0 });
});

test('a file with times in seconds is refused by name', async () => {
  await write('good.csv', [{ user: 1, video: 1, at: 0 }]);
  const seconds = csvLine({ user: 1, video: 2, at: 0 }).replace(String(MIDNIGHT), '1650812741');
  await fixture.write('source/seconds.csv', `${HEADER}\n${seconds}\n`);
  const work = importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
  await expect(work).rejects.toMatchObject({
    ...{ code: 'bad-time-unit', where: 'seconds.csv', exitCode: 2 },
  });
  expect(await readdir(fixture.root)).toEqual(['logs']);
});

test.each([
  ['a folder that is not there', 'source-not-found'],
  ['a folder without a log', 'no-source-log'],
  ['a log with letters for a time', 'unreadable-source'],
])('%s is refused', async (name, code) => {
  if (code === 'no-source-log') await fixture.write('source/a.csv', 'a,b\n1,2\n');
  if (code === 'unreadable-source') {
    await fixture.write(
      'source/a.csv',
      `${HEADER}\n${csvLine({ user: 1, video: 1, at: 0 }).replace(/165\d+/, 'noon')}\n`,
    );
  }
  expect(name).toBeTruthy();
  const work = importKuairand({ sourceDir: sourceDir(), outDir: outDir() });
  await expect(work).rejects.toMatchObject({ code });
});

const slice = sharedData('kuairand-pure-slice');

describe.skipIf(!slice)('KuaiRand-Pure, 25 to 30 April 2022 (skipped: no shared data)', () => {
  test('all 94,784 rows are accounted for: 91,805 exposures and 2,979 duplicates', async () => {
    const summary = await importKuairand({ sourceDir: slice!, outDir: outDir() });
    expect(summary).toMatchObject({
      ...{ rowsRead: 94_784, rowsOutsideDates: 0, copies: { exact: 2_750, other: 229 } },
      events: {
        request: 57_906,
        exposure: 94_784,
        page_view: 41_096,
        play: 91_805,
        feedback: 2_083,
      },
      tables: { items: 7_583, users: 27_285, history: 26_469 },
      files: { ignored: [] },
    });
    const account = await fixture.ingest({ logsDir: outDir(), maxRejectShare: 0 });
    expect(account.byType.exposure).toEqual({ stored: 91_805, duplicates: 2_979 });
    expect(account).toMatchObject({ rowsIn: 287_674, rejected: 0, duplicates: 2_979 });
    expect(account.tables).toMatchObject({
      ...{ items: { stored: 7_583 }, users: { stored: 27_285 }, history: { stored: 26_469 } },
    });
    // Every event belongs to a request of the same user, and 25 April begins the known history.
    const [facts] = await fixture.query<{ orphans: number; as_of: number; users: number }>(
      `select
         (select count(*) from '$lake/type=exposure/*/*/*.parquet' e
          anti join '$lake/type=request/*/*/*.parquet' r using (user_key, request_id)) as orphans,
         (select max(as_of) from '$lake/tables/history.parquet') as as_of,
         (select count(distinct user_key) from '$lake/type=exposure/*/*/*.parquet') as users`,
    );
    expect(facts).toEqual({ orphans: 0, as_of: MIDNIGHT, users: 21_184 });
  }, 600_000);
});
