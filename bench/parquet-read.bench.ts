/** Our Parquet reader beside hyparquet: CPU time for the columns of generated logs, by kind of column. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { decompress } from 'fzstd';
import {
  asyncBufferFromFile,
  type Compressors,
  parquetMetadataAsync,
  parquetRead,
} from 'hyparquet';
import { DuckDb, sqlText } from '../data/duckdb.ts';
import type { ColumnVector } from '../data/parquet/read/decode.ts';
import { openParquet, type ParquetFile } from '../data/parquet/read/file.ts';
import { pagesOf } from '../data/parquet/read/pages.ts';
import { zstdDecompress } from '../data/parquet/read/zstd/decompress.ts';
import { PADDING } from '../data/parquet/read/zstd/literals.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { cellChecksum, vectorChecksum } from './data/column-checksum.ts';
import { FIVE_MILLION, generateLogs } from './data/generate-logs.ts';
import type { Bench, BenchLine } from './types.ts';

type Codec = 'zstd' | 'uncompressed';

/** What a column is an example of; the target is for pages without a codec. */
const COLUMNS: Record<string, { name: string; target?: string }> = {
  event_id: { name: 'texts, all different' },
  request_id: { name: 'texts, dictionary of many', target: '≥ 50' },
  user_id: { name: 'texts, dictionary', target: '≥ 50' },
  type: { name: 'texts, all alike', target: '≥ 50' },
  model_version: { name: 'texts, all null' },
  ts: { name: 'int64, times', target: '≥ 30' },
  position: { name: 'int32, dictionary', target: '≥ 30' },
};

/** zstd pages for hyparquet, which has no decoder of its own. */
const compressors: Compressors = {
  ZSTD: (input, outputLength) => {
    const out = new Uint8Array(outputLength + PADDING);
    zstdDecompress(input, out, outputLength);
    return out.subarray(0, outputLength);
  },
};

/** CPU seconds of this process. */
async function cpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function readOurs(file: ParquetFile, column: string): Promise<ColumnVector[]> {
  const leaf = file.leaf(column)!;
  const vectors: ColumnVector[] = [];
  for (const group of file.groups.keys()) vectors.push(await file.readColumn(group, leaf));
  return vectors;
}

/** Decompression alone, of all pages of the file. */
async function measureZstd(path: string, rounds: number): Promise<BenchLine> {
  const file = await openParquet(path);
  await file.close();
  const bytes = await readFile(path);
  const pages = file.groups.flatMap(({ chunks }) =>
    chunks.flatMap(({ start, length, slots }) =>
      pagesOf(bytes.subarray(start, start + length), slots),
    ),
  );
  const seconds: Record<'ours' | 'fzstd', number[]> = { ours: [], fzstd: [] };
  for (let round = 0; round <= rounds; round++) {
    let ours = 0;
    let theirs = 0;
    const own = await cpuSeconds(async () => {
      for (const { bytes: page, size } of pages) {
        const out = new Uint8Array(size + PADDING);
        zstdDecompress(page, out, size);
        ours = crc32(out.subarray(0, size), ours);
      }
    });
    const their = await cpuSeconds(async () => {
      for (const { bytes: page, size } of pages) {
        theirs = crc32(decompress(page, new Uint8Array(size)), theirs);
      }
    });
    if (ours !== theirs) throw differ('of all pages', ours, 'fzstd', theirs);
    // The first round warms up.
    if (round === 0) continue;
    seconds.ours.push(own);
    seconds.fzstd.push(their);
  }
  const megabytes = pages.reduce((sum, { size }) => sum + size, 0) / 1e6;
  const speed = (name: 'ours' | 'fzstd'): number => Math.round(megabytes / median(seconds[name]));
  return {
    figure: 'zstd pages: MB of output a CPU-second',
    value: speed('ours'),
    target: '≥ 150',
    peer: { name: 'fzstd', value: speed('fzstd') },
    data: 'all pages of generated exposures, Parquet of DuckDB, simulated',
    n: pages.length,
  };
}

