import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { EXAMPLE_EVENTS, exampleEvents } from '../contracts/example-events.ts';
import { exposureLine, LogFixture, linesOf, TEST_USER_KEY } from './ingest-fixture.ts';

let logs: LogFixture;
beforeEach(async () => {
  logs = await LogFixture.create();
});
afterEach(async () => {
  await logs.remove();
});

const hmac = (userId: string): string =>
  createHmac('sha256', TEST_USER_KEY).update(userId).digest('hex').slice(0, 32);

const failure = async (work: Promise<unknown>): Promise<EdgeloomError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof EdgeloomError) return error;
  throw new Error(`expected an EdgeloomError, got ${String(error)}`);
};

describe('the lake', () => {
  test('holds one file per type, business day and bucket, with the account and the description', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    const summary = await logs.ingest();
    const bucket = Number.parseInt(hmac('user-7').slice(0, 8), 16) % 8;
    const folder = (type: string): string =>
      `type=${type}/date=2026-03-02/bucket=0${bucket}/part-0.parquet`;
    expect(await listFiles(logs.lakeDir())).toEqual(
      [
        'account.json',
        'dataset.json',
        'rejects.ndjson',
        ...exampleEvents.map(({ type }) => folder(type)),
      ].sort(),
    );
    expect(summary).toMatchObject({ rowsIn: 10, stored: 10, rejected: 0, duplicates: 0 });
    expect(summary.byDate).toEqual({ '2026-03-02': 10 });
    expect(JSON.parse(readFileSync(join(logs.lakeDir(), 'account.json'), 'utf8'))).toEqual(summary);
  });

  test('keeps every field of every type, with scores as JSON', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    await logs.ingest();
    for (const event of exampleEvents) {
      const { user_id, ...fields } = event;
      const expected: Record<string, unknown> = { ...fields, user_key: hmac(user_id) };
      if (event.type === 'request') {
        expected.candidates = event.candidates.map((candidate) => ({
          ...candidate,
          scores: candidate.scores ? JSON.stringify(candidate.scores) : null,
        }));
      }
      const [row] = await logs.query<Record<string, unknown>>(
        `select * exclude (date, bucket) from read_parquet('$lake/type=${event.type}/*/*/*.parquet',
           hive_partitioning = false)`,
      );
      expect(row).toEqual(expected);
    }
  });

  test('cuts days in the dataset’s offset and sorts rows by user, time and id', async () => {
    await logs.remove();
    logs = await LogFixture.create({ utc_offset_minutes: 480 });
    const ts = Date.UTC(2026, 2, 2, 16, 0, 0);
    const received_ts = null;
    const lines = [
      exposureLine('b', { ts, received_ts }),
      exposureLine('a', { ts, received_ts }),
      exposureLine('c', { ts: ts - 1, received_ts }),
    ];
    await logs.write('events/a.ndjson', lines.join('\n'));
    const summary = await logs.ingest();
    expect(summary.byDate).toEqual({ '2026-03-02': 1, '2026-03-03': 2 });
    const rows = await logs.query<{ event_id: string }>(
      "select event_id from read_parquet('$lake/type=exposure/date=2026-03-03/*/*.parquet')",
    );
    expect(rows.map((row) => row.event_id)).toEqual(['a', 'b']);
  });

  test('has the same bytes when made again', async () => {
    const events = Array.from({ length: 3000 }, (_, i) =>
      exposureLine(`e-${(i * 7919) % 2900}`, { user_id: `u-${i % 37}` }),
    );
    await logs.write('events/a.ndjson.gz', gzipSync(`${events.join('\n')}\nnot json\n`));
    await logs.write('events/b.ndjson', linesOf(exampleEvents));
    await logs.ingest({}, 'first');
    await logs.ingest({ threads: 1 }, 'second');
    const files = await listFiles(logs.lakeDir('first'));
    expect(await listFiles(logs.lakeDir('second'))).toEqual(files);
    for (const file of files) {
      const [first, second] = ['first', 'second'].map((lake) =>
        readFileSync(join(logs.lakeDir(lake), file)),
      );
      expect(first!.equals(second!), file).toBe(true);
    }
  });
});

