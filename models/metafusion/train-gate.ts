/** Trains the Transfer layer on day T + 1, W_m and every W_p fixed. */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { RunOptions } from '../../lib/progress.ts';
import { Random } from '../../lib/random.ts';
import { makeBatch } from '../engine/batch-tensors.ts';
import type { Tensors } from '../engine/types.ts';
import { fuse } from './fused-weights.ts';
import { type GateConfig, gateInit, gateInput, gates } from './gate.ts';
import type { RerankerParts } from './reranker-parts.ts';
import { type DayRows, sliceRows, userRuns } from './rows.ts';
import { trainShortly } from './short-training.ts';

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
  try {
    const { weights, losses } = await trainShortly(
      {
        start,
        epochs: members.length === 0 ? 0 : params.epochs,
        learningRate: params.learningRate,
        what: 'gates',
        batches(epoch) {
          const drawn = Random.of(params.seed, 'users', epoch).shuffle([...members]);
          const chosen = drawn.slice(0, params.usersPerEpoch);
          const count = Math.ceil(chosen.length / params.usersPerUpdate);
          return Array.from({ length: count }, (_, i) => {
            const users = chosen.slice(i * params.usersPerUpdate, (i + 1) * params.usersPerUpdate);
            return {
              rows: users.reduce((sum, { from, to }) => sum + to - from, 0),
              loss: (gate) => loss(reranker, meta, config, gate, users),
            };
          });
        },
      },
      options,
    );
    return { weights, losses, users: members.length };
  } finally {
    tf.dispose(start);
  }
}

/** Mean cross entropy over the exposed candidates of some users. */
function loss(
  reranker: RerankerParts,
  meta: Tensors,
  config: GateConfig,
  gate: Tensors,
  users: Member[],
): tf.Scalar {
  const g = gates(gate, tf.tensor2d(users.map(({ z }) => z)));
  const rows = users.flatMap(({ of, from, to }) =>
    Array.from({ length: to - from }, (_, i) => ({ columns: of.day.columns, row: from + i })),
  );
  const batch = makeBatch(reranker.inputs, rows);
  const encoded = reranker.encode(meta, batch);
  let at = 0;
  const logits = users.map(({ of, from, to }, u) => {
    const weights = fuse(
      meta,
      of.delta,
      config.layers,
      tf.slice(g, [u, 0], [1, config.layers.length]).reshape([-1]),
    );
    const own = sliceRows(encoded, at, to - from);
    at += to - from;
    return reranker.logits(weights, own);
  });
  return reranker.loss(tf.concat(logits), batch);
}
