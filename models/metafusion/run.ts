/**
 * MetaFusion from a tensors folder to the files of the bundle, in four steps that a workflow can
 * also run one by one, cohorts side by side:
 *
 *   trainMeta      W_m from the days up to T − 2, stopped early on T − 1
 *   planCohorts    users by cohort, as the features stage formed them before T
 *   tuneCohorts    W_p of some cohorts from their rows of day T         (fan out)
 *   finish         gates from T + 1, test on T + 2, files for the phone
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { cohort, readCohortDays } from '../../lib/cohorts.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { type NamedTensor, writeSafetensors } from '../../lib/safetensors.ts';
import { loadWeights, readDescription } from '../engine/checkpoint.ts';
import type { TrainParams } from '../engine/train.ts';
import type { Tensors } from '../engine/types.ts';
import { type TrainModelSummary, trainModel } from '../train-model.ts';
import { CohortTuner, fineTuneParams } from './fine-tune.ts';
import { deltaWeights } from './fused-weights.ts';
import { type RerankerParts, rerankerParts } from './reranker-parts.ts';
import { readRows } from './rows.ts';
import { readUserStats } from './user-stats.ts';

export interface TrainMetaInput {
  tensorsDir: string;
  /** Days up to T − 2. */
  trainDates: string[];
  /** T − 1. */
  validDate: string;
  config?: Record<string, unknown>;
  params?: Partial<TrainParams>;
  stateDir: string;
  outDir: string;
}

/** W_m: the reranker, trained as ever but on nothing later than T − 1. */
export async function trainMeta(
  input: TrainMetaInput,
  options: RunOptions = {},
): Promise<TrainModelSummary> {
  return trainModel({ ...input, model: 'reranker' }, options);
}

const cohortsFile = z.strictObject({
  T: z.string(),
  /** Fewer users than this are in no cohort by themselves, and no ΔW is of fewer. */
  minUsers: z.int(),
  minExposures: z.number(),
  cohorts: z.array(cohort),
  /** Users of each cohort. */
  members: z.record(z.string(), z.array(z.int())),
  unassigned: z.int(),
});
export type CohortsFile = z.infer<typeof cohortsFile>;

/** The name under which `tuneCohort` trains on all users of all cohorts, for comparison. */
export const ALL_USERS = 'all-users';

/**
 * Lists the users of each cohort of T and writes `cohorts.json`.
 * @throws EdgeloomError `no-cohorts`, `no-user-stats`
 */
export async function planCohorts(input: {
  tensorsDir: string;
  T: string;
  outDir: string;
}): Promise<CohortsFile> {
  const { T } = input;
  const { days, minUsers, minExposures } = await readCohortDays(input.tensorsDir);
  const { user, cohort: placeOf } = await readUserStats(input.tensorsDir, T);
  const cohorts = days[T] ?? [];
  const members: Record<string, number[]> = {};
  for (const { name } of cohorts) members[name] = [];
  let unassigned = 0;
  placeOf.forEach((place, row) => {
    if (place < 0) unassigned += 1;
    else members[cohorts[place]!.name]!.push(user[row]!);
  });
  for (const list of Object.values(members)) list.sort((a, b) => a - b);
  const file: CohortsFile = { T, minUsers, minExposures, cohorts, members, unassigned };
  await writeFileAtomic(join(input.outDir, 'cohorts.json'), `${JSON.stringify(file)}\n`);
  return file;
}

export async function readCohorts(folder: string): Promise<CohortsFile> {
  return cohortsFile.parse(JSON.parse(await readFile(join(folder, 'cohorts.json'), 'utf8')));
}

export interface TuneCohortsInput {
  tensorsDir: string;
  /** Checkpoint of `trainMeta`. */
  metaDir: string;
  /** Folder of `planCohorts`. */
  cohortsDir: string;
  /** Names of cohorts, or `all-users`. */
  cohorts: readonly string[];
  params?: Partial<z.input<typeof fineTuneParams>>;
  /** `<cohort>/delta.safetensors` (ΔW, float32) go here. */
  outDir: string;
}

export interface TunedCohort {
  cohort: string;
  users: number;
  /** Those of them who have rows on day T. */
  active: number;
  rows: number;
  /** Empty when too few were active: ΔW is zero then, and phones keep W_m. */
  losses: number[];
}

/** Fine-tunes W_m on the rows of day T of some cohorts, one after the other; compiled once for all. */
export async function tuneCohorts(
  input: TuneCohortsInput,
  options: RunOptions = {},
): Promise<TunedCohort[]> {
  const plan = await readCohorts(input.cohortsDir);
  const { config } = await readDescription(input.metaDir);
  const reranker = rerankerParts(config);
  const meta = await loadWeights(input.metaDir);
  let tuner: CohortTuner | undefined;
  try {
    const params = fineTuneParams.parse(input.params ?? {});
    tuner = await CohortTuner.create(reranker, meta, params, options);
    const done: TunedCohort[] = [];
    for (const cohort of input.cohorts) {
      done.push(await tuneOne(input, plan, reranker, meta, tuner, cohort, options));
    }
    return done;
  } finally {
    tuner?.dispose();
    tf.dispose(meta);
  }
}

const copyOf = (weights: Tensors): Tensors =>
  Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name, tensor.clone()]));

async function tuneOne(
  { tensorsDir, outDir }: TuneCohortsInput,
  plan: CohortsFile,
  reranker: RerankerParts,
  meta: Tensors,
  tuner: CohortTuner,
  cohort: string,
  options: RunOptions,
): Promise<TunedCohort> {
  const all = cohort === ALL_USERS;
  const users = new Set(all ? Object.values(plan.members).flat() : plan.members[cohort]);
  const keep = (user: number) => users.has(user);
  const { inputs, limits } = reranker;
  const day = await readRows(tensorsDir, plan.T, inputs, keep, [], limits, options);
  // A change learnt from few users' day tells of them, however many belong to the cohort.
  const active = new Set(day.user).size;
  const { tuned, losses } =
    active < plan.minUsers
      ? { tuned: copyOf(meta), losses: [] }
      : await tuner.tune(day, cohort, options);
  const delta = deltaWeights(meta, tuned);
  try {
    await mkdir(join(outDir, cohort), { recursive: true });
    await writeSafetensors(join(outDir, cohort, 'delta.safetensors'), namedOf(delta));
    return { cohort, users: users.size, active, rows: day.rows, losses };
  } finally {
    tf.dispose([tuned, delta]);
  }
}

/** Plain arrays of tensors. */
export function namedOf(tensors: Tensors): Record<string, NamedTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name,
      { shape: [...tensor.shape], data: tensor.dataSync() as Float32Array },
    ]),
  );
}
