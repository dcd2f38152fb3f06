import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listFiles } from '../../lib/files.ts';
import { exposureLine, LogFixture } from './ingest-fixture.ts';
import { helpersFor } from './read-files.ts';

const MIB = 2 ** 20;

let logs: LogFixture;
beforeEach(async () => {
  logs = await LogFixture.create();
});
afterEach(async () => {
  await logs.remove();
});

test('a thread is started for every 8 MiB after the first, as far as there are threads and files', () => {
  const files = (count: number, bytes: number, format: 'gzip' | 'parquet') =>
    Array.from({ length: count }, (_, index) => ({
      ...{ kind: 'events' as const, index, file: { path: `events/${index}`, format, bytes } },
    }));
  expect(helpersFor(files(4, MIB, 'gzip'), 2)).toBe(0);
  expect(helpersFor(files(4, 4 * MIB, 'gzip'), 2)).toBe(1);
  expect(helpersFor(files(4, 100 * MIB, 'gzip'), 3)).toBe(2);
  expect(helpersFor(files(1, 100 * MIB, 'gzip'), 2)).toBe(0);
  expect(helpersFor(files(4, 100 * MIB, 'parquet'), 2)).toBe(1);
});

test('two threads make the same bytes as one, and the first of two equal ids is the same', async () => {
  const lines = (file: number): string =>
    Array.from({ length: 25_000 }, (_, i) => {
      if (i % 5000 === 7) return '{"not": "an event"}';
      const odd = i % 3000 === 11 ? { app_version: '8.1 \u00b7 \\ "' } : {};
      // Every tenth id stands in both files, with another position.
      const id = i % 10 === 0 ? `both-${i}` : `${file}-${i}`;
      return exposureLine(id, { ...odd, user_id: `u-${i % 91}`, position: file });
    }).join('\n');
  await logs.write('events/a.ndjson', lines(1));
  await logs.write('events/b.ndjson', lines(2));
  const one = await logs.ingest({ threads: 1 }, 'one');
  const two = await logs.ingest({ threads: 2 }, 'two');
  expect(one).toMatchObject({ rowsIn: 50_000, rejected: 10, duplicates: 2500 });
  expect(two).toEqual(one);
  expect(two.byFile.map(({ duplicates }) => duplicates)).toEqual([0, 2500]);
  const files = await listFiles(logs.lakeDir('one'));
  expect(await listFiles(logs.lakeDir('two'))).toEqual(files);
  for (const file of files) {
    const [first, second] = ['one', 'two'].map((lake) =>
      readFileSync(join(logs.lakeDir(lake), file)),
    );
    expect(first!.equals(second!), file).toBe(true);
  }
});
