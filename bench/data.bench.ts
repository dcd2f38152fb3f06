/** Ingest and stitch from Parquet to Parquet, beside polars and pandas: wall and CPU time, peak memory. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STAGE_FLAGS } from '../activities/runtime/child.ts';
import { DuckDb, sqlText } from '../data/duckdb.ts';
import { ensurePython } from '../infra/python/index.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { FIVE_MILLION, generateLogs } from './data/generate-logs.ts';
import { type Measured, runMeasured } from './data/run-process.ts';
import type { Bench, BenchLine } from './types.ts';

const K = 50;
const EVENTS_A_USER = FIVE_MILLION.events / FIVE_MILLION.users;
const here = (file: string): string => fileURLToPath(new URL(`./data/${file}`, import.meta.url));

type ProgramName = 'edgeloom' | 'polars' | 'pandas' | 'polars with a lake';

interface Program {
  name: ProgramName;
  program: string;
  args: readonly string[];
  /** Folder below its own that it writes a lake to. */
  lake?: string;
  /** Samples below the folder that it writes. */
  samples: string;
}

async function programs(): Promise<Program[]> {
  const python = await ensurePython('frames', {
    onProgress: ({ message }) => console.error(message),
  });
  return [
    {
      name: 'edgeloom',
      program: process.execPath,
      args: [...STAGE_FLAGS, '--import', 'tsx', here('ours.ts')],
      samples: 'samples/rerank/*/*/*.parquet',
    },
    ...(['polars', 'pandas'] as const).map((name) => ({
      name,
      program: python,
      args: [here(`peer_${name}.py`)],
      samples: 'samples.parquet',
    })),
    {
      name: 'polars with a lake',
      program: python,
      args: [here('peer_polars.py')],
      samples: 'samples.parquet',
      lake: 'lake',
    },
  ];
}

/** Equal for equal rows, whatever their order. */
async function checksum(spill: string, path: string): Promise<{ rows: number; sum: string }> {
  const db = await DuckDb.open({ tempDir: spill, memoryLimitMb: 4000 });
  const list = (name: string, type: string) => `coalesce(${name}::${type}[], [])`;
  try {
    return await db.row(
      `select count(*) as rows, bit_xor(hash(sample_id, decision_ts::bigint,
         ${list('cand_item', 'varchar')}, ${list('label_exposed', 'utinyint')},
         ${list('label_click', 'utinyint')}, ${list('exp_item', 'varchar')},
         ${list('pv_item', 'varchar')}))::varchar as sum
       from read_parquet(${sqlText(path)}, hive_partitioning = false)`,
    );
  } finally {
    db.close();
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

export const bench: Bench = {
  name: 'data',
  describe: 'ingest + stitch beside polars and pandas [-- <events> <rounds>]',
  async run(args) {
    const events = Number(args[0] ?? FIVE_MILLION.events);
    const rounds = Number(args[1] ?? 3);
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-data-'));
    try {
      const logs = join(folder, 'logs');
      console.error('generating the logs');
      const users = Math.round(events / EVENTS_A_USER);
      const rows = await generateLogs(logs, { ...FIVE_MILLION, events, users });
      const runs = new Map<ProgramName, Measured[]>();
      const sums = new Map<string, { rows: number; sum: string }>();
      for (let round = 0; round < rounds; round++) {
        for (const { name, program, args: before, samples, lake } of await programs()) {
          const out = join(folder, name);
          console.error(`round ${round + 1} of ${rounds}: ${name}`);
          const args = [...before, logs, out, String(K)];
          if (lake) args.push(join(out, lake));
          const measured = await runMeasured(program, args);
          runs.set(name, [...(runs.get(name) ?? []), measured]);
          sums.set(name, await checksum(join(folder, 'spill'), join(out, samples)));
          await rm(out, { recursive: true });
        }
      }
      checkEqual(sums);
      return linesOf(runs, rows);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function checkEqual(sums: ReadonlyMap<string, { rows: number; sum: string }>): void {
  const ours = sums.get('edgeloom')!;
  for (const [name, { rows, sum }] of sums) {
    if (sum === ours.sum && rows === ours.rows) continue;
    throw new EdgeloomError({
      code: 'bench-rows-differ',
      what: `${name} made other rows: ${rows} with checksum ${sum}, ours ${ours.rows} with ${ours.sum}`,
      fix: 'compare the two folders of samples',
    });
  }
}

function linesOf(runs: ReadonlyMap<ProgramName, readonly Measured[]>, n: number): BenchLine[] {
  const middle = (name: ProgramName, key: 'seconds' | 'cpuSeconds' | 'peakMb'): number =>
    Number(median(runs.get(name)!.map((run) => run[key])).toFixed(2));
  const data = 'generated Parquet logs, three days, Zipf users, simulated';
  const all = (name: ProgramName) => ({
    name,
    version: runs.get(name)![0]!.version ?? null,
    seconds: middle(name, 'seconds'),
    cpuSeconds: middle(name, 'cpuSeconds'),
    peakMb: middle(name, 'peakMb'),
  });
  const ours = runs.get('edgeloom')!;
  const extra = {
    ours: all('edgeloom'),
    ingestSeconds: Number(median(ours.map((run) => run.ingestSeconds!)).toFixed(2)),
    stitchSeconds: Number(median(ours.map((run) => run.stitchSeconds!)).toFixed(2)),
  };
  const ratio = (peer: ProgramName, key: 'seconds' | 'peakMb'): number =>
    Number((middle(peer, key) / middle('edgeloom', key)).toFixed(2));
  const speed = (peer: ProgramName, target: string): BenchLine => ({
    figure: `ingest + stitch: ${peer}'s time / ours`,
    value: ratio(peer, 'seconds'),
    target,
    peer: all(peer),
    data,
    n,
    extra,
  });
  return [
    speed('polars', '≥ 1.5'),
    speed('pandas', '≥ 4'),
    speed('polars with a lake', 'the same work, for comparison'),
    {
      figure: "ingest + stitch: our peak memory / polars's",
      value: Number((1 / ratio('polars', 'peakMb')).toFixed(2)),
      target: '≤ 0.5',
      peer: all('polars'),
      data,
      n,
    },
  ];
}
