import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXAMPLE_EVENTS } from '../contracts/example-events.ts';
import { exposureLine, LogFixture } from './ingest-fixture.ts';
import { rawZstdFrame } from './zstd/frame-fixture.ts';

let logs: LogFixture;
beforeEach(async () => {
  logs = await LogFixture.create();
});
afterEach(async () => {
  await logs.remove();
});

const { ts } = EXAMPLE_EVENTS.exposure;
const DAY_MS = 86_400_000;

/** Good lines `e-<from>` to `e-<to>`, each ended by a newline. */
const good = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `${exposureLine(`e-${from + i}`)}\n`).join('');

describe('lines', () => {
  test('each defect is rejected at its line and offset, and the rest is stored', async () => {
    const lines: [line: string | Buffer, reason?: string][] = [
      [exposureLine('e-1')],
      ['{"event_id":"e', 'not-json'],
      [''],
      [exposureLine('e-2').replace('812.5', '1e400'), 'bad-value'],
      [exposureLine('e-3').replace('812.5', 'NaN'), 'not-json'],
      [' \t\r'],
      [Buffer.concat([Buffer.from('{"event_id":"'), Buffer.from([0xff, 0xfe])]), 'invalid-utf8'],
      [`${exposureLine('e-4')}\r`],
      [exposureLine('e-5').replace('"user-7"', '"user\r7"'), 'not-json'],
      [exposureLine('e-6').replace(',"type"', ',\r"type"')],
      [exposureLine('e-7', { schema_version: 2 }), 'schema-version'],
      [exposureLine('e-8', { type: 'exposed' }), 'unknown-type'],
      [exposureLine('e-9', { scroll_sped: 1 }), 'unknown-field'],
      [exposureLine('e-10', { item_id: undefined }), 'missing-field'],
      [exposureLine('e-11', { position: -1 }), 'bad-value'],
      [`[${exposureLine('e-12')}]`, 'not-an-object'],
      ['null', 'not-an-object'],
      [`{"__proto__":1,${exposureLine('e-13').slice(1)}`, 'unknown-field'],
      [exposureLine('e-14', { ended: 1_000_000_000_000 }), 'ended-before-started'],
      [`${exposureLine('e-15').slice(0, -1)},"item_id":"the-last-key-counts"}`],
      [exposureLine('e-16', { app_version: 'Ünïcødé 😀' })],
      ['\ufeff{}', 'not-json'],
      ['[['.repeat(20_000), 'not-json'],
    ];
    const bytes = lines.map(([line]) => Buffer.concat([Buffer.from(line), Buffer.from('\n')]));
    await logs.write('events/a.ndjson', Buffer.concat(bytes));
    const summary = await logs.ingest();
    const rejects = await logs.rejects();
    const expected = lines.flatMap(([, reason], i) => (reason ? [[i + 1, reason]] : []));
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual(expected);
    for (const { line, offset, raw, encoding } of rejects) {
      const before = bytes.slice(0, line - 1).reduce((sum, part) => sum + part.length, 0);
      expect(offset).toBe(before);
      const whole = bytes[line - 1]!.subarray(0, -1);
      expect(Buffer.from(raw, encoding).equals(whole)).toBe(true);
      expect(encoding).toBe(line === 7 ? 'base64' : 'utf8');
    }
    expect(summary).toMatchObject({ rowsIn: 21, stored: 5, rejected: 16, duplicates: 0 });
    expect(summary.byFile[0]!.blankLines).toBe(2);
    const stored = await logs.query<{ event_id: string; item_id: string; app_version: string }>(
      "select event_id, item_id, app_version from '$lake/type=exposure/*/*/*.parquet' order by 1",
    );
    expect(stored.map((row) => row.event_id)).toEqual(['e-1', 'e-15', 'e-16', 'e-4', 'e-6']);
    expect(stored[1]!.item_id).toBe('the-last-key-counts');
    expect(stored[2]!.app_version).toBe('Ünïcødé 😀');
  });

  test('a byte order mark opens a file, and the last line needs no newline', async () => {
    await logs.write('events/a.ndjson', `\ufeff${exposureLine('a')}\r\n${exposureLine('b')}`);
    await logs.write('events/empty.ndjson', '');
    await logs.write('events/empty.ndjson.gz', gzipSync(''));
    expect(await logs.ingest()).toMatchObject({ rowsIn: 2, stored: 2, rejected: 0 });
  });

  test('a line of 50 MB is one reject with its beginning, and the next line is read', async () => {
    const long = `{"event_id":"${'x'.repeat(50_000_000)}"}`;
    const file = `${exposureLine('a')}\n${long}\n${exposureLine('b')}\nbad\n`;
    await logs.write('events/a.ndjson.gz', gzipSync(file, { level: 1 }));
    const summary = await logs.ingest();
    expect(summary).toMatchObject({ rowsIn: 4, stored: 2, rejected: 2 });
    const [tooLong, bad] = await logs.rejects();
    expect(tooLong).toMatchObject({
      ...{ line: 2, reason: 'line-too-long', bytes: long.length, truncated: true },
      raw: long.slice(0, 64 * 1024),
    });
    const offset = exposureLine('a').length + 1 + long.length + 1 + exposureLine('b').length + 1;
    expect(bad).toMatchObject({ line: 4, reason: 'not-json', offset, truncated: false });
  });

  test('clocks are judged by the receive time where there is one', async () => {
    const hour = 3_600_000;
    const lines = [
      exposureLine('a', { received_ts: ts - hour }),
      exposureLine('b', { received_ts: ts - hour - 1 }),
      exposureLine('c', { received_ts: ts + 14 * DAY_MS }),
      exposureLine('d', { received_ts: ts + 14 * DAY_MS + 1 }),
      exposureLine('e', { received_ts: null }),
      exposureLine('f', { received_ts: ts - 3 * DAY_MS }),
    ];
    await logs.write('events/a.ndjson', lines.join('\n'));
    const summary = await logs.ingest();
    expect(await logs.rejectedAt()).toEqual([
      'events/a.ndjson:2 clock-ahead',
      'events/a.ndjson:4 too-late',
      'events/a.ndjson:6 clock-ahead',
    ]);
    expect(summary.rejectsByReason).toEqual({ 'clock-ahead': 2, 'too-late': 1 });
  });

  test('without a receive time, clocks are judged by the days of the data set', async () => {
    await logs.remove();
    logs = await LogFixture.create({ last_date: '2026-03-03', utc_offset_minutes: 480 });
    const start = Date.UTC(2026, 2, 1, 16);
    // Two days, one more for time zones, and the hour that a clock may be ahead.
    const latest = start + 3 * DAY_MS + 3_600_000;
    const earliest = start - 14 * DAY_MS;
    const at = (id: string, time: number, received_ts: number | null = null) =>
      exposureLine(id, { ts: time, started: time, ended: time, received_ts });
    const lines = [
      at('a', earliest),
      at('b', earliest - 1),
      at('c', latest),
      '',
      at('d', latest + 1),
      at('e', Date.UTC(2100, 0, 1)),
      // The cloud's clock tells more than the description.
      at('f', latest + 1, latest + 1),
      at('g', start - 5 * 3_600_000),
    ];
    await logs.write('events/a.ndjson', lines.join('\n'));
    const summary = await logs.ingest();
    expect(await logs.rejectedAt()).toEqual([
      'events/a.ndjson:2 too-late',
      'events/a.ndjson:5 clock-ahead',
      'events/a.ndjson:6 clock-ahead',
    ]);
    expect(summary).toMatchObject({ rowsIn: 7, stored: 4, rejected: 3 });
    expect((await logs.rejects())[1]!.detail).toContain('1 ms after what last_date');
  });
});

