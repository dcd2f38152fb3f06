import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogFixture } from '../ingest/ingest-fixture.ts';
import { importEbnerd } from './ebnerd.ts';
import { sharedData } from './shared-data.ts';

let fixture: LogFixture;
const outDir = (): string => join(fixture.root, 'imported');

beforeEach(async () => {
  fixture = await LogFixture.create();
});
afterEach(async () => {
  await fixture.remove();
});

const lake = <T extends object>(type: string, columns: string): Promise<T[]> =>
  fixture.query<T>(`select ${columns} from '$lake/type=${type}/*/*/*.parquet' order by all`);

test('an impression is a request, its articles in view are exposures, its clicks are page views', async () => {
  // The first opens from the front page, the second from an article, with two clicks and no read time.
  await fixture.query(`copy (
    select * from (values
      (9, null::integer, timestamp '2023-02-27 03:23:27', 17.0::float, [52, 27, 83], [83], 7, 70, 8.5::float, 40, 0),
      (10, 83, timestamp '2023-02-27 03:30:00', null, [5, 6], [6, 5], 7, 70, 3.0, 40, 0)
    ) as b(impression_id, article_id, impression_time, read_time, article_ids_inview,
      article_ids_clicked, user_id, session_id, next_read_time, age, gender)
  ) to '$logs/behaviours of some day.parquet' (format parquet)`);
  await fixture.query(`copy (
    select 7 as user_id, [timestamp '2023-02-01 10:00:00', timestamp '2023-02-02 10:00:00'] as impression_time_fixed,
      [4, 3] as article_id_fixed, [1.0::float, 2.0::float] as read_time_fixed
  ) to '$logs/h.parquet' (format parquet)`);
  const summary = await importEbnerd({ sourceDir: fixture.logsDir, outDir: outDir() });
  expect(summary.events).toEqual({ request: 2, exposure: 5, page_view: 3 });
  const account = await fixture.ingest({ logsDir: outDir(), maxRejectShare: 0 });
  expect(account).toMatchObject({ rowsIn: 10, stored: 10, rejected: 0, duplicates: 0 });
  const first = Date.UTC(2023, 1, 27, 3, 23, 27);
  const second = Date.UTC(2023, 1, 27, 3, 30);
  expect(await lake('request', 'ts, scene, session_id, candidates')).toEqual([
    {
      ...{ ts: first, scene: 'front', session_id: '70' },
      candidates: expect.arrayContaining(
        ['27', '52', '83'].map((item_id) => ({ item_id, position: null, scores: null })),
      ) as unknown,
    },
    { ts: second, scene: 'article', session_id: '70', candidates: expect.anything() as unknown },
  ]);
  expect(await lake('exposure', 'started, ended, item_id')).toEqual([
    ...['27', '52', '83'].map((item_id) => ({ started: first, ended: null, item_id })),
    ...['5', '6'].map((item_id) => ({ started: second, ended: null, item_id })),
  ]);
  // Read for 17 s, then the clicked article for 8.5 s. Two clicks: which was read is not said.
  expect(await lake('page_view', 'started, ended, item_id, source')).toEqual([
    { started: first + 17_000, ended: first + 25_500, item_id: '83', source: 'front' },
    { started: second, ended: null, item_id: '5', source: 'article' },
    { started: second, ended: null, item_id: '6', source: 'article' },
  ]);
  expect(await fixture.query("select as_of, item_ids from '$lake/tables/history.parquet'")).toEqual(
    [{ as_of: Date.UTC(2023, 1, 2, 10) + 1, item_ids: ['4', '3'] }],
  );
});

const source = sharedData('ebnerd-fixture');

describe.skipIf(!source)('the EB-NeRD test fixture (skipped: no shared data)', () => {
  test('passes ingest whole: 1,046 requests, 10,848 exposures, 1,047 page views, no reject', async () => {
    const summary = await importEbnerd({ sourceDir: source!, outDir: outDir() });
    expect(summary).toMatchObject({
      ...{ rowsRead: 1_046, rowsOutsideDates: 0, files: { ignored: [] } },
      events: { request: 1_046, exposure: 10_848, page_view: 1_047 },
      tables: { users: 38, history: 44 },
    });
    const account = await fixture.ingest({ logsDir: outDir(), maxRejectShare: 0 });
    expect(account).toMatchObject({
      ...{ rowsIn: 12_941, stored: 12_941, rejected: 0, duplicates: 0 },
      tables: { users: { stored: 38, rejected: 0 }, history: { stored: 44, rejected: 0 } },
    });
  });
});
