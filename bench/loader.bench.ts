/** What feeds training: how fast it is beside compiled training, how long steps wait for it, its memory. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { useBackend } from '../models/engine/backend.ts';
import { measureMemory } from './loader/memory.ts';
import { measureRates } from './loader/rates.ts';
import { openSubject, type Subject } from './loader/subject.ts';
import { measureWaits, type Waits } from './loader/waits.ts';
import { simulatedTensors } from './tensors-from-logs.ts';
import { median } from './train/alternate.ts';
import type { Bench, BenchLine } from './types.ts';

const DEFAULT_USERS = 6000;
/** By default already the shorter table is longer than two pools of rows, the most that the loader holds. */
const REPEATS = [1, 4] as const;
const PARTS = ['rates', 'waits', 'memory'];

interface Settings {
  subject: Subject;
  data: string;
  rounds: number;
  steps: number;
  say(message: string): void;
}

const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));

/** Two figures: the loader's examples a second over training's, by wall time and by CPU time. */
async function rateLines(batchSize: number, settings: Settings): Promise<BenchLine[]> {
  const { subject, data, rounds } = settings;
  const { cold, warm, training, coldShare, rows } = await measureRates(subject, batchSize, rounds);
  const passes = [
    { name: 'cold file cache', rate: cold, extra: { readFromDisk: rounded(coldShare) } },
    { name: 'warm file cache', rate: warm, extra: {} },
  ];
  return passes.map(({ name, rate, extra }) => ({
    figure: `batch ${batchSize}: loader alone, ${name} / compiled training, examples per s`,
    value: rounded(rate.perSecond / training.perSecond, 1),
    target: '≥ 10',
    peer: { trainingPerSecond: rounded(training.perSecond, 0), cpuUs: rounded(training.cpuUs, 1) },
    data,
    n: rounds * rows,
    extra: {
      loaderPerSecond: rounded(rate.perSecond, 0),
      cpuUs: rounded(rate.cpuUs, 1),
      cpuRatio: rounded(training.cpuUs / rate.cpuUs, 1),
      ...extra,
    },
  }));
}

/** One figure: the share of training's time that passes in the loader's calls. */
function waitLine(batchSize: number, runs: readonly Waits[], data: string): BenchLine {
  const of = (share: (waits: Waits) => number) => rounded(median(runs.map(share)), 4);
  const { steps, epochs } = runs[0]!;
  return {
    figure: `batch ${batchSize}: share of training's time that waits for data`,
    value: of(({ waitedMs, wallMs }) => waitedMs / wallMs),
    target: '≤ 0.05',
    data,
    n: steps * runs.length,
    extra: {
      steps,
      epochs,
      firstBatches: of(({ firstMs, wallMs }) => firstMs / wallMs),
      outsideUpdates: of(({ updateMs, wallMs }) => 1 - updateMs / wallMs),
      stepMs: of((waits) => waits.wallMs / waits.steps),
      stepCpuMs: of((waits) => waits.cpuMs / waits.steps),
    },
  };
}

/** Batch sizes take turns. */
async function waitLines(sizes: readonly number[], settings: Settings): Promise<BenchLine[]> {
  const { subject, data, rounds, steps, say } = settings;
  const runs = sizes.map((): Waits[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, size] of sizes.entries()) {
      say(`batch ${size}: training, round ${round + 1} of ${rounds}`);
      runs[i]!.push(await measureWaits(subject, size, steps));
    }
  }
  return sizes.map((size, i) => waitLine(size, runs[i]!, data));
}

async function memoryLine({ subject, data, rounds, say }: Settings): Promise<BenchLine> {
  say('memory');
  const [short, long] = await measureMemory(subject, REPEATS, rounds);
  const mib = ({ peakBytes }: { peakBytes: number }) => rounded(peakBytes / 2 ** 20, 0);
  return {
    figure: `peak resident memory of the loader, ${REPEATS[1] / REPEATS[0]} times the rows / the rows`,
    value: rounded(long!.peakBytes / short!.peakBytes),
    target: 'flat',
    data: `${data}, training days repeated`,
    n: rounds,
    extra: {
      rows: [short!.rows, long!.rows],
      peakMiB: [mib(short!), mib(long!)],
    },
  };
}

export const bench: Bench = {
  name: 'loader',
  describe:
    'batches beside compiled training: rate, waiting, memory [--users N | --tensors DIR] [--work DIR] [--parts a,b] [--batches a,b] [--rounds N] [--steps N]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        tensors: { type: 'string' },
        users: { type: 'string', default: String(DEFAULT_USERS) },
        work: { type: 'string' },
        parts: { type: 'string', default: PARTS.join(',') },
        batches: { type: 'string', default: '128,512' },
        rounds: { type: 'string', default: '3' },
        steps: { type: 'string', default: '300' },
      },
    });
    const workDir = values.work ?? (await mkdtemp(join(tmpdir(), 'edgeloom-bench-')));
    const tensorsDir = values.tensors ?? (await simulatedTensors(workDir, Number(values.users)));
    await useBackend('tensorflow');
    const subject = await openSubject(tensorsDir);
    const settings: Settings = {
      subject,
      data: `simulated week, ${subject.dataset.rows} slates of 5 days`,
      rounds: Number(values.rounds),
      steps: Number(values.steps),
      say: (message) => console.error(message),
    };
    const sizes = values.batches.split(',').map(Number);
    const parts = values.parts.split(',');
    const lines: BenchLine[] = [];
    for (const size of parts.includes('rates') ? sizes : []) {
      settings.say(`batch ${size}: rates`);
      lines.push(...(await rateLines(size, settings)));
    }
    if (parts.includes('waits')) lines.push(...(await waitLines(sizes, settings)));
    if (parts.includes('memory')) lines.push(await memoryLine(settings));
    await subject.dataset.close();
    return lines;
  },
};
