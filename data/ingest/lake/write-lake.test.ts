import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listFiles } from '../../../lib/files.ts';
import { hashFiles } from '../../../lib/hash-folder.ts';
import { Random } from '../../../lib/random.ts';
import { EVENT_TYPES } from '../../contracts/device-log.ts';
import { EXAMPLE_EVENTS, exampleEvents } from '../../contracts/example-events.ts';
import { exposureLine, LogFixture } from '../ingest-fixture.ts';

const ROWS = 1200;
const DAYS = 4;
const BUCKETS = { buckets: 3 };
const DAY_MS = 86_400_000;
const FIRST_TS = EXAMPLE_EVENTS.exposure.ts;

/** Events of all types, of some users and days; times and ids repeat. */
function lines(name: string, random: Random): string {
  const events = Array.from({ length: ROWS }, (_, i) => {
    const event = exampleEvents[random.below(exampleEvents.length)]!;
    const ts = FIRST_TS + random.below(DAYS) * DAY_MS + random.below(40);
    const times = 'started' in event ? { started: ts, ended: ts + random.below(900) } : {};
    const id = random.chance(0.02) ? `e-${random.below(50)}` : `${name}-${ROWS - i}`;
    const user_id = `u-${Math.min(random.below(30), random.below(30))}`;
    return JSON.stringify({ ...event, ...times, event_id: id, user_id, ts, received_ts: ts + 10 });
  });
  return events.join('\n');
}

/** `candidates` as a source without scores has them, so that the file is read by columns. */
const WITHOUT_SCORES = `select * replace (list_transform(candidates,
  lambda c: {'item_id': c.item_id, 'position': c.position::integer}) as candidates)
  from read_json('$logs/one.ndjson', union_by_name = true)`;

describe('a lake', () => {
  let logs: LogFixture;
  beforeAll(async () => {
    logs = await LogFixture.create({ last_date: '2026-03-06' });
    const random = Random.of(5, 'lake');
    await logs.write('events/a.ndjson', lines('a', random));
    // Escapes take the long way.
    await logs.write('events/b.ndjson', lines('b', random).replaceAll('"u-', '"\\u0075-'));
    await logs.write('one.ndjson', lines('c', random));
    await logs.query(
      `copy (${WITHOUT_SCORES}) to '$logs/events/c.parquet' (format parquet, row_group_size 2048)`,
    );
  });
  afterAll(async () => {
    await logs.remove();
  });

  /** Every row with its place in its file, as JSON. */
  async function rows(lake: string): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const type of EVENT_TYPES) {
      const each = await logs.query<{ row: string }>(
        `select to_json(t)::varchar as row from (
           select * replace (parse_filename(filename) as filename)
           from read_parquet('$lake/type=${type}/*/*/*.parquet', filename = true, file_row_number = true)
         ) t order by date, bucket, file_row_number`,
        lake,
      );
      found.set(
        type,
        each.map(({ row }) => row),
      );
    }
    return found;
  }

  test('is the same however much is sorted in memory at once', async () => {
    const whole = await logs.ingest({ ...BUCKETS, maxRejectShare: 0 }, 'whole');
    expect(whole.duplicates).toBeGreaterThan(20);
    expect(whole.stored).toBe(3 * ROWS - whole.duplicates);
    const expected = await rows('whole');
    expect([...expected.values()].every((each) => each.length > 50)).toBe(true);
    for (const [name, unitBytes] of [
      ['by days', 40_000],
      ['by day, some by DuckDB', 15_000],
      ['by DuckDB', 1],
    ] as const) {
      expect(await logs.ingest({ ...BUCKETS, unitBytes }, name)).toEqual(whole);
      expect(await rows(name)).toEqual(expected);
    }
  });

  test('has the same bytes however much waits in memory, and wherever duplicates are found', async () => {
    const whole = await logs.ingest({ ...BUCKETS, maxRejectShare: 0 }, 'held');
    const expected = await hashFiles(logs.lakeDir('held'));
    for (const [name, options] of [
      ['nothing held', { holdBytes: 0 }],
      ['some held', { holdBytes: 60_000 }],
      ['found by DuckDB', { searchBytes: 0 }],
      ['one thread', { threads: 1 }],
    ] as const) {
      expect(await logs.ingest({ ...BUCKETS, ...options }, name)).toEqual(whole);
      expect(await hashFiles(logs.lakeDir(name))).toEqual(expected);
    }
  });

  test('has every file in the order of user, time and id', async () => {
    await logs.ingest(BUCKETS, 'ordered');
    const [unordered] = await logs.query<{ n: number }>(
      `select count(*) as n from (
         select (user_key, ts, event_id) as key, lag((user_key, ts, event_id)) over (
           partition by filename order by file_row_number) as before
         from read_parquet('$lake/type=*/*/*/*.parquet', filename = true, file_row_number = true,
           union_by_name = true)
       ) where before >= key`,
      'ordered',
    );
    expect(unordered!.n).toBe(0);
  });
});

describe('a partition', () => {
  let logs: LogFixture;
  beforeEach(async () => {
    logs = await LogFixture.create({ last_date: '2026-03-06' });
  });
  afterEach(async () => {
    await logs.remove();
  });

  /** Exposures of one user. */
  const onDay = (day: number, ids: readonly string[], changes: Record<string, unknown> = {}) =>
    ids
      .map((id) => {
        const ts = FIRST_TS + day * DAY_MS;
        const times = { ts, received_ts: ts, started: ts, ended: ts };
        return `${exposureLine(id, { ...times, ...changes })}\n`;
      })
      .join('');

  test.each(['lines', 'Parquet'])(
    'of duplicates only is not written, also by DuckDB: %s',
    async (format) => {
      const ids = Array.from({ length: 9 }, (_, i) => `e-${i}`);
      await logs.write('events/a.ndjson', onDay(0, ids));
      await logs.write(format === 'lines' ? 'events/b.ndjson' : 'b.ndjson', onDay(1, ids));
      if (format === 'Parquet') {
        await logs.query("copy (from read_json('$logs/b.ndjson')) to '$logs/events/b.parquet'");
      }
      const expected = await logs.ingest({}, 'memory');
      expect(expected).toMatchObject({ stored: 9, duplicates: 9, byDate: { '2026-03-02': 9 } });
      expect(await logs.ingest({ unitBytes: 1 }, 'disk')).toEqual(expected);
      expect(await listFiles(logs.lakeDir('disk'))).toEqual(
        await listFiles(logs.lakeDir('memory')),
      );
    },
  );

  test('has the same bytes whatever is sorted with it', async () => {
    const nulls = { app_version: null, received_ts: null, count: null, scroll_speed: null };
    const ids = (name: string) => Array.from({ length: 40 }, (_, i) => `${name}-${i}`);
    await logs.write('events/a.ndjson', onDay(0, ids('a')) + onDay(1, ids('b'), nulls));
    const { byDate } = await logs.ingest({}, 'together');
    expect(byDate).toEqual({ '2026-03-02': 40, '2026-03-03': 40 });
    await logs.ingest({ unitBytes: 20_000 }, 'apart');
    expect(await hashFiles(logs.lakeDir('apart'))).toEqual(
      await hashFiles(logs.lakeDir('together')),
    );
  });
});
