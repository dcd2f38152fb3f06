import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DuckDb, sqlText } from '../duckdb.ts';
import { findUser } from './find-user.ts';
import { writePacked } from './pack.ts';
import type { UserTraces } from './user-pattern.ts';

const KEY = '0123456789abcdef0123456789abcdef';
const TRACES: UserTraces = { ids: ['user-7'], keys: [KEY] };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'find-user-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function plant(path: string, data: string | Buffer): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), data);
}

async function parquet(path: string, select: string): Promise<void> {
  const db = await DuckDb.open({ tempDir: join(folder, 'spill') });
  try {
    const to = sqlText(join(folder, path));
    await db.run(
      `copy (${select}) to ${to} (format parquet, compression zstd, parquet_version v2)`,
    );
  } finally {
    db.close();
  }
}

const places = async (traces = TRACES): Promise<string[]> => {
  const { places: found } = await findUser(folder, traces, { tempDir: join(folder, 'spill') });
  return found.map(({ path, where, rows }) => `${path}: ${where}${rows ? ` ${rows}` : ''}`);
};

const reject = (raw: string): string =>
  `${JSON.stringify({ user_key: null, encoding: 'base64', raw: Buffer.from(raw).toString('base64') })}\n`;

describe('findUser', () => {
  it.each([
    ['a log', 'a.log', 'failed for user-7', 'a.log: bytes'],
    ['a key in binary', 'a.bin', Buffer.from(`\0\x01${KEY}\xff`, 'latin1'), 'a.bin: bytes'],
    ['gzip', 'a.gz', gzipSync('{"user_id":"user-7"}'), 'a.gz: content'],
    ['a base64 reject', 'rejects.ndjson', reject('\xff "user-7'), 'rejects.ndjson: content'],
    ['the name of a file', 'logs of user-7.txt', 'x', 'logs of user-7.txt: name'],
    ['a URL', 'a.txt', 'GET /users/user-7?x', 'a.txt: bytes'],
    ['the end of a first chunk', 'a.db', `${'.'.repeat(65_533)}user-7 .`, 'a.db: bytes'],
  ])('finds an id or key in %s', async (_, path, data, found) => {
    await plant(path, data);
    expect(await places()).toEqual([found]);
  });

  it('finds values in compressed Parquet, also nested ones, and counts the rows', async () => {
    const rows = 'from range(5000) t(i)';
    const nested = `[{'a': if(i % 1000 = 0, 'of user-7', 'x' || i)}]`;
    await parquet('a.parquet', `select 'phone ' || i as device_id, ${nested} as deep ${rows}`);
    await parquet('b.parquet', `select if(i = 7, '${KEY}', md5(i::varchar)) as k ${rows}`);
    expect(await places()).toEqual(['a.parquet: column deep 5', 'b.parquet: column k 1']);
  });

  it('finds an id in compressed zstd, and says of one that is cut that it could not be read', async () => {
    const db = await DuckDb.open({ tempDir: join(folder, 'spill') });
    const lines = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from(`${'{"user_id":"user-8"}\n'.repeat(500)}{"user_id":"user-7"}\n`);
    };
    await writePacked(db, lines(), 'zstd', join(folder, 'a.zst'));
    db.close();
    expect((await places()).filter((place) => place.startsWith('a.zst'))).toContain(
      'a.zst: content',
    );
    const whole = await readFile(join(folder, 'a.zst'));
    await plant('a.zst', whole.subarray(0, whole.length - 3));
    const { unread } = await findUser(folder, { ids: ['user-9'], keys: [] }, { tempDir: folder });
    expect(unread.map(({ path }) => path)).toEqual(['a.zst']);
  });

  it('finds a number as the id in raw Parquet, in columns of users only', async () => {
    await parquet('a.parquet', 'select 77::bigint as user_id, 12 as n');
    await parquet('b.parquet', 'select 77 as n');
    expect(await places({ ids: ['77'], keys: [] })).toEqual(['a.parquet: column user_id 1']);
  });

  it('finds an id with characters that JSON escapes', async () => {
    const traces = { ids: ['ü"ser\\7é'], keys: [] };
    await plant('a.ndjson', JSON.stringify({ user_id: 'ü"ser\\7é' }));
    expect(await places(traces)).toEqual(['a.ndjson: bytes']);
  });

  it('takes neither longer ids nor parts of words for the user', async () => {
    await plant('a.log', 'user-70 xuser-7 user-7x superuser-7');
    await parquet('a.parquet', "select 'user-70' as user_id");
    expect(await places()).toEqual([]);
  });

  it('looks for a number in quotes and in columns of users only', async () => {
    const traces = { ids: ['12'], keys: [] };
    await plant('count.json', '{"rows": 12, "of": [12]}');
    await parquet('items.parquet', "select '12' as item_id, '12' as category");
    expect(await places(traces)).toEqual([]);
    await plant('row.json', '{"user_id": "12"}');
    await plant('text.log', 'no row of user 12, sorry');
    await parquet('users.parquet', "select '12' as user_id");
    expect(await places(traces)).toEqual([
      'row.json: bytes',
      'text.log: bytes',
      'users.parquet: column user_id 1',
    ]);
  });

  it('says what it could not read: absence is not proved there', async () => {
    await plant('a.txt', 'x');
    await symlink('a.txt', join(folder, 'link'));
    await plant('broken.parquet', 'PAR1 and no more');
    const { unread, files } = await findUser(folder, TRACES, { tempDir: join(folder, 'spill') });
    expect(unread.map(({ path }) => path)).toEqual(['broken.parquet', 'link']);
    expect(files).toBe(1);
  });
});