describe('user ids', () => {
  test('are nowhere in the lake but as keyed hashes, rejects apart, which only the owner reads', async () => {
    const secret = 'person-4711';
    const lines = [
      ...Array.from({ length: 50 }, (_, i) => exposureLine(`e-${i}`, { user_id: secret })),
      exposureLine('bad', { user_id: secret, surprise: 1 }),
    ];
    await logs.write('events/a.ndjson', lines.join('\n'));
    await logs.write('tables/users.ndjson', JSON.stringify({ user_id: secret, gender: 'f' }));
    await logs.write(
      'tables/history.ndjson',
      JSON.stringify({ user_id: secret, as_of: 5, item_ids: ['i-1', 'i-2'] }),
    );
    await logs.ingest();
    for (const file of await listFiles(logs.lakeDir())) {
      if (file === 'rejects.ndjson') continue;
      expect(readFileSync(join(logs.lakeDir(), file)).includes(secret), file).toBe(false);
    }
    const { mode } = await stat(join(logs.lakeDir(), 'rejects.ndjson'));
    expect(mode & 0o777).toBe(0o600);
    const [reject] = await logs.rejects();
    expect(reject).toMatchObject({ user_key: hmac(secret), reason: 'unknown-field', line: 51 });
    expect(await logs.query("select * from '$lake/tables/history.parquet'")).toEqual([
      { user_key: hmac(secret), as_of: 5, item_ids: ['i-1', 'i-2'] },
    ]);
  });

  test('need a secret of 16 bytes or more', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    const error = await failure(logs.ingest({ userKey: Buffer.alloc(15) }));
    expect(error.code).toBe('weak-user-key');
  });
});

describe('duplicates', () => {
  test('keep the first in the order of file and line, across types and formats', async () => {
    const first = exposureLine('same', { position: 1 });
    await logs.write('events/a.ndjson', `${exposureLine('other')}\n${first}\n`);
    await logs.write('events/b.ndjson.gz', gzipSync(exposureLine('same', { position: 2 })));
    const page = JSON.stringify({ ...EXAMPLE_EVENTS.page_view, event_id: 'same' });
    await logs.write('events/c.ndjson', `${page}\n${first}\n`);
    const summary = await logs.ingest();
    expect(summary).toMatchObject({ rowsIn: 5, stored: 2, rejected: 0, duplicates: 3 });
    expect(summary.byFile.map((file) => file.duplicates)).toEqual([0, 1, 2]);
    expect(summary.byType).toEqual({
      exposure: { stored: 2, duplicates: 2 },
      page_view: { stored: 0, duplicates: 1 },
    });
    const rows = await logs.query<{ position: number }>(
      "select position from '$lake/type=exposure/*/*/*.parquet' where event_id = 'same'",
    );
    expect(rows).toEqual([{ position: 1 }]);
  });

  test('of tables are rows with an equal key', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    const items = [
      { item_id: 'i', category: 'first' },
      { item_id: 'i', category: 'second' },
      { item_id: 'i', category: 'later', valid_from: 9 },
    ];
    await logs.write('tables/items.ndjson', items.map((item) => JSON.stringify(item)).join('\n'));
    const { tables } = await logs.ingest();
    expect(tables.items).toMatchObject({ rowsIn: 3, stored: 2, rejected: 0, duplicates: 1 });
    expect(
      await logs.query("select category, valid_from from '$lake/tables/items.parquet'"),
    ).toEqual([
      { category: 'first', valid_from: 0 },
      { category: 'later', valid_from: 9 },
    ]);
  });
});

