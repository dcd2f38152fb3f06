/** Time a step: ours against Keras and against eager training. */
import type { BenchLine } from '../types.ts';
import { alternate, type StepTime, type Turn } from './alternate.ts';
import { writeTraining } from './data.ts';
import type { PeerModel } from './models.ts';
import { benchModel, type ModelName } from './subject-models.ts';
import { type KerasForm, type Opened, openKeras, openOurs, type Subject } from './subjects.ts';

export interface SpeedOptions {
  python: string;
  folder: string;
  rounds: number;
  say(message: string): void;
}

const BATCHES = 8;
/** Steps that no time is taken of. */
const WARM_UP = 3;
/** Ours and Keras's first loss agree this well, or they do not compute the same. */
const SAME_LOSS = 1e-4;

const ADAMS = ['keras', 'legacy'] as const;
const KERAS: Record<PeerModel, readonly KerasForm[]> = {
  mlp: ADAMS.map((optimizer) => ({ reset_after: false, unroll: false, optimizer })),
  recurrent: [
    { reset_after: false, unroll: false, optimizer: 'legacy' },
    { reset_after: true, unroll: false, optimizer: 'legacy' },
    { reset_after: false, unroll: true, optimizer: 'legacy' },
    { reset_after: false, unroll: false, optimizer: 'keras' },
    { reset_after: false, unroll: true, optimizer: 'keras' },
  ],
};

interface Timed extends StepTime {
  name: string;
}

/** Times all in turns, then ends them. */
async function timed(all: readonly Opened[], count: number, rounds: number): Promise<Timed[]> {
  const turns = all.map(({ process }): Turn => ({ process, count }));
  try {
    for (const { process } of turns) await process.steps(WARM_UP);
    const times = await alternate(turns, rounds);
    return times.map((time, i) => ({ name: turns[i]!.process.name, ...time }));
  } finally {
    for (const { process } of turns) await process.close();
  }
}

const fastest = (times: readonly Timed[], by: keyof StepTime): Timed =>
  times.reduce((best, time) => (time[by] < best[by] ? time : best));

const rounded = (value: number): number => Number(value.toFixed(3));

const table = (times: readonly Timed[]) =>
  times.map(({ name, wallMs, cpuMs }) => ({
    name,
    wallMs: rounded(wallMs),
    cpuMs: rounded(cpuMs),
  }));

export async function prepared(
  model: ModelName,
  rows: number,
  batch: number,
  folder: string,
): Promise<Subject> {
  await writeTraining({ ...benchModel(model, rows), folder, batch, batches: BATCHES });
  return { model, rows, folder };
}

interface Comparison {
  model: PeerModel;
  batch: number;
  /** Steps a block. */
  count: number;
  target?: string;
}

const ROWS = 100_000;

/** Two figures: how many times Keras's wall time and CPU time ours fits into. */
export async function againstKeras(
  { model, batch, count, target }: Comparison,
  { python, folder, rounds, say }: SpeedOptions,
): Promise<BenchLine[]> {
  const subject = await prepared(model, ROWS, batch, folder);
  say(`${model}, batch ${batch}: opening`);
  const ours: Opened[] = [];
  const theirs: Opened[] = [];
  for (const inter of [1, 2]) {
    ours.push(await openOurs(subject, 'fast', inter));
    for (const form of KERAS[model]) {
      const peer = await openKeras(python, subject, form, inter);
      theirs.push(peer);
      // A GRU that resets after its product has more biases than ours: it starts from its own weights.
      const apart = Math.abs(ours[0]!.loss - peer.loss);
      if (!form.reset_after && !(apart < SAME_LOSS))
        throw new Error(`the first losses are ${apart} apart`);
    }
  }
  say(`${model}, batch ${batch}: timing`);
  const times = await timed([...ours, ...theirs], count, rounds);
  const [own, peers] = [times.slice(0, ours.length), times.slice(ours.length)];
  return (['wallMs', 'cpuMs'] as const).map((by) => ({
    figure: `${model}, batch ${batch}: Keras's ${by === 'wallMs' ? 'wall' : 'CPU'} time / ours`,
    value: rounded(fastest(peers, by)[by] / fastest(own, by)[by]),
    ...(target === undefined ? {} : { target }),
    peer: { best: fastest(peers, by).name, step: rounded(fastest(peers, by)[by]) },
    data: `random, table of ${ROWS} × 16`,
    n: rounds * count,
    extra: { best: fastest(own, by).name, step: rounded(fastest(own, by)[by]), all: table(times) },
  }));
}

/**
 * How many times eager training's time ours fits into: tfjs's own operations and Adam, and our eager
 * training, whose layers call TensorFlow's fused kernels.
 */
export async function againstEager(
  model: ModelName,
  batch: number,
  { folder, rounds, say }: SpeedOptions,
): Promise<BenchLine[]> {
  const rows = model === 'reranker' ? 20_000 : ROWS;
  const subject = await prepared(model, rows, batch, folder);
  say(`${model}, batch ${batch}: against eager`);
  const forms = ['fast', 'tfjs', 'eager'] as const;
  const opened: Opened[] = [];
  for (const form of forms) opened.push(await openOurs(subject, form, 1));
  const count = 3;
  const [ours, ...peers] = (await timed(opened, count, rounds)) as [Timed, Timed, Timed];
  return peers.map((peer, i) => ({
    figure: `${model}, batch ${batch}: ${i === 0 ? "eager tfjs's" : "our eager training's"} wall time / compiled`,
    value: rounded(peer.wallMs / ours.wallMs),
    ...(i === 0 ? { target: '≥ 4' } : {}),
    peer: { best: peer.name, step: rounded(peer.wallMs) },
    data: `random, table of ${rows} × 16`,
    n: rounds * count,
    extra: { cpuRatio: rounded(peer.cpuMs / ours.cpuMs), all: table([ours, peer]) },
  }));
}

/** One figure: a step on a table of a million rows against one of ten thousand, in the form `lazy`. */
export async function lazyScale({ folder, rounds, say }: SpeedOptions): Promise<BenchLine> {
  const sizes = [1_000_000, 10_000];
  const opened: Opened[] = [];
  for (const rows of sizes) {
    say(`lazy form, ${rows} rows: opening`);
    opened.push(await openOurs(await prepared('mlp', rows, 512, folder), 'lazy', 1));
  }
  const count = 20;
  const [large, small] = (await timed(opened, count, rounds)) as [Timed, Timed];
  return {
    figure: 'mlp, lazy form: wall time with 1,000,000 rows / 10,000 rows',
    value: rounded(large.wallMs / small.wallMs),
    target: '≤ 1.3',
    data: 'random, batch 512',
    n: rounds * count,
    extra: {
      cpuRatio: rounded(large.cpuMs / small.cpuMs),
      large: rounded(large.wallMs),
      small: rounded(small.wallMs),
    },
  };
}
