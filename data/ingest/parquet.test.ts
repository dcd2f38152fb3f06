import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXAMPLE_EVENTS } from '../contracts/example-events.ts';
import { exposureLine, LogFixture } from './ingest-fixture.ts';

let logs: LogFixture;
beforeEach(async () => {
  logs = await LogFixture.create();
});
afterEach(async () => {
  await logs.remove();
});

const good = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `${exposureLine(`e-${from + i}`)}\n`).join('');

/** Exposures `<name>-0` … as `events/<name>.parquet`, in groups of 2,048 rows. */
async function writeParquet(name: string, rows: number, columns = ''): Promise<void> {
  const { ts } = EXAMPLE_EVENTS.exposure;
  await logs.write('events/.keep', '');
  await logs.query(
    `copy (
       select concat('${name}-', i) as event_id, 'exposure' as type, 1 as schema_version,
         'u' as user_id, ${ts} + i as ts, 'item' as item_id, ${ts} + i as started${columns}
       from range(${rows}) as t(i)
     ) to '$logs/events/${name}.parquet' (format parquet, row_group_size 2048)`,
  );
}

const bytesOf = (name: string): Promise<Buffer> =>
  readFile(join(logs.logsDir, 'events', `${name}.parquet`));

describe('a damaged file', () => {
  test('loses all rows that its footer names, so that the limit sees them', async () => {
    await writeParquet('p', 5000);
    const bytes = await bytesOf('p');
    // The header of the first page of the third group: rows before it can be read.
    const [group] = await logs.query<{ at: number }>(
      `select min(coalesce(dictionary_page_offset, data_page_offset)) as at
       from parquet_metadata('$logs/events/p.parquet') where row_group_id = 2`,
    );
    bytes[group!.at]! ^= 0xff;
    await logs.write('events/p.parquet', bytes);
    await logs.write('events/b.ndjson', good(1, 100));
    const work = logs.ingest({ maxRejectShare: 0.01 }, 'refused');
    await expect(work).rejects.toMatchObject({
      code: 'too-many-rejects',
      message: expect.stringContaining('5000 of 5100 rows') as string,
    });
    const summary = await logs.ingest();
    expect(summary).toMatchObject({ rowsIn: 5100, stored: 100, rejected: 5000, duplicates: 0 });
    expect(summary.rejectsByReason).toEqual({ 'file-corrupt': 5000 });
    const rejects = await logs.rejects();
    // How many rows DuckDB gives before it meets the damage is its own affair.
    const rest = 5000 - (rejects.length - 1);
    expect(rejects.at(-1)).toMatchObject({ line: rejects.length, rows: rest, raw: '' });
  });

  test.each([
    ['a cut footer', (bytes: Buffer) => bytes.subarray(0, bytes.length - 9)],
    [
      'altered bytes in the footer',
      (bytes: Buffer) => bytes.fill(0xff, bytes.length - 60, bytes.length - 20),
    ],
    ['nothing in it', () => Buffer.alloc(0)],
  ])('with %s fails whatever the limit is, and is named', async (_name, spoil) => {
    await writeParquet('p', 3);
    await logs.write('events/p.parquet', spoil(await bytesOf('p')));
    await logs.write('events/b.ndjson', good(1, 200));
    const work = logs.ingest({ maxRejectShare: 0.5 });
    await expect(work).rejects.toMatchObject({
      code: 'too-many-rejects',
      where: 'events/p.parquet',
      fix: expect.stringContaining('remove the file') as string,
    });
  });
});

describe('cells', () => {
  test.each(['nan', 'inf', '-inf'])('%s is a bad value of its field', async (value) => {
    await writeParquet(
      'p',
      2,
      `, if(i = 1, '${value}'::double, 2.5) as scroll_speed, 'NaN "inf' as app_version`,
    );
    expect(await logs.ingest()).toMatchObject({ rowsIn: 2, stored: 1, rejected: 1 });
    const [reject] = await logs.rejects();
    expect(reject).toMatchObject({ line: 2, reason: 'bad-value' });
    expect(reject!.detail).toContain('scroll_speed');
    expect(reject!.user_key).not.toBeNull();
    expect(
      await logs.query("select app_version as v from '$lake/type=exposure/*/*/*.parquet'"),
    ).toEqual([{ v: 'NaN "inf' }]);
  });

  test('of a column named r do not replace the row', async () => {
    await writeParquet('p', 1, ", {'event_id': 'other'} as r");
    await logs.ingest();
    const [reject] = await logs.rejects();
    expect(reject).toMatchObject({ reason: 'unknown-field', detail: 'an unknown field' });
    expect(reject!.raw).toContain('"event_id":"p-0"');
  });
});

describe('paths', () => {
  test('with brackets, stars and question marks are files, not patterns', async () => {
    await writeParquet('ab', 3);
    await writeParquet('a*', 2);
    await writeParquet('a?', 2);
    await writeParquet('a[b]', 2);
    await logs.write('tables/items.ndjson', '{"item_id":"i"}\n');
    const outDir = join(logs.root, 'why? run [1] of *', 'lake');
    const summary = await logs.ingest({ outDir });
    expect(summary).toMatchObject({ rowsIn: 9, stored: 9, rejected: 0, duplicates: 0 });
    expect(summary.tables.items).toMatchObject({ rowsIn: 1, stored: 1 });
  });

  test('a damaged file whose name looks like a pattern counts its own rows', async () => {
    await writeParquet('ab', 3);
    await writeParquet('a*', 2);
    const bytes = await bytesOf('a*');
    bytes[4]! ^= 0xff;
    await logs.write('events/a*.parquet', bytes);
    expect(await logs.ingest()).toMatchObject({ rowsIn: 5, stored: 3, rejected: 2 });
  });
});
