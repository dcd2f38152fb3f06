/** Files of a lake that others wrote: other types, encodings and row groups, columns that are missing. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EdgeloomError } from '../../../lib/errors.ts';
import { listFiles } from '../../../lib/files.ts';
import { DuckDb, sqlText } from '../../duckdb.ts';
import { ParquetFile } from '../../parquet/read/file.ts';
import { hashPaths } from '../groups/lake-hashes.ts';
import { type FixtureEvent, NOON, writeLake } from '../lake-fixture.ts';
import { stitch } from '../stitch.ts';

let folder: string;
let lake: string;
let db: DuckDb;

const S = 1000;
const page = (user: string, k: number): FixtureEvent => ({
  type: 'request',
  user,
  request_id: `r-${user}-${k}`,
  ts: NOON + k * 100 * S,
  scene: 'home',
  page_no: k,
  candidates: [1, 2, 3].map((i) => ({
    item_id: `i${(k + i) % 5}`,
    position: i,
    scores: { ctr: i / 10 + k },
  })),
});
const shown = (user: string, k: number): FixtureEvent => ({
  type: 'exposure',
  user,
  request_id: `r-${user}-${k}`,
  item_id: `i${(k + 1) % 5}`,
  position: k,
  started: NOON + k * 100 * S + S,
  ended: NOON + k * 100 * S + 3 * S,
});
const opened = (user: string, k: number): FixtureEvent => ({
  type: 'page_view',
  user,
  request_id: `r-${user}-${k}`,
  item_id: `i${(k + 1) % 5}`,
  started: NOON + k * 100 * S + 2 * S,
  ended: NOON + k * 100 * S + 9 * S,
  actions: k % 2 === 0 ? [{ block: 'cart', clicks: 2, dwell_ms: 30 }] : null,
});
const EVENTS = ['a', 'b', 'c', 'd'].flatMap((user) =>
  [0, 1, 2, 3, 4, 5].flatMap((k) => [page(user, k), shown(user, k), opened(user, k)]),
);
const HISTORY = [
  { user: 'b', as_of: NOON - 9 * S, item_ids: ['i9', 'i8'] },
  { user: 'x', as_of: NOON, item_ids: ['i7'] },
];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-foreign-'));
  lake = await writeLake(join(folder, 'lake'), { events: EVENTS, history: HISTORY });
  db = await DuckDb.open({ tempDir: join(folder, 'spill') });
});
afterEach(async () => {
  vi.restoreAllMocks();
  db.close();
  await rm(folder, { recursive: true, force: true });
});

/** Path → hash of all samples. */
async function samples(name: string): Promise<Record<string, string>> {
  const outDir = join(folder, name);
  await stitch({ lakeDir: lake, outDir, maxUserEvents: 14, eventsPerPart: 20 });
  return hashPaths(outDir, await listFiles(outDir));
}

/** Writes every event file anew. @param select of the relation `old` */
async function rewrite(select: (type: string) => string, options = '', to = ''): Promise<void> {
  for (const path of (await listFiles(lake)).filter((file) => /part-0/.test(file))) {
    const file = join(lake, path);
    const old = `read_parquet(${sqlText(file)}, hive_partitioning = false)`;
    const type = /type=([a-z_]+)/.exec(path)![1]!;
    const target = to ? join(dirname(file), to) : `${file}.new`;
    await db.run(
      `copy (with old as (from ${old}) ${select(type)}) to ${sqlText(target)} (format parquet${options})`,
    );
    if (!to) await rename(target, file);
  }
}

/** Of other types than ingest writes, in columns and in lists. */
const strange = (type: string): string =>
  type === 'request'
    ? `select * replace (page_no::bigint as page_no, list_transform(candidates, lambda c:
         {'scores': c.scores::json, 'position': c.position::bigint, 'more': 1, 'item_id': c.item_id})
         as candidates) from old`
    : 'select * replace (ts::varchar as ts, started::decimal(20, 1) as started) from old';

describe('the samples are those of the lake that ingest wrote', () => {
  it.each([
    [
      'when rows stand in any order of users',
      () => rewrite(() => 'from old order by hash(event_id)'),
    ],
    [
      'when a folder has several files',
      async () => {
        const half = (n: number) => () => `from old where hash(event_id) % 2 = ${n} order by all`;
        await rewrite(half(1), '', 'part-1.parquet');
        await rewrite(half(0));
      },
    ],
    ['when files are compressed', () => rewrite(() => 'from old', ', compression gzip')],
    [
      'when texts and numbers have no dictionaries',
      () => rewrite(() => 'from old', ', parquet_version v2, dictionary_size_limit 1'),
    ],
    ['when the codec is unknown', () => rewrite(() => 'from old', ', compression brotli')],
    ['when columns have other types', () => rewrite(strange)],
    [
      'when reading refuses what the footer does not tell',
      async () => {
        const read = ParquetFile.prototype.readColumn;
        vi.spyOn(ParquetFile.prototype, 'readColumn').mockImplementation(function (
          this: ParquetFile,
          group,
          leaf,
          options,
        ) {
          const name = this.leaves[leaf]!.path.join('.');
          const refused = /exposure.*item_id|request.*user_key|history.*item_ids/;
          if (this.path.startsWith(lake) && refused.test(`${this.path} ${name}`)) {
            const what = 'this reader does not know it';
            throw new EdgeloomError({ code: 'parquet-not-supported', what });
          }
          return read.call(this, group, leaf, options);
        });
      },
    ],
  ])('%s', async (_, change) => {
    const before = await samples('before');
    await change();
    expect(await samples('after')).toEqual(before);
  });

  it('but for a column that is not there, which is as if it were null', async () => {
    await rewrite(() => 'select * replace (null::bigint as received_ts) from old');
    const nulls = await samples('nulls');
    const missing: Record<string, string> = { page_view: 'received_ts, actions, source' };
    await rewrite((type) => `select * exclude (${missing[type] ?? 'received_ts'}) from old`);
    const without = await samples('without');
    await rewrite((type) =>
      type === 'page_view'
        ? `select *, null::struct("block" varchar, dwell_ms double, clicks integer)[] as actions,
             null::varchar as source from old`
        : 'from old',
    );
    expect(without).toEqual(await samples('again'));
    expect(Object.keys(without)).toEqual(Object.keys(nulls));
  });
});
