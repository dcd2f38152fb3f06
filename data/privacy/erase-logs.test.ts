import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { decompress } from 'fzstd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DuckDb, sqlText } from '../duckdb.ts';
import { contentOf, type Packing } from './content.ts';
import { eraseFromLogs, type LogsAccount } from './erase-logs.ts';
import { keptLines } from './kept-lines.ts';
import { rawFrame, writePacked } from './pack.ts';
import { lineOwner } from './whose-line.ts';

let folder: string;
let db: DuckDb;
beforeAll(async () => {
  db = await DuckDb.open({ tempDir: join(tmpdir(), 'edgeloom-erase-logs-spill') });
});
afterAll(() => db.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'erase-logs-'));
  await plant('dataset.json', JSON.stringify(DATASET));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const DATASET = {
  ...{ name: 'logs', kind: 'device', first_date: '2026-03-02', last_date: '2026-03-02' },
};
const LONG_AGO = new Date('2026-03-02T00:00:00Z');

async function plant(path: string, data: string | Buffer): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), data);
  await utimes(join(folder, path), LONG_AGO, LONG_AGO);
}

const erased = async (ids = ['user-7']): Promise<LogsAccount & { told: [string, number][] }> => {
  const told: [string, number][] = [];
  const options = { logsDir: folder, ids, tempDir: join(folder, '.spill') };
  const account = await eraseFromLogs(options, async (file, rows) => {
    told.push([file, rows]);
  });
  return { ...account, told };
};

const bytes = (path: string): Promise<Buffer> => readFile(join(folder, path));
const row = (user: string, more = ''): string => `{"user_id":"${user}","ts":1${more}}`;
const theirs = row('user-7');
const others = `${row('user-8')}\r\n\n  ${row('user-70', ',"note":"ü\\u0041"')}\n`;

/** Content of a file, by readers that are not ours. */
const unpacked = (packed: Buffer, packing: Packing): Buffer => {
  if (packing === 'gzip') return gunzipSync(packed);
  return packing === 'zstd' ? Buffer.from(decompress(packed)) : packed;
};

describe('erasing users from raw logs', () => {
  it.each([
    ['plain', 'a.ndjson', Buffer.from],
    ['gzip', 'a.ndjson.gz', gzipSync],
    ['zstd', 'a.ndjson.zst', rawFrame],
  ] as const)(
    'takes their lines out of %s files and leaves the others byte for byte',
    async (packing, name, pack) => {
      const [first, last] = [others, '{"user_id":"user-9","no":"end"}'];
      const content = `\ufeff${theirs}\n${first}${theirs}\r\n${theirs}\n${last}`;
      await plant(`events/day/${name}`, pack(Buffer.from(content)));
      expect(await erased()).toEqual({ files: 1, unread: 0, told: [[`events/day/${name}`, 3]] });
      const left = unpacked(await bytes(`events/day/${name}`), packing).toString('utf8');
      expect(left).toBe(`${first}${last}`);
      expect(await readdir(join(folder, 'events/day'))).toEqual([name]);
    },
  );

  it('takes rows out of Parquet, of events and of tables, and keeps order, types and packing', async () => {
    await mkdir(join(folder, 'events'));
    const to = sqlText(join(folder, 'events/a.parquet'));
    await db.run(
      `copy (select if(i % 10 = 3, 'user-7', 'user-' || (i + 100)) as user_id, i::tinyint as n, [i, null] as list
       from range(100) t(i)) to ${to} (format parquet, compression gzip)`,
    );
    await plant('tables/users.ndjson', `${theirs}\n${row('user-8')}\n`);
    await plant('tables/items.ndjson', '{"item_id":"user-7"}\n');
    const before = await bytes('tables/items.ndjson');
    expect((await erased()).told).toEqual([
      ['events/a.parquet', 10],
      ['tables/users.ndjson', 1],
    ]);
    const left = await db.rows<{ user_id: string; n: number }>(`select * from read_parquet(${to})`);
    expect(left.map(({ n }) => n)).toEqual(
      Array.from({ length: 100 }, (_, i) => i).filter((i) => i % 10 !== 3),
    );
    expect(left[4]).toEqual({ user_id: 'user-105', n: 5, list: [5, null] });
    const [facts] = await db.rows(
      `select distinct compression from parquet_metadata(${to}) order by 1`,
    );
    expect(facts).toEqual({ compression: 'GZIP' });
    // Items are no user's, whatever their ids.
    expect(await bytes('tables/items.ndjson')).toEqual(before);
  });

  it('does not touch files without their rows, other files, or damaged ones, which it counts', async () => {
    const packed = gzipSync(`${theirs}\n${others.repeat(50)}`);
    await plant('events/cut.ndjson.gz', packed.subarray(0, packed.length - 9));
    await plant('events/none.ndjson', others);
    await plant('events/a.parquet', 'PAR1 and no more');
    await plant('events/_NOTES', `of ${theirs}`);
    const paths = ['cut.ndjson.gz', 'none.ndjson', 'a.parquet', '_NOTES'];
    const before = await Promise.all(paths.map((path) => bytes(`events/${path}`)));
    expect(await erased()).toEqual({ files: 3, unread: 2, told: [] });
    expect(await Promise.all(paths.map((path) => bytes(`events/${path}`)))).toEqual(before);
    for (const path of paths)
      expect((await stat(join(folder, 'events', path))).mtimeMs).toBe(LONG_AGO.getTime());
    expect((await readdir(join(folder, 'events'))).sort()).toEqual([...paths].sort());
  });

  it('removes what a killed attempt left, and leaves a file of nothing but their rows empty', async () => {
    await plant('events/a.ndjson.zst', rawFrame(Buffer.from(`${theirs}\n`)));
    await plant('events/.edgeloom-erase-0123456789ab', 'half');
    expect((await erased()).told).toEqual([['events/a.ndjson.zst', 1]]);
    expect(await readdir(join(folder, 'events'))).toEqual(['a.ndjson.zst']);
    expect(unpacked(await bytes('events/a.ndjson.zst'), 'zstd')).toHaveLength(0);
    expect((await erased()).told).toEqual([]);
  });

  it('leaves a file as it is that grows meanwhile', async () => {
    await plant('events/a.ndjson', `${theirs}\n${others}`);
    const options = { logsDir: folder, ids: ['user-7'], tempDir: join(folder, '.spill') };
    const grown = `${theirs}\n${others}${row('user-9')}\n`;
    const erasing = eraseFromLogs(options, () => plant('events/a.ndjson', grown));
    await expect(erasing).rejects.toMatchObject({ code: 'logs-changed' });
    expect((await bytes('events/a.ndjson')).toString()).toBe(grown);
    expect(await readdir(join(folder, 'events'))).toEqual(['a.ndjson']);
  });

  it('refuses a folder that is none of logs', async () => {
    await rm(join(folder, 'dataset.json'));
    await plant('events/a.ndjson', `${theirs}\n`);
    await expect(erased()).rejects.toMatchObject({ code: 'logs-not-found' });
  });
});