describe('damaged files', () => {
  test('a cut-off gzip keeps the rows that were read and has one reject for what is missing', async () => {
    const whole = gzipSync(good(1, 2000), { level: 1 });
    await logs.write('events/a.ndjson.gz', whole.subarray(0, whole.length >> 1));
    await logs.write('events/b.ndjson', good(5000, 5001));
    const summary = await logs.ingest();
    const { stored } = summary.byFile[0]!;
    expect(stored).toBeGreaterThan(500);
    expect(summary).toMatchObject({ rowsIn: stored + 3, stored: stored + 2, rejected: 1 });
    expect(await logs.rejectedAt()).toEqual([`events/a.ndjson.gz:${stored + 1} file-truncated`]);
    const [reject] = await logs.rejects();
    expect(good(stored + 1, stored + 1)).toContain(reject!.raw);
    expect(reject!.offset).toBe(good(1, stored).length);
  });

  test('a cut between two lines counts as a missing row as well', async () => {
    const member = gzipSync(good(1, 3));
    await logs.write(
      'events/a.ndjson.gz',
      Buffer.concat([member, gzipSync(good(4, 5)).subarray(0, 5)]),
    );
    expect(await logs.ingest()).toMatchObject({ rowsIn: 4, stored: 3, rejected: 1 });
    expect(await logs.rejectedAt()).toEqual(['events/a.ndjson.gz:4 file-truncated']);
  });

  test('a bad checksum rejects every row of the gzip member, line by line, and keeps the verified ones', async () => {
    const bad = gzipSync(`${good(3, 4)}not json\n\n${good(5, 5)}`);
    bad[bad.length - 6]! ^= 1;
    await logs.write('events/a.ndjson.gz', Buffer.concat([gzipSync(good(1, 2)), bad]));
    await logs.write('events/b.ndjson', good(6, 9));
    const summary = await logs.ingest();
    expect(summary).toMatchObject({ rowsIn: 10, stored: 6, rejected: 4, duplicates: 0 });
    expect(await logs.rejectedAt()).toEqual(
      [3, 4, 5, 7].map((line) => `events/a.ndjson.gz:${line} file-checksum`),
    );
    expect((await logs.rejects())[0]!.raw).toBe(exposureLine('e-3'));
  });

  test('damaged compressed data rejects what can be read of it and one row for the rest', async () => {
    // Level 0 stores the data in blocks, each with its length and the length's complement.
    const bytes = gzipSync(good(1, 500), { level: 0 });
    const secondBlock = 10 + 5 + bytes.readUInt16LE(11);
    bytes[secondBlock + 3]! ^= 0xff;
    await logs.write('events/a.ndjson.gz', bytes);
    const summary = await logs.ingest();
    expect(summary.stored).toBe(0);
    expect(Object.keys(summary.rejectsByReason)).toEqual(['file-corrupt']);
    expect(summary.rejected).toBe(summary.rowsIn);
    const rejects = await logs.rejects();
    expect(rejects.length).toBeGreaterThan(20);
    expect(rejects.map((reject) => reject.line)).toEqual(rejects.map((_, i) => i + 1));
  });

  test.each([
    ['text under a gzip name', '.ndjson.gz', Buffer.from(good(1, 3)), 'file-corrupt'],
    ['nothing under a gzip name', '.ndjson.gz', Buffer.alloc(0), 'file-truncated'],
    ['text under a zstd name', '.ndjson.zst', Buffer.from(good(1, 3)), 'file-corrupt'],
    ['text under a Parquet name', '.parquet', Buffer.from(good(1, 3)), 'file-corrupt'],
    ['nothing under a Parquet name', '.parquet', Buffer.alloc(0), 'file-corrupt'],
  ])('%s is one reject', async (_name, suffix, bytes, reason) => {
    await logs.write(`events/a${suffix}`, bytes);
    await logs.write('events/b.ndjson', good(1, 2));
    expect(await logs.ingest()).toMatchObject({ rowsIn: 3, stored: 2, rejected: 1 });
    expect(await logs.rejectedAt()).toEqual([`events/a${suffix}:1 ${reason}`]);
  });

  test('zstd: frames follow one another, a cut frame is told, a bad checksum quarantines its frame', async () => {
    const first = rawZstdFrame(good(1, 2), { checksum: true });
    const second = rawZstdFrame(good(3, 4), { checksum: true });
    const spoiled = Buffer.from(second);
    spoiled[20]! ^= 1;
    await logs.write('events/a.ndjson.zst', Buffer.concat([first, second]));
    await logs.write('events/b.ndjson.zst', Buffer.concat([first, spoiled]));
    await logs.write('events/c.ndjson.zst', Buffer.concat([first, second.subarray(0, 30)]));
    const summary = await logs.ingest();
    expect(await logs.rejectedAt()).toEqual([
      'events/b.ndjson.zst:3 file-checksum',
      'events/b.ndjson.zst:4 file-checksum',
      'events/c.ndjson.zst:3 file-truncated',
    ]);
    expect(summary).toMatchObject({ rowsIn: 11, stored: 4, rejected: 3, duplicates: 4 });
  });

  test('rejected and taken-back rows do not count as first of a duplicate', async () => {
    const bad = gzipSync(good(1, 2));
    bad[bad.length - 6]! ^= 1;
    await logs.write('events/a.ndjson.gz', bad);
    await logs.write('events/b.ndjson', good(1, 2));
    expect(await logs.ingest()).toMatchObject({ rowsIn: 4, stored: 2, rejected: 2, duplicates: 0 });
  });
});
