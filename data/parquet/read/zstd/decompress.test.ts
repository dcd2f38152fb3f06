import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../../../lib/random.ts';
import { DuckDb, sqlText } from '../../../duckdb.ts';
import { Input } from '../../../ingest/input.ts';
import { rawZstdFrame } from '../../../ingest/zstd/frame-fixture.ts';
import { unzstd } from '../../../ingest/zstd/frames.ts';
import { Damage } from '../damage.ts';
import { openParquet } from '../file.ts';
import { pagesOf } from '../pages.ts';
import { zstdDecompress } from './decompress.ts';
import { PADDING } from './literals.ts';

/** Contents that a compressor treats differently. */
const COLUMNS = {
  hex: `md5(i::varchar)`,
  sentences: `'user ' || i % 97 || ' saw item ' || (i * i) % 5003 || ' at ' || 1772409600000 + 37 * i`,
  runs: `repeat(chr((65 + i % 3)::integer), (i % 900)::integer)`,
  far: `case when i % 2000 < 3 then repeat(md5((i % 2000)::varchar), 40) else md5((i + 7)::varchar) end`,
  numbers: `1772409600000 + 37 * i`,
  noise: `hash(i)`,
  constant: `7.5`,
};
const LEVELS = [1, 2, 3, 5, 9, 15, 19, 22];

interface Page {
  name: string;
  bytes: Uint8Array;
  size: number;
}

let folder: string;
const pages: Page[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zstd-'));
  const db = await DuckDb.open({ tempDir: join(folder, 'spill') });
  try {
    for (const level of LEVELS) {
      for (const rows of [9, 300, 12_000]) pages.push(...(await pagesAt(db, level, rows)));
    }
  } finally {
    db.close();
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function pagesAt(db: DuckDb, level: number, rows: number): Promise<Page[]> {
  const path = join(folder, 'pages.parquet');
  const select = Object.entries(COLUMNS).map(([name, sql]) => `${sql} as ${name}`);
  await db.run(
    `copy (select ${select.join(', ')} from range(${rows}) r(i)) to ${sqlText(path)}
     (format parquet, compression zstd, compression_level ${level}, dictionary_size_limit 1)`,
  );
  const file = await openParquet(path);
  await file.close();
  const bytes = await readFile(path);
  return file.groups.flatMap(({ chunks }) =>
    chunks.flatMap(({ start, length, slots }, leaf) =>
      pagesOf(bytes.subarray(start, start + length), slots).map((page) => ({
        name: `${file.leaves[leaf]!.path} of ${rows} rows at level ${level}`,
        bytes: page.bytes,
        size: page.size,
      })),
    ),
  );
}

/** The decoder of streams. */
async function streamed(bytes: Uint8Array): Promise<{ content: Buffer; kind: string }> {
  async function* once(): AsyncGenerator<Buffer, void, void> {
    yield Buffer.from(bytes);
  }
  const parts: Buffer[] = [];
  const content = unzstd(new Input(once()));
  for (;;) {
    const next = await content.next();
    if (next.done) return { content: Buffer.concat(parts), kind: next.value.kind };
    parts.push(next.value);
  }
}

function decompressed(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size + PADDING);
  zstdDecompress(bytes, out, size);
  return out.subarray(0, size);
}

describe('zstd in one go', () => {
  it('gives what the decoder of streams gives, for pages of DuckDB at every level', async () => {
    expect(pages.length).toBeGreaterThan(LEVELS.length * 3 * Object.keys(COLUMNS).length - 1);
    for (const { name, bytes, size } of pages) {
      const { content, kind } = await streamed(bytes);
      expect(kind).toBe('whole');
      expect(Buffer.compare(decompressed(bytes, size), content), name).toBe(0);
    }
  });

  it('reads frames one behind the other, skips what is to be skipped, and checks the checksum', () => {
    const first = rawZstdFrame('a'.repeat(300), { checksum: true });
    const second = rawZstdFrame('b'.repeat(400), { checksum: false });
    const skipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const all = Buffer.concat([first, skipped, second]);
    expect(Buffer.from(decompressed(all, 700)).toString()).toBe('a'.repeat(300) + 'b'.repeat(400));
    first[first.length - 1]! ^= 1;
    expect(() => decompressed(first, 300)).toThrow('checksum');
  });

  it('refuses content of another size than was said', () => {
    const frame = rawZstdFrame('a'.repeat(300), { checksum: false });
    for (const size of [0, 299, 301]) expect(() => decompressed(frame, size)).toThrow(Damage);
  });

  it('refuses damaged pages or gives as many bytes, and never writes elsewhere', () => {
    const random = Random.of(1, 'zstd');
    const small = pages.filter(({ bytes }) => bytes.length < 6000);
    let refused = 0;
    for (let round = 0; round < 5000; round++) {
      const { bytes, size } = small[random.below(small.length)]!;
      const damaged = Uint8Array.from(bytes);
      for (let times = 1 + random.below(3); times > 0; times--) {
        damaged[random.below(damaged.length)] = random.below(256);
      }
      const cut = random.below(4) === 0 ? random.below(damaged.length) : damaged.length;
      const out = new Uint8Array(size + PADDING);
      try {
        zstdDecompress(damaged.subarray(0, cut), out, size);
      } catch (error) {
        if (!(error instanceof Damage)) expect((error as Error).name).toBe('NotSupported');
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2500);
  });
});
