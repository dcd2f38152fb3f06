/** Trains the Transfer layer on day T + 1, W_m and every W_p fixed. */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { RunOptions } from '../../lib/progress.ts';
import { Random } from '../../lib/random.ts';
import { makeBatch } from '../engine/batch-tensors.ts';
import { createTrainer } from '../engine/create-trainer.ts';
import { executionParams, type Trainer } from '../engine/trainer.ts';
import type { InputSpec, Model, Tensors } from '../engine/types.ts';
import { tensorsOf } from './fine-tune.ts';
import { fuse } from './fused-weights.ts';
import { type GateConfig, gateInit, gateInput, gates } from './gate.ts';
import type { RerankerParts } from './reranker-parts.ts';
import { type DayRows, userRuns } from './rows.ts';
import { type ShortBatch, trainShortly } from './short-training.ts';

export const gateParams = z.strictObject({
  epochs: z.int().min(0).default(3).describe('passes over the chosen users of day T + 1'),
  usersPerUpdate: z
    .int()
    .min(1)
    .default(16)
    .describe('users per update; each has weights of its own'),
  usersPerEpoch: z
    .int()
    .min(1)
    .default(120)
    .describe('users drawn anew for each epoch: the gate has few parameters and needs no more'),
  rowsPerUser: z.int().min(1).default(24).describe('slates of a user that enter an update'),
  learningRate: z.number().positive().default(0.05).describe("Adam's step size"),
  hidden: z.int().min(1).default(8).describe('hidden units of the MLP of each layer'),
  seed: z.int().default(1).describe('of the starting weights and of the choice of users'),
  ...executionParams,
});
export type GateParams = z.infer<typeof gateParams>;

/** One cohort's part of a day, with what its gates are computed from. */
export interface CohortDay {
  /** Place among the cohorts. */
  cohort: number;
  day: DayRows;
  /** ΔW of the cohort. */
  delta: Tensors;
  /** U_s before the day; users without are left out of training and keep W_m. */
  statistics(user: number): ArrayLike<number> | undefined;
}

export interface TrainGateInput {
  reranker: RerankerParts;
  /** W_m, whole. */
  meta: Tensors;
  config: GateConfig;
  cohorts: CohortDay[];
  params: GateParams;
}

const CLIP_NORM = 5;

interface Member {
  of: CohortDay;
  z: number[];
  from: number;
  to: number;
}

/**
 * @returns the gate's weights; the caller disposes them
 * @throws EdgeloomError `training-diverged`
 */
export async function trainGate(
  { reranker, meta, config, cohorts, params }: TrainGateInput,
  options: RunOptions = {},
): Promise<{ weights: Tensors; losses: number[]; users: number }> {
  const members = cohorts.flatMap((of) =>
    userRuns(of.day).flatMap(({ user, from, to }): Member[] => {
      const statistics = of.statistics(user);
      if (!statistics) return [];
      const z = gateInput(config, statistics, of.cohort);
      return [{ of, z, from, to: Math.min(to, from + params.rowsPerUser) }];
    }),
  );
  const start = tf.tidy(() => gateInit(config, params.seed));
  if (members.length === 0) return { weights: start, losses: [], users: 0 };
  let trainer: Trainer | undefined;
  try {
    const model = gateModel(reranker, meta, config, members[0]!.of.delta);
    const optimizer = { learningRate: params.learningRate, clipNorm: CLIP_NORM, accumulate: true };
    trainer = await createTrainer(params, model, start, optimizer, options);
    const losses = await trainShortly(
      {
        trainer,
        epochs: params.epochs,
        what: 'gates',
        batches(epoch) {
          const drawn = Random.of(params.seed, 'users', epoch).shuffle([...members]);
          const chosen = drawn.slice(0, params.usersPerEpoch);
          const count = Math.ceil(chosen.length / params.usersPerUpdate);
          return Array.from({ length: count }, (_, i) =>
            batchOfUsers(
              reranker,
              chosen.slice(i * params.usersPerUpdate, (i + 1) * params.usersPerUpdate),
            ),
          );
        },
      },
      options,
    );
    return { weights: tensorsOf(trainer), losses, users: members.length };
  } finally {
    trainer?.dispose();
    tf.dispose(start);
  }
}

/** Columns of a batch that are not of its rows. */
const GATE_INPUT = 'gate_input';
const deltaInput = (weight: string): string => `delta/${weight}`;

/**
 * The gates of one user at a time, who has weights of their own: the batch is the user's rows, the input
 * of their gates and their cohort's ΔW. The loss is the sum over their exposed candidates.
 * @param delta any cohort's: names and shapes
 */
export function gateModel(
  reranker: RerankerParts,
  meta: Tensors,
  config: GateConfig,
  delta: Tensors,
): Model {
  const whole = (shape: number[]): InputSpec => ({ dtype: 'float32', shape, whole: true });
  const inputs: Record<string, InputSpec> = {
    ...reranker.inputs,
    [GATE_INPUT]: whole([1, config.statistics.length + config.cohorts.length]),
  };
  for (const [name, { shape }] of Object.entries(delta)) inputs[deltaInput(name)] = whole(shape);
  const logits = (weights: Tensors, batch: Tensors): tf.Tensor2D => {
    const all = { ...meta, ...weights };
    const g = gates(all, batch[GATE_INPUT] as tf.Tensor2D).reshape<tf.Tensor1D>([-1]);
    const own = Object.fromEntries(
      Object.keys(delta).map((name) => [name, batch[deltaInput(name)]!]),
    );
    return reranker.logits(fuse(all, own, config.layers, g), reranker.encode(all, batch));
  };
  return {
    name: 'gates',
    config: {},
    inputs,
    frozen: meta,
    init: (seed) => gateInit(config, seed),
    predict: logits,
    loss: (weights, batch) => {
      const count = tf.maximum(tf.sum(batch.label_mask!), 1);
      return tf.mul(reranker.loss(logits(weights, batch), batch), count) as tf.Scalar;
    },
  };
}

/** One update: the mean over the exposed candidates of all these users. */
function batchOfUsers(reranker: RerankerParts, users: readonly Member[]): ShortBatch {
  return {
    rows: users.reduce((sum, { from, to }) => sum + to - from, 0),
    update: (trainer) => {
      let sum = 0;
      let seen = 0;
      for (const { of, z, from, to } of users) {
        const rows = Array.from({ length: to - from }, (_, i) => from + i);
        const batch = makeBatch(reranker.inputs, of.day.columns, rows);
        const input = tf.tensor2d([z]);
        for (const value of batch.label_mask!.dataSync()) seen += value;
        const deltas = Object.entries(of.delta).map(([name, change]) => [deltaInput(name), change]);
        try {
          sum += trainer.accumulate({
            ...batch,
            [GATE_INPUT]: input,
            ...Object.fromEntries(deltas),
          });
        } finally {
          tf.dispose([batch, input]);
        }
      }
      trainer.apply(1 / Math.max(1, seen));
      return sum / Math.max(1, seen);
    },
  };
}
