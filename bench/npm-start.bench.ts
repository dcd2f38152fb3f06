/** The main job on an empty workspace: wall time and peak memory of everything it starts. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { RunReport } from '../cli/run-daily.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { treeMemory } from './process-memory.ts';
import type { Bench, BenchLine } from './types.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SAMPLE_EVERY_MS = 500;
const GIB = 2 ** 30;

async function runDemo(folder: string, users: string | undefined) {
  const args = ['demo', '--workspace', join(folder, 'workspace'), '--out', join(folder, 'out')];
  if (users !== undefined) args.push('--users', users);
  const started = performance.now();
  const child = spawn(process.execPath, [join(root, 'cli', 'edgeloom.mjs'), ...args, '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  let peak = 0;
  let running = true;
  const sampling = (async () => {
    while (running) {
      if (child.pid) peak = Math.max(peak, await treeMemory(child.pid));
      await sleep(SAMPLE_EVERY_MS);
    }
  })();
  const code = await ended;
  const seconds = (performance.now() - started) / 1000;
  running = false;
  await sampling;
  if (code !== 0) {
    throw new EdgeloomError({
      code: 'bench-failed',
      what: `edgeloom demo ended with code ${code}`,
      where: folder,
      fix: 'read its messages above',
    });
  }
  return { seconds, peak, report: JSON.parse(stdout) as RunReport };
}

export const bench: Bench = {
  name: 'npm-start',
  describe: 'simulated week to pulled bundle: wall time, peak memory [--users N]',
  async run(args) {
    const { values } = parseArgs({ args, options: { users: { type: 'string' } } });
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-npm-start-'));
    try {
      const { seconds, peak, report } = await runDemo(folder, values.users);
      // Events in the lake: rows of the ingest stage.
      const n = report.nodes.find(({ node }) => node === 'ingest')?.rows ?? 0;
      const data = 'simulated week, native parts cached, empty workspace';
      const lines: BenchLine[] = [
        {
          figure: 'logs to pulled bundle',
          value: Number(seconds.toFixed(0)),
          unit: 's',
          target: '≤ 300 on 2 cores, ≥ 500,000 events',
          data,
          n,
        },
        {
          figure: 'peak memory of all processes',
          value: Number((peak / GIB).toFixed(2)),
          unit: 'GiB',
          target: '≤ 3 GB',
          data,
          n,
        },
      ];
      return lines;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
