import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DuckDb } from './duckdb.ts';
import { inLanes } from './lanes.ts';

// Long enough that only an interruption can end it within the test.
const ENDLESS =
  'select count(*) from range(100000000) a, range(100000000) b where a.range = -b.range';

let tempDir: string;
beforeEach(async () => {
  tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-lanes-'));
});
afterEach(() => rm(tempDir, { recursive: true, force: true }));

async function withDb<T>(work: (db: DuckDb) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const db = await DuckDb.open({ tempDir, threads: 1, signal });
  try {
    return await work(db);
  } finally {
    db.close();
  }
}

describe('lanes of one database', () => {
  it('do every item once, and see the tables of the database, whatever their number', async () => {
    for (const lanes of [1, 2, 5]) {
      const found = await withDb(async (db) => {
        await db.run('create table shared as select range as x from range(10)');
        const sums: number[] = [];
        await inLanes(db, lanes, [1, 2, 3], async (lane, item) => {
          // Temporary tables of two lanes have one name and do not meet.
          await lane.createTable('own', `select x * ${item} as y from shared`);
          sums.push((await lane.row<{ s: number }>('select sum(y)::integer as s from own')).s);
        });
        return sums.sort((a, b) => a - b);
      });
      expect(found).toEqual([45, 90, 135]);
    }
  });

  it('are stopped by the failure of one, which is what is thrown', async () => {
    const started: string[] = [];
    const work = withDb((db) =>
      inLanes(db, 2, ['endless', 'bad', 'never'], async (lane, item) => {
        started.push(item);
        await lane.run(item === 'endless' ? ENDLESS : 'select no_such_column');
      }),
    );
    await expect(work).rejects.toThrow('no_such_column');
    expect(started).toEqual(['endless', 'bad']);
  });

  it('are stopped by the signal of the database', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const work = withDb(
      (db) =>
        inLanes(db, 2, [1, 2], async (lane, item) => {
          if (item === 2) setTimeout(() => stop.abort(reason), 50);
          await lane.run(ENDLESS);
        }),
      stop.signal,
    );
    await expect(work).rejects.toBe(reason);
  });
});
