/**
 * The last step of MetaFusion: gates and the choice of int8 from T + 1, the files for the phone, and
 * the report on T + 2, which decides nothing.
 */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { z } from 'zod';
import { writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { NamedTensor } from '../../lib/safetensors.ts';
import { loadWeights, readDescription } from '../engine/checkpoint.ts';
import type { Tensors } from '../engine/types.ts';
import {
  compareGauc,
  concatRows,
  type GaucReport,
  rowsOfUsers,
  type ScoredRows,
  scoreCohort,
  stableUsers,
} from './evaluate.ts';
import { type MetaFusionConfig, readNamed, writeMetaFusionFiles } from './files.ts';
import { fusedLayers } from './fused-weights.ts';
import { fitNormalisation, type GateConfig } from './gate.ts';
import { type CohortChoice, int8Loss } from './int8-loss.ts';
import { type FusedScorer, fusedScorer, gatesOfUsers } from './predict.ts';
import { dequantiseDelta, quantiseDelta } from './quantise.ts';
import { rerankerParts } from './reranker-parts.ts';
import { type DayRows, readRows } from './rows.ts';
import { ALL_USERS, type CohortsFile, namedOf, readCohorts } from './run.ts';
import {
  type CohortDay,
  type gateParams,
  gateParams as parseGateParams,
  trainGate,
} from './train-gate.ts';
import { readUserStats } from './user-stats.ts';

type Named = Record<string, NamedTensor>;

export interface FinishInput {
  tensorsDir: string;
  /** Checkpoint of `trainMeta`. */
  metaDir: string;
  /** Folder of `planCohorts`. */
  cohortsDir: string;
  /** Folders of `tuneCohort` by cohort name, `all-users` among them. */
  deltaDirs: Record<string, string>;
  T1: string;
  T2: string;
  gate?: Partial<z.input<typeof gateParams>>;
  /** Largest GAUC that int8 ΔW may lose on T + 1 before float32 is written instead. @default 0.001 */
  maxInt8Loss?: number;
  /** Of the user bootstrap. @default 400 */
  replicates?: number;
  seed: number;
  /** `metrics.json` goes here, the phone's files into `metafusion/`. */
  outDir: string;
}

export interface CohortMetrics extends GaucReport {
  cohort: string;
  interval: [number, number];
  /** Users of the cohort on the day it was made. */
  members: number;
  /** Users still in the interval on T + 2. */
  stable: GaucReport | null;
  /** Mean gate per layer over the test users. */
  gates: number[];
  /** Euclidean norm of ΔW over that of W_m, fused weights. */
  relativeChange: number;
}

export interface MetaFusionMetrics {
  T: string;
  T1: string;
  T2: string;
  unassigned: number;
  layers: string[];
  /** All assigned users together. */
  overall: GaucReport | null;
  cohorts: CohortMetrics[];
  gate: { users: number; losses: number[] };
  /** Measured on T + 1; null, and float32, when no slate of that day tells. */
  int8: { gaucLoss: number | null; allowed: number; profile: 'int8' | 'float32' };
  files: MetaFusionConfig['cohorts'];
}

/** @throws EdgeloomError `no-user-stats`, `bad-samples`, `bad-checkpoint`, `training-diverged` */
export async function finishMetaFusion(
  input: FinishInput,
  options: RunOptions = {},
): Promise<MetaFusionMetrics> {
  return new Finish(input, options).run();
}

class Finish {
  readonly #input: FinishInput;
  readonly #options: RunOptions;
  readonly #owned: Tensors[] = [];
  #scorer: FusedScorer | undefined;

  constructor(input: FinishInput, options: RunOptions) {
    this.#input = input;
    this.#options = options;
  }

  async run(): Promise<MetaFusionMetrics> {
    try {
      return await this.#run();
    } finally {
      this.#scorer?.dispose();
      tf.dispose(this.#owned);
    }
  }

  #tensors(named: Named): Tensors {
    const tensors = Object.fromEntries(
      Object.entries(named).map(([name, { data, shape }]) => [
        name,
        tf.tensor(data as Float32Array, shape),
      ]),
    );
    this.#owned.push(tensors);
    return tensors;
  }

  async #run(): Promise<MetaFusionMetrics> {
    const { tensorsDir, metaDir, T1, T2, seed, replicates = 400, outDir } = this.#input;
    const plan = await readCohorts(this.#input.cohortsDir);
    const { config } = await readDescription(metaDir);
    const reranker = rerankerParts(config);
    const meta = await loadWeights(metaDir);
    this.#owned.push(meta);
    const layers = fusedLayers(Object.keys(meta));
    const deltas: Record<string, Named> = {};
    for (const [name, folder] of Object.entries(this.#input.deltaDirs)) {
      deltas[name] = await readNamed(join(folder, 'delta.safetensors'));
    }

    const dayOf = async (date: string, cohort: string): Promise<DayRows> => {
      const users = new Set(plan.members[cohort]);
      const keep = (user: number) => users.has(user);
      return readRows(
        tensorsDir,
        date,
        reranker.inputs,
        keep,
        ['slate'],
        reranker.limits,
        this.#options,
      );
    };
    const before = await readUserStats(tensorsDir, T1);
    const training: CohortDay[] = [];
    for (const [cohort, { name }] of plan.cohorts.entries()) {
      training.push({
        cohort,
        day: await dayOf(T1, name),
        delta: this.#tensors(deltas[name]!),
        statistics: before.of,
      });
    }
    const params = parseGateParams.parse(this.#input.gate ?? {});
    const gateConfig = gateConfigFor(plan, training, before.names, layers, params.hidden);
    const gate = await trainGate(
      { reranker, meta, config: gateConfig, cohorts: training, params },
      this.#options,
    );
    this.#owned.push(gate.weights);

    const choices: CohortChoice[] = training.map(({ day, delta }, place) => ({
      day,
      delta,
      deltaInt8: this.#tensors(
        dequantiseDelta(quantiseDelta(deltas[plan.cohorts[place]!.name]!).tensors),
      ),
      gatesOf: gatesOfUsers(gate.weights, gateConfig, place, before.of),
    }));
    const allowed = this.#input.maxInt8Loss ?? 0.001;
    // Without a cohort that is large enough there is nothing to score: every phone keeps W_m.
    const shapes = choices.find(({ day }) => day.rows > 0) ?? choices[0];
    if (shapes) {
      const { delta, day } = shapes;
      this.#scorer = await fusedScorer({ reranker, meta, layers, delta, day });
    }
    const gaucLoss = this.#scorer ? await int8Loss(this.#scorer, choices, this.#options) : null;
    const profile = gaucLoss !== null && gaucLoss <= allowed ? 'int8' : 'float32';

    const now = await readUserStats(tensorsDir, T2);
    // Without a training on all users they are W_m's.
    const deltaAllUsers = deltas[ALL_USERS]
      ? this.#tensors(deltas[ALL_USERS])
      : this.#zeros(shapes?.delta ?? {});
    const cohorts: CohortMetrics[] = [];
    const scoredParts: ScoredRows[] = [];
    for (const [place, cohort] of plan.cohorts.entries()) {
      const named = deltas[cohort.name]!;
      const gatesOf = gatesOfUsers(gate.weights, gateConfig, place, now.of);
      const day = await dayOf(T2, cohort.name);
      const test = {
        day,
        deltaAllUsers,
        delta: choices[place]!.delta,
        deltaInt8: choices[place]!.deltaInt8,
        gatesOf,
      };
      const scored = await scoreCohort(this.#scorer!, test, this.#options);
      scoredParts.push(scored);
      const whole = compareGauc(scored, seed, replicates);
      if (!whole) continue;
      const stable = rowsOfUsers(scored, stableUsers(scored, cohort));
      cohorts.push({
        cohort: cohort.name,
        interval: [cohort.low, cohort.high],
        members: cohort.users,
        ...whole,
        stable: compareGauc(stable, seed, replicates) ?? null,
        gates: meanGates(day, gatesOf, layers.length),
        relativeChange: relativeNorm(named, meta),
      });
    }
    const overall = scoredParts.length
      ? (compareGauc(concatRows(scoredParts), seed, replicates) ?? null)
      : null;
    const written = await writeMetaFusionFiles(join(outDir, 'metafusion'), {
      reranker: config,
      meta: namedOf(meta),
      cohorts: plan.cohorts.map((cohort) => ({ ...cohort, delta: deltas[cohort.name]! })),
      gate: namedOf(gate.weights),
      gateConfig,
      minUsers: plan.minUsers,
      minExposures: plan.minExposures,
      profile,
    });
    const metrics: MetaFusionMetrics = {
      T: plan.T,
      T1,
      T2,
      unassigned: plan.unassigned,
      layers,
      overall,
      cohorts,
      gate: { users: gate.users, losses: gate.losses },
      int8: { gaucLoss, allowed, profile },
      files: written.cohorts,
    };
    await writeFileAtomic(join(outDir, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
    return metrics;
  }

  #zeros(like: Tensors): Tensors {
    const zeros = tf.tidy(() =>
      Object.fromEntries(Object.entries(like).map(([name, t]) => [name, tf.zerosLike(t)])),
    );
    this.#owned.push(zeros);
    return zeros;
  }
}

/** Normalisation from the users who train the gate, so that no later day enters it. */
function gateConfigFor(
  plan: CohortsFile,
  training: CohortDay[],
  statistics: string[],
  layers: string[],
  hidden: number,
): GateConfig {
  const rows: ArrayLike<number>[] = [];
  for (const { day, statistics: of } of training) {
    for (const user of new Set(day.user)) {
      const own = of(user);
      if (own) rows.push(own);
    }
  }
  const known = rows.length > 0;
  return {
    statistics,
    ...(known
      ? fitNormalisation(rows)
      : { mean: statistics.map(() => 0), std: statistics.map(() => 1) }),
    cohorts: plan.cohorts.map(({ name }) => name),
    layers,
    hidden,
  };
}

function meanGates(
  day: DayRows,
  gatesOf: (user: number) => Float32Array | undefined,
  layers: number,
): number[] {
  const sum = new Float64Array(layers);
  let users = 0;
  for (const user of new Set(day.user)) {
    const own = gatesOf(user);
    if (!own) continue;
    users += 1;
    own.forEach((gate, l) => {
      sum[l]! += gate;
    });
  }
  return Array.from(sum, (total) => total / Math.max(1, users));
}

function relativeNorm(delta: Named, meta: Tensors): number {
  let change = 0;
  let whole = 0;
  for (const [name, { data }] of Object.entries(delta)) {
    for (const value of data) change += value * value;
    for (const value of meta[name]!.dataSync()) whole += value * value;
  }
  return Math.sqrt(change / Math.max(whole, 1e-30));
}