describe('Parquet input', () => {
  test('gives the lake that the same lines give', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    await logs.ingest({}, 'lines');
    await logs.query(
      `copy (select * from read_json('$logs/events/a.ndjson', maximum_depth = 1,
         columns = {event_id: 'VARCHAR', type: 'VARCHAR', schema_version: 'INTEGER',
           user_id: 'VARCHAR', device_id: 'VARCHAR', session_id: 'VARCHAR', ts: 'BIGINT',
           received_ts: 'BIGINT', app_version: 'VARCHAR', model_version: 'VARCHAR',
           request_id: 'VARCHAR', item_id: 'VARCHAR', scene: 'VARCHAR', page_no: 'INTEGER',
           "trigger": 'VARCHAR', arm: 'VARCHAR', propensity: 'DOUBLE',
           candidates: 'STRUCT(item_id VARCHAR, "position" INTEGER, scores MAP(VARCHAR, DOUBLE))[]',
           started: 'BIGINT', ended: 'BIGINT', "position": 'INTEGER', "count": 'INTEGER',
           scroll_speed: 'DOUBLE', scroll_duration_ms: 'DOUBLE', scroll_count: 'INTEGER'})
         where type in ('request', 'exposure'))
       to '$logs/events/b.parquet' (format parquet)`,
    );
    await logs.write('events/a.ndjson', '');
    const summary = await logs.ingest({}, 'parquet');
    expect(summary).toMatchObject({ rowsIn: 2, stored: 2, rejected: 0 });
    for (const type of ['request', 'exposure']) {
      const [lines, parquet] = await Promise.all(
        ['lines', 'parquet'].map((lake) =>
          logs.query(`select * from '$lake/type=${type}/*/*/*.parquet'`, lake),
        ),
      );
      expect(lines).toHaveLength(1);
      expect(parquet).toEqual(lines);
    }
  });
});

describe('failures', () => {
  test('too many rejects: says the reasons and where, without raw text, and leaves nothing behind', async () => {
    const good = Array.from({ length: 97 }, (_, i) => exposureLine(`e-${i}`));
    const bad = ['{"secret', exposureLine('x', { user_id: 'secret', secret: 1 }), '{"secret'];
    await logs.write('events/a.ndjson', [...good, ...bad].join('\n'));
    const error = await failure(logs.ingest({ maxRejectShare: 0.02 }));
    expect(error.code).toBe('too-many-rejects');
    expect(error.message).toContain('3 of 100 rows of the events are rejected (3.00 %');
    expect(error.where).toContain('2 × not-json, first at events/a.ndjson:98');
    expect(error.where).toContain('1 × unknown-field, first at events/a.ndjson:99 (an unknown');
    expect(error.describe()).not.toContain('secret');
    expect(await readdir(logs.root)).toEqual(['logs']);
  });

  test('a share of rejects at the limit passes', async () => {
    const good = Array.from({ length: 99 }, (_, i) => exposureLine(`e-${i}`));
    await logs.write('events/a.ndjson', [...good, 'x'].join('\n'));
    expect(await logs.ingest({ maxRejectShare: 0.01 })).toMatchObject({ stored: 99, rejected: 1 });
  });

  test('a table is judged by its own share', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    await logs.write('tables/items.ndjson', '{"item":"i"}\n');
    const error = await failure(logs.ingest({ maxRejectShare: 0.5 }));
    expect(error.message).toContain('1 of 1 rows of the table items');
  });

  test.each([
    ['no dataset.json', undefined, 'logs-not-found'],
    ['no event files', 'events/.keep', 'no-events'],
    ['a table that is none', 'tables/item.ndjson', 'unknown-table'],
    ['a format that is none', 'events/a.csv', 'unknown-file-format'],
  ])('refuses a folder with %s', async (_name, path, code) => {
    if (path) await logs.write(path, '');
    const logsDir = path ? logs.logsDir : join(logs.root, 'nowhere');
    expect((await failure(logs.ingest({ logsDir }))).code).toBe(code);
    expect(existsSync(logs.lakeDir())).toBe(false);
  });

  test('a used output folder is left as it is', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    const error = await failure(logs.ingest({ outDir: logs.logsDir }));
    expect(error.code).toBe('output-not-empty');
  });

  test('cancelling leaves nothing behind', async () => {
    await logs.write('events/a.ndjson', linesOf(exampleEvents));
    const stop = new AbortController();
    const work = logs.ingest({ signal: stop.signal, onProgress: () => stop.abort() });
    await expect(work).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(logs.root)).toEqual(['logs']);
  });
});
