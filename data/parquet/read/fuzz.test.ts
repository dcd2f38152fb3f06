/** Damaged files of every form: an error that says so, or values, but nothing else. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EdgeloomError } from '../../../lib/errors.ts';
import { Random } from '../../../lib/random.ts';
import { DuckDb } from '../../duckdb.ts';
import type { ColumnVector } from './decode.ts';
import { writeTable } from './duckdb-fixture.ts';
import { openParquet, type ParquetFile } from './file.ts';
import type { Texts } from './values/text-pool.ts';

const CODECS = ['uncompressed', 'snappy', 'gzip', 'lz4_raw', 'zstd'];
const FORMS = CODECS.flatMap((codec) => [
  `compression ${codec}, parquet_version v1, dictionary_size_limit 100000`,
  `compression ${codec}, parquet_version v2`,
  `compression ${codec}, parquet_version v2, dictionary_size_limit 1`,
]);
const ROUNDS = 40;

let folder: string;
const files: Uint8Array[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-fuzz-'));
  const db = await DuckDb.open({ tempDir: join(folder, 'spill') });
  try {
    for (const form of FORMS) {
      const path = join(folder, 'whole.parquet');
      await writeTable(db, path, { rows: 40, nulls: 5, distinct: 3, seed: 1 }, form);
      files.push(await readFile(path));
    }
  } finally {
    db.close();
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const KNOWN = new Set(['bad-parquet', 'parquet-not-supported', 'number-too-large']);

/** Runs until the file is known to be bad. @returns the code of the error, or `read` */
async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'read';
  } catch (error) {
    if (error instanceof EdgeloomError && KNOWN.has(error.code)) return error.code;
    throw error;
  }
}

/** Whoever follows the codes and starts stays within the arrays. */
function expectSafe(vector: ColumnVector): void {
  if (vector.lists) expectRising(vector.lists.starts);
  if (vector.kind === 'texts') expectTexts(vector.texts);
  if (vector.kind !== 'coded-texts') return;
  expectTexts(vector.dictionary);
  const size = vector.dictionary.starts.length - 1;
  expect(vector.codes.every((code) => code >= -1 && code < size)).toBe(true);
}

function expectTexts({ bytes, starts }: Texts): void {
  expectRising(starts);
  expect(starts.at(-1)).toBe(bytes.length);
}

function expectRising(starts: Int32Array): void {
  expect(starts[0]).toBe(0);
  expect(starts.every((start, i) => i === 0 || start >= starts[i - 1]!)).toBe(true);
}

async function readAll(file: ParquetFile, seen: Map<string, number>): Promise<void> {
  for (const [group, { rows }] of file.groups.entries()) {
    for (const leaf of file.leaves.keys()) {
      const told = await outcome(async () => {
        const vector = await file.readColumn(group, leaf);
        expect(vector.rows).toBe(rows);
        expectSafe(vector);
      });
      seen.set(told, (seen.get(told) ?? 0) + 1);
    }
  }
}

/** How a file is damaged; the footer's length and the magic number at its end stay. */
const DAMAGES: Record<string, (bytes: Uint8Array, random: Random) => Uint8Array> = {
  'bytes of the data are changed': (bytes, random) => {
    const end = bytes.length - 8 - footerLength(bytes);
    return change(bytes, random, 4, end);
  },
  'bytes of the footer are changed': (bytes, random) =>
    change(bytes, random, bytes.length - 8 - footerLength(bytes), bytes.length - 8),
  'a bit is flipped anywhere': (bytes, random) => {
    const at = random.below(bytes.length);
    bytes[at]! ^= 1 << random.below(8);
    return bytes;
  },
  'a part is missing': (bytes, random) => {
    const from = random.below(bytes.length - 8);
    const length = 1 + random.below(Math.min(40, bytes.length - 8 - from));
    return Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(from + length)]);
  },
};

const footerLength = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 8, true);

function change(bytes: Uint8Array, random: Random, from: number, to: number): Uint8Array {
  for (let times = 1 + random.below(3); times > 0; times--) {
    bytes[from + random.below(to - from)] = random.below(256);
  }
  return bytes;
}

for (const [name, damage] of Object.entries(DAMAGES)) {
  it(`says so or reads on when ${name}, ${ROUNDS * FORMS.length} times`, async () => {
    const random = Random.of(1, name);
    const path = join(folder, 'damaged.parquet');
    const seen = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const whole of files) {
        await writeFile(path, damage(Uint8Array.from(whole), random));
        const opened = await outcome(async () => {
          const file = await openParquet(path);
          try {
            await readAll(file, seen);
          } finally {
            await file.close();
          }
        });
        seen.set(`open ${opened}`, (seen.get(`open ${opened}`) ?? 0) + 1);
      }
    }
    const refused = (seen.get('bad-parquet') ?? 0) + (seen.get('open bad-parquet') ?? 0);
    expect(refused).toBeGreaterThan(100);
  });
}

it('says so when the file is cut off, wherever it is', async () => {
  const path = join(folder, 'cut.parquet');
  const whole = files[0]!;
  for (let length = 0; length < whole.length; length += 13) {
    await writeFile(path, whole.subarray(0, length));
    await expect(openParquet(path)).rejects.toMatchObject({ code: 'bad-parquet' });
  }
});