describe('whose a line is', () => {
  const isTheirs = lineOwner(['user-7', '12']);
  const of = (line: string): boolean => isTheirs(Buffer.from(line));

  it('is told by its user_id, however that is spelt, and by nothing else in a line that has one', () => {
    expect(of('{"user_id": "user-7"}\n')).toBe(true);
    expect(of('{"user_id":"us\\u0065r-7"}')).toBe(true);
    expect(of('{"user_id":12}')).toBe(true);
    expect(of('{"user_id":"user-8","item_id":"12","device_id":"user-7"}')).toBe(false);
    expect(of('{"user_id":"user-70"}')).toBe(false);
    expect(of('{"rows":12}')).toBe(false);
  });

  it('is whosever id stands in it when nobody can read a user_id', () => {
    expect(of('{"user_id":"user-7","ts":17')).toBe(true);
    expect(of('torn user-7 off\n')).toBe(true);
    expect(isTheirs(Buffer.concat([Buffer.from([0xff]), Buffer.from('"user-7"')]))).toBe(true);
    expect(of('torn user-77 off')).toBe(false);
  });
});

describe('lines and packings', () => {
  const pieces = async function* (all: Buffer, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
  };
  const line = fc.constantFrom('x', 'xx\r', '', 'keep', 'keep \u00fc', '\0', 'a"b,c');
  const leaves = (one: Buffer): boolean => one[0] === 0x78;

  it('loses no byte of the lines that stay, however the content is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        async (lines, ended, size) => {
          const text = lines.join('\n') + (ended ? '\n' : '');
          const wanted = text.split(/(?<=\n)/).filter((one) => !one.startsWith('x'));
          let left = 0;
          const kept: Buffer[] = [];
          for await (const one of keptLines(pieces(Buffer.from(text), size), leaves, () => {
            left += 1;
          }))
            kept.push(one);
          expect(Buffer.concat(kept).toString()).toBe(wanted.join(''));
          expect(left).toBe(text.split(/(?<=\n)/).length - wanted.length);
        },
      ),
    );
  });

  it.each(['gzip', 'zstd'] as const)(
    'packs any bytes as %s, so that others read them',
    async (packing) => {
      let n = 0;
      const text = fc.array(line).map((lines) => Buffer.from(lines.join('\n')));
      const some = fc.oneof(
        text,
        fc.uint8Array({ maxLength: 40 }).map((raw) => Buffer.from(raw)),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(some, { maxLength: 4 }), async (parts) => {
          n += 1;
          const path = join(folder, `${n}`);
          const all = parts.flatMap((part) => [part, Buffer.from('\n')]);
          await writePacked(db, pieces(Buffer.concat(all), 7), packing, path);
          const packed = await readFile(path);
          expect(unpacked(packed, packing)).toEqual(Buffer.concat(all));
          const read: Buffer[] = [];
          for await (const piece of contentOf(path, packing)) read.push(piece);
          expect(Buffer.concat(read)).toEqual(Buffer.concat(all));
        }),
        { numRuns: 25 },
      );
    },
  );

  it('compresses lines as zstd, and packs several frames and blocks', async () => {
    const text = Buffer.from(others.repeat(300_000));
    const lines = keptLines(pieces(text, 1 << 20), leaves, () => undefined);
    await writePacked(db, lines, 'zstd', join(folder, 'big'));
    const packed = await readFile(join(folder, 'big'));
    expect(packed.length).toBeLessThan(text.length / 20);
    expect(unpacked(packed, 'zstd').equals(text)).toBe(true);
    const raw = rawFrame(text.subarray(0, 300_000));
    expect(unpacked(raw, 'zstd').equals(text.subarray(0, 300_000))).toBe(true);
  });
});
