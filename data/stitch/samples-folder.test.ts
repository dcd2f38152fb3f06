import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFiles } from '../../lib/files.ts';
import { sha256File } from '../../lib/hash.ts';
import { opened, page, S, shown, stitched } from './events-fixture.ts';
import { type FixtureLake, NOON, writeLake } from './lake-fixture.ts';
import { readSamples } from './samples-fixture.ts';
import { stitch } from './stitch.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the folder', () => {
  const busy: FixtureLake = {
    buckets: 3,
    dataset: { utc_offset_minutes: 480 },
    items: [
      { item_id: 'a', category: 'x', price_level: 2 },
      { item_id: 'a', valid_from: NOON, category: 'y' },
    ],
    events: Array.from({ length: 40 }, (_, i) => [
      page(`r${i}`, i * 3_600_000, ['a', 'b', 'c'], { user: `u${i % 4}` }),
      shown(`r${i}`, 'b', i * 3_600_000 + S, i * 3_600_000 + 2 * S, { user: `u${i % 4}` }),
      opened(`r${i}`, 'b', i * 3_600_000 + S, i * 3_600_000 + 2 * S, { user: `u${i % 4}` }),
    ]).flat(),
  };

  it('has equal bytes when made again, by more threads and in less memory', async () => {
    await writeLake(join(folder, 'lake'), busy);
    const lakeDir = join(folder, 'lake');
    const hashes = async (outDir: string) =>
      Promise.all(
        (await listFiles(outDir)).map(async (path) => [path, await sha256File(join(outDir, path))]),
      );
    await stitch({ lakeDir, outDir: join(folder, 'one'), threads: 3, eventsPerThread: 1 });
    await stitch({ lakeDir, outDir: join(folder, 'two'), threads: 1, memoryLimitMb: 200 });
    const one = await hashes(join(folder, 'one'));
    expect(one).toEqual(await hashes(join(folder, 'two')));
    expect(one.map(([path]) => path)).toContain('rerank/date=2026-03-03/bucket=01/part-0.parquet');
    expect(one.map(([path]) => path)).not.toContain('.work');
  });

  it('has the same rows and counts when a bucket’s users are stitched in parts', async () => {
    await writeLake(join(folder, 'lake'), { ...busy, buckets: 1 });
    const lakeDir = join(folder, 'lake');
    const whole = await stitch({ lakeDir, outDir: join(folder, 'whole') });
    const parts = await stitch({ lakeDir, outDir: join(folder, 'parts'), eventsPerPart: 1 });
    expect(parts).toEqual(whole);
    const files = await listFiles(join(folder, 'parts'));
    expect(files).toContain('rerank/date=2026-03-03/bucket=00/part-3.parquet');
    for (const family of ['rerank', 'user_days.parquet', 'items.parquet']) {
      const [one, other] = await Promise.all(
        ['whole', 'parts'].map((name) => readSamples(join(folder, name), family)),
      );
      expect(other).toEqual(one);
    }
  });

  it('holds the versions of items and one row per user and day', async () => {
    const { summary } = await stitched(folder, busy);
    const items = await readSamples(join(folder, 'samples'), 'items.parquet');
    expect(items.map((row) => [row.item_id, row.valid_from, row.category])).toEqual([
      ['a', 0, 'x'],
      ['a', NOON, 'y'],
      ['b', 0, null],
      ['c', 0, null],
    ]);
    const days = await readSamples(join(folder, 'samples'), 'user_days.parquet');
    expect(days).toHaveLength(12);
    expect(days.reduce((sum, row) => sum + (row.clicks as number), 0)).toBe(40);
    expect(summary).toMatchObject({
      dates: ['2026-03-02', '2026-03-03', '2026-03-04'],
      users: 4,
      items: 3,
      decisions: 0,
    });
  });

  it('counts what a user did on the day on which the cloud received it', async () => {
    const hour = 3_600_000;
    // China's midnight is 4 h after noon in UTC.
    const evening = { received_ts: NOON + 3 * hour };
    const night = { received_ts: NOON + 5 * hour };
    await stitched(folder, {
      dataset: { utc_offset_minutes: 480 },
      events: [
        page('r', 0, ['a', 'b', 'c'], evening),
        shown('r', 'a', S, 2 * S, evening),
        opened('r', 'a', 2 * S, 3 * S, evening),
        // The phone was offline until the night.
        shown('r', 'b', 3 * S, 4 * S, night),
        { type: 'order', request_id: 'r', item_id: 'a', ts: NOON + 5 * S, ...night },
        // The page view came before its exposure: together they are a click at night.
        shown('r', 'c', 6 * S, 7 * S, night),
        opened('r', 'c', 7 * S, 8 * S, evening),
        // Nothing but the phone's clock.
        shown('r', 'a', 9 * S, 10 * S, { received_ts: null }),
      ],
    });
    const days = await readSamples(join(folder, 'samples'), 'user_days.parquet');
    const facts = days.map((row) => [
      (row.date as Date).toISOString().slice(0, 10),
      ...[row.requests, row.exposures, row.page_views, row.clicks, row.orders, row.sessions],
    ]);
    expect(facts).toEqual([
      ['2026-03-02', 1, 2, 2, 1, 0, 1],
      ['2026-03-03', 0, 2, 0, 1, 1, 1],
    ]);
  });

  it.each([1, 3])(
    'is not left behind when the work fails or is stopped (%i threads)',
    async (threads) => {
      await writeLake(join(folder, 'lake'), busy);
      const outDir = join(folder, 'samples');
      const stop = new AbortController();
      const work = stitch({
        lakeDir: join(folder, 'lake'),
        outDir,
        signal: stop.signal,
        onProgress: () => stop.abort(),
        threads,
        eventsPerThread: 1,
      });
      await expect(work).rejects.toThrow();
      expect((await listFiles(folder)).filter((path) => path.startsWith('samples'))).toEqual([]);
      await expect(stitch({ lakeDir: join(folder, 'nowhere'), outDir })).rejects.toMatchObject({
        code: 'not-a-lake',
      });
      await expect(
        stitch({ lakeDir: join(folder, 'lake'), outDir, exposuresK: 0 }),
      ).rejects.toMatchObject({ code: 'bad-config' });
    },
  );
});
