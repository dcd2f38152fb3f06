import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../lib/random.ts';
import { fuzzedLines } from './fuzz-lines.ts';
import { LogFixture } from './ingest-fixture.ts';

const LINES = 100_000;

describe('fuzzed lines', () => {
  let logs: LogFixture;
  beforeAll(async () => {
    logs = await LogFixture.create();
  });
  afterAll(async () => {
    await logs.remove();
  });

  test('are all stored, rejected or duplicates, each reject at a line of its own', async () => {
    const random = Random.of(11, 'fuzz');
    const contents = Array.from({ length: 4 }, () => fuzzedLines(random, LINES / 4));
    await logs.write('events/a.ndjson', contents[0]!);
    await logs.write('events/b.ndjson.gz', gzipSync(contents[1]!));
    await logs.write('events/c.ndjson', contents[2]!);
    await logs.write('events/d.ndjson.gz', gzipSync(contents[3]!));
    const { rowsIn, stored, rejected, duplicates, byFile, rejectsByReason } = await logs.ingest();
    expect(rowsIn).toBe(LINES);
    expect(stored + rejected + duplicates).toBe(LINES);
    expect(byFile.map((file) => file.rowsIn)).toEqual(Array(4).fill(LINES / 4));
    expect(Math.min(stored, rejected, duplicates)).toBeGreaterThan(500);
    expect(Object.keys(rejectsByReason).length).toBeGreaterThan(7);
    const rejects = await logs.rejects();
    expect(new Set(rejects.map(({ file, line }) => `${file}:${line}`)).size).toBe(rejected);
    // The raw text of a reject is the line that stands there.
    const lines = contents.map((content) => splitLines(content));
    for (const { file, line, raw, encoding } of rejects) {
      const content = lines[file.charCodeAt('events/'.length) - 'a'.charCodeAt(0)]!;
      expect(Buffer.from(raw, encoding).equals(content[line - 1]!)).toBe(true);
    }
  });
});

function splitLines(content: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf(0x0a, start);
    lines.push(content.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

test('fuzzed gzip files never stop the run, and the account balances', async () => {
  const random = Random.of(12, 'fuzz files');
  const logs = await LogFixture.create();
  try {
    const good = gzipSync(fuzzedLines(random, 300));
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(good.subarray(0, good.length - random.below(40)));
      for (let n = random.below(4); n >= 0; n--)
        bytes[random.below(bytes.length)] = random.below(256);
      await logs.write(`events/${i}.ndjson.gz`, bytes);
    }
    const { rowsIn, stored, rejected, duplicates, rejectsByReason } = await logs.ingest();
    expect(rowsIn).toBe(stored + rejected + duplicates);
    expect(Object.keys(rejectsByReason)).toEqual(
      expect.arrayContaining(['file-checksum', 'file-corrupt', 'file-truncated']),
    );
  } finally {
    await logs.remove();
  }
});
