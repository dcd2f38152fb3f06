/** How the time and memory of ingest and stitch grow with the events of the log. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STAGE_FLAGS } from '../activities/runtime/child.ts';
import { FIVE_MILLION, generateLogs } from './data/generate-logs.ts';
import { type Measured, runMeasured } from './data/run-process.ts';
import type { Bench, BenchLine } from './types.ts';

const K = '50';
const SIZES = [1_000_000, 5_000_000, 25_000_000];
const EVENTS_A_USER = FIVE_MILLION.events / FIVE_MILLION.users;
const OURS = fileURLToPath(new URL('./data/ours.ts', import.meta.url));

interface Sized {
  rows: number;
  measured: Measured;
}

async function measure(folder: string, events: number): Promise<Sized> {
  const logs = join(folder, 'logs');
  const out = join(folder, 'out');
  console.error(`generating ${events.toLocaleString('en')} events`);
  const users = Math.round(events / EVENTS_A_USER);
  const rows = await generateLogs(logs, { ...FIVE_MILLION, events, users });
  console.error('ingest and stitch');
  const measured = await runMeasured(process.execPath, [
    ...STAGE_FLAGS,
    '--import',
    'tsx',
    OURS,
    logs,
    out,
    K,
  ]);
  await rm(logs, { recursive: true });
  await rm(out, { recursive: true });
  return { rows, measured };
}

/** Exponent p of time = c · eventsᵖ, the slope of a least-squares line through the logarithms. */
function exponentOf(points: readonly { rows: number; time: number }[]): number {
  const xs = points.map(({ rows }) => Math.log(rows));
  const ys = points.map(({ time }) => Math.log(time));
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  let [above, below] = [0, 0];
  xs.forEach((x, i) => {
    above += (x - mx) * (ys[i]! - my);
    below += (x - mx) ** 2;
  });
  return above / below;
}

export const bench: Bench = {
  name: 'data-scale',
  describe: 'exponent of the time of ingest + stitch, and memory [-- <events> <events> …]',
  async run(args) {
    const sizes = args.length > 0 ? args.map(Number) : SIZES;
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-data-scale-'));
    const runs: Sized[] = [];
    try {
      for (const events of sizes) runs.push(await measure(folder, events));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const data = 'generated Parquet logs, three days, Zipf users, 500 events a user, simulated';
    const n = Math.max(...runs.map(({ rows }) => rows));
    const extra = runs.map(({ rows, measured }) => ({ rows, ...measured }));
    const exponent = (key: 'seconds' | 'cpuSeconds'): number =>
      Number(
        exponentOf(runs.map(({ rows, measured }) => ({ rows, time: measured[key] }))).toFixed(3),
      );
    const lines: BenchLine[] = [
      {
        figure: 'ingest + stitch: exponent of the time in the events',
        value: exponent('seconds'),
        target: '≤ 1.05',
        peer: { cpuExponent: exponent('cpuSeconds') },
        data,
        n,
        extra,
      },
      {
        figure: 'ingest + stitch: peak memory of the process',
        value: Math.round(Math.max(...runs.map(({ measured }) => measured.peakMb))),
        unit: 'MB',
        target: '≤ 2500',
        data,
        n,
      },
    ];
    return lines;
  },
};
