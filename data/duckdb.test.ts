import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DuckDb, sqlText, textList } from './duckdb.ts';

let tempDir: string;
let db: DuckDb;
beforeEach(async () => {
  tempDir = await mkdtemp(join(tmpdir(), 'duckdb-'));
  db = await DuckDb.open({ tempDir, memoryLimitMb: 100, threads: 1 });
});
afterEach(async () => {
  db.close();
  await rm(tempDir, { recursive: true, force: true });
});

it('binds parameters, texts that look like SQL and empty lists included', async () => {
  expect(sqlText("o'; drop")).toBe("'o''; drop'");
  const row = await db.row(
    'select $a as a, list_position($none, $a) as b, list_position($some, $a) as c',
    {
      a: "x'",
      none: textList([]),
      some: textList(['y', "x'"]),
    },
  );
  expect(row).toEqual({ a: "x'", b: null, c: 2 });
});

it('makes a table and leaves out parameters that the statement does not name', async () => {
  const select = '-- not $unused\nselect $n::integer as n, [1, 2]::bigint[] as l;';
  await db.createTable('made', select, { n: 3, unused: 4 });
  expect(await db.rows('from made')).toEqual([{ n: 3, l: [1, 2] }]);
});

it('reads lists and numbers as typed arrays, batch after batch', async () => {
  let rows = 0;
  let sum = 0;
  const query = `select range::bigint as id, [range, range + 1]::double[] as pair
    from range(5000) where range % 2 = 0 order by range desc`;
  for await (const batch of db.batches(query)) {
    const id = batch.numbers('id');
    const pair = batch.lists('pair');
    for (let row = 0; row < batch.rows; row++) {
      expect(pair.length(row)).toBe(2);
      expect(pair.values[pair.start(row) + 1]).toBe(id[row]! + 1);
      sum += id[row]!;
    }
    rows += batch.rows;
    expect(() => batch.numbers('other')).toThrow('no column other');
    expect(() => batch.lists('id')).toThrow('not a list');
  }
  expect([rows, sum]).toEqual([2500, (2500 * 4998) / 2]);
});

it('wants exactly one row where one is asked for', async () => {
  await expect(db.row('select 1 where false')).rejects.toThrow('expected one row, got 0');
});

it('stops a running statement when told, and starts none afterwards', async () => {
  const stop = new AbortController();
  const stoppable = await DuckDb.open({
    tempDir,
    signal: stop.signal,
    // Reported while the statement runs.
    onProgress: () => stop.abort(new Error('enough')),
  });
  const forever =
    'select count(*) from range(1000000) a, range(1000000) b where hash(a.range, b.range) = 1';
  await expect(stoppable.run(forever)).rejects.toThrow('enough');
  await expect(stoppable.run('select 1')).rejects.toThrow('enough');
  stoppable.close();
});

it('says what to do when a statement needs more memory than there is', async () => {
  const small = await DuckDb.open({ tempDir, memoryLimitMb: 20, threads: 1 });
  // A list cannot be spilled.
  const big = "select list(range || 'some more text for each row') as l from range(5000000)";
  await expect(small.createTable('big', big)).rejects.toMatchObject({
    code: 'out-of-memory',
    message: expect.stringMatching(/^Out of memory: DuckDB had 20 MB and 1 threads/),
    where: `big; spilling to ${tempDir}`,
    fix: expect.stringContaining('memoryLimitMb'),
  });
  small.close();
});

it('cannot reach the network or install anything', async () => {
  await expect(db.rows("select * from 'https://example.invalid/a.parquet'")).rejects.toThrow();
});
