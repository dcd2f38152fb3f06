/** Our Parquet reader beside hyparquet: CPU time for the columns of generated logs, by kind of column. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asyncBufferFromFile,
  type Compressors,
  parquetMetadataAsync,
  parquetRead,
} from 'hyparquet';
import type { ColumnVector } from '../data/parquet/read/decode.ts';
import { openParquet, type ParquetFile } from '../data/parquet/read/file.ts';
import { zstdDecompress } from '../data/parquet/read/zstd/decompress.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { cellChecksum, vectorChecksum } from './data/column-checksum.ts';
import { FIVE_MILLION, generateLogs } from './data/generate-logs.ts';
import type { Bench, BenchLine } from './types.ts';

/** What a column is an example of. */
const COLUMNS: Record<string, string> = {
  event_id: 'texts, all different',
  request_id: 'texts, dictionary of many',
  user_id: 'texts, dictionary',
  type: 'texts, all alike',
  model_version: 'texts, all null',
  ts: 'int64, times',
  position: 'int32, small',
};

/** zstd pages for hyparquet, which has no decoder of its own. */
const compressors: Compressors = {
  ZSTD: (input, outputLength) => {
    const out = new Uint8Array(outputLength + 8);
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

async function measure(path: string, column: string, rounds: number): Promise<BenchLine> {
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
    if (sum !== expected) {
      throw new EdgeloomError({
        code: 'bench-values-differ',
        what: `column ${column} has checksum ${sum}, hyparquet's ${expected}`,
        fix: 'compare the values of both readers',
      });
    }
    const [own, their] = [median(ours), median(theirs)];
    const leaf = file.leaf(column)!;
    const megabytes = file.groups.reduce((all, { chunks }) => all + chunks[leaf]!.length, 0) / 1e6;
    return {
      figure: `${COLUMNS[column]}: million values a CPU-second`,
      value: Number((file.rows / own / 1e6).toFixed(1)),
      peer: { name: 'hyparquet', value: Number((file.rows / their / 1e6).toFixed(1)) },
      data: `column ${column} of generated exposures, Parquet (zstd) of DuckDB, simulated`,
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
      const lines: BenchLine[] = [];
      for (const column of Object.keys(COLUMNS)) lines.push(await measure(path, column, rounds));
      return lines;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