const differ = (what: string, ours: number, peer: string, theirs: number): EdgeloomError =>
  new EdgeloomError({
    code: 'bench-values-differ',
    what: `checksum ${what} is ${ours}, that of ${peer} ${theirs}`,
    fix: 'compare the values of both readers',
  });

async function measure(
  path: string,
  column: string,
  codec: Codec,
  rounds: number,
): Promise<BenchLine> {
  const file = await openParquet(path);
  const buffer = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(buffer);
  try {
    const ours: number[] = [];
    const theirs: number[] = [];
    let vectors: ColumnVector[] = [];
    let pieces: { columnData: ArrayLike<unknown>; rowStart: number }[] = [];
    const readTheirs = async () => {
      pieces = [];
      await parquetRead({
        file: buffer,
        metadata,
        columns: [column],
        compressors,
        onChunk: (piece) => pieces.push(piece),
      });
    };
    for (let round = 0; round <= rounds; round++) {
      const own = await cpuSeconds(async () => {
        vectors = await readOurs(file, column);
      });
      const their = await cpuSeconds(readTheirs);
      // The first round warms up.
      if (round > 0) {
        ours.push(own);
        theirs.push(their);
      }
    }
    const sum = vectorChecksum(vectors);
    pieces.sort((a, b) => a.rowStart - b.rowStart);
    const expected = cellChecksum(pieces.map(({ columnData }) => columnData));
    if (sum !== expected) throw differ(`of ${column}`, sum, 'hyparquet', expected);
    const [own, their] = [median(ours), median(theirs)];
    const { name, target } = COLUMNS[column]!;
    const leaf = file.leaf(column)!;
    const megabytes = file.groups.reduce((all, { chunks }) => all + chunks[leaf]!.length, 0) / 1e6;
    return {
      figure: `${name}, ${codec}: million values a CPU-second`,
      value: Number((file.rows / own / 1e6).toFixed(1)),
      ...(codec === 'uncompressed' && target ? { target } : {}),
      peer: { name: 'hyparquet', value: Number((file.rows / their / 1e6).toFixed(1)) },
      data: `column ${column} of generated exposures, Parquet (${codec}) of DuckDB, simulated`,
      n: file.rows,
      extra: {
        compressedMbPerCpuSecond: Number((megabytes / own).toFixed(1)),
        cpuMs: Number((1000 * own).toFixed(1)),
        checksum: sum,
      },
    };
  } finally {
    await file.close();
  }
}

async function copyUncompressed(from: string, to: string, tempDir: string): Promise<void> {
  const db = await DuckDb.open({ tempDir, threads: 1 });
  try {
    await db.run(
      `copy (from ${sqlText(from)}) to ${sqlText(to)} (format parquet, compression uncompressed)`,
    );
  } finally {
    db.close();
  }
}

export const bench: Bench = {
  name: 'parquet-read',
  describe: 'Parquet columns into typed arrays beside hyparquet [-- <events> <rounds>]',
  async run(args) {
    const events = Number(args[0] ?? 1_000_000);
    const rounds = Number(args[1] ?? 7);
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-parquet-read-'));
    try {
      console.error('generating the logs');
      const users = Math.ceil(events / 500);
      await generateLogs(folder, { ...FIVE_MILLION, events, users, days: 1 });
      const [day] = await readdir(join(folder, 'events'));
      const path = join(folder, 'events', day!, 'exposure.parquet');
      console.error(`${path}: ${(await stat(path)).size} bytes`);
      const plain = join(folder, 'uncompressed.parquet');
      await copyUncompressed(path, plain, join(folder, 'spill'));
      const lines: BenchLine[] = [];
      for (const column of Object.keys(COLUMNS)) {
        lines.push(await measure(plain, column, 'uncompressed', rounds));
        lines.push(await measure(path, column, 'zstd', rounds));
      }
      return [...lines, await measureZstd(path, rounds)];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
