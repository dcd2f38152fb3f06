/** The functions that are compared: those of models trained on a simulated week, and a plain MLP. */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { loadOnnx, type NamedArrays, record, toOnnx } from '../../compiler/index.ts';
import { type Encoders, encodeSlates, stepRows } from '../../export/models/chain.ts';
import { drawDecisions } from '../../export/models/decisions.ts';
import { type EntryPoint, float32Inputs } from '../../export/models/entry-point.ts';
import { decideEntry } from '../../export/models/export-uplift.ts';
import { oneByOne } from '../../export/models/many-calls.ts';
import { rerankerEntries } from '../../export/models/reranker-entries.ts';
import { drawSlates, ENCODERS, type Slate } from '../../export/models/slates.ts';
import { Random } from '../../lib/random.ts';
import { loadWeights, readDescription } from '../../models/engine/checkpoint.ts';
import { Dataset, type Family } from '../../models/engine/dataset.ts';
import { mlp, mlpInit } from '../../models/layers/dense.ts';
import { rerankerConfig } from '../../models/reranker/model.ts';
import { upliftConfig } from '../../models/uplift/model.ts';
import type { TensorDates } from '../tensors-from-logs.ts';
import type { Subject } from './write.ts';

const SEED = 11;
const CALIBRATION_ROWS = 256;
const HELD_ROWS = 500;

export interface Trained {
  tensorsDir: string;
  dates: TensorDates;
  /** Folders of checkpoints. */
  reranker: string;
  uplift: string;
}

/** Draws calibration rows of the training days and held-out rows of the test day. */
async function drawBoth<Row>(
  { tensorsDir, dates }: Trained,
  family: Family,
  draw: (dataset: Dataset, count: number) => Promise<Row>,
): Promise<{ calibration: Row; held: Row }> {
  const from = async (days: string[], count: number): Promise<Row> => {
    const dataset = await Dataset.open(tensorsDir, family, days);
    try {
      return await draw(dataset, count);
    } finally {
      await dataset.close();
    }
  };
  return {
    calibration: await from(dates.trainDates, CALIBRATION_ROWS),
    held: await from([dates.testDate], HELD_ROWS),
  };
}

/** The exposure encoder and the scorer, with the held slates that the scorer's rows came from. */
export async function rerankerSubjects(
  trained: Trained,
): Promise<{ subjects: Subject[]; slates: Slate[] }> {
  const { config: loose } = await readDescription(trained.reranker);
  const config = rerankerConfig.parse(loose);
  const weights = await loadWeights(trained.reranker);
  const entries = rerankerEntries(config, weights);
  const encoders = Object.fromEntries(
    await Promise.all(
      ENCODERS.map(async ({ entry: name }) => {
        const graph = record(entries[name].run, entries[name].inputs, { weights });
        const model = await loadOnnx(toOnnx(graph, { profile: 'float32' }));
        return [name, oneByOne(model)] as const;
      }),
    ),
  ) as Encoders;
  const { calibration, held } = await drawBoth(trained, 'rerank', async (dataset, count) => {
    const slates = await drawSlates(dataset, config, weights, count, SEED);
    const draw = { perEntry: count, seed: SEED, entries };
    return { slates, rows: stepRows(await encodeSlates(config, encoders, slates), draw) };
  });
  const data = `trained on a simulated week, K = ${config.exposures} and ${config.pageViews}, N = ${config.candidates}`;
  const names = ['encodeExposureStep', 'rerank'] as const;
  const subjects = names.map((name) => ({
    ...{ entry: entries[name], weights, data },
    ...{ calibration: calibration.rows[name], held: held.rows[name] },
  }));
  return { subjects, slates: held.slates };
}

export async function decideSubject(trained: Trained): Promise<Subject> {
  const { config: loose } = await readDescription(trained.uplift);
  const config = upliftConfig.parse(loose);
  const weights = await loadWeights(trained.uplift);
  const rows = await drawBoth(trained, 'decisions', async (dataset, count) =>
    (await drawDecisions(dataset, config, weights, count, SEED, {})).map(({ inputs }) => inputs),
  );
  const entry = decideEntry(config, weights);
  return { entry, weights, ...rows, data: 'trained on a simulated week' };
}

/** 173 → 256 → 128 → 1 with random weights on random rows: nothing but dense layers. */
export function mlpSubject(): Subject {
  const random = Random.of(SEED, 'mlp');
  const weights = mlpInit('mlp', 173, [256, 128], random);
  // Fresh biases are zeros, which TensorFlow's converter leaves out.
  for (const name of Object.keys(weights).filter((key) => key.endsWith('/bias'))) {
    const { shape } = weights[name]!;
    weights[name] = tf.tensor1d(Array.from({ length: shape[0]! }, () => random.normal(0, 0.1)));
  }
  const entry: EntryPoint = {
    name: 'mlp',
    inputs: float32Inputs({ x: [1, 173] }),
    run: ({ x }) => ({ y: mlp(weights, 'mlp', [256, 128], x as tf.Tensor2D) }),
  };
  const rows = (part: string, count: number): NamedArrays[] =>
    Array.from({ length: count }, (_, i) => {
      const random = Random.of(SEED, part, i);
      return { x: Float32Array.from({ length: 173 }, () => random.normal()) };
    });
  return {
    ...{ entry, weights, data: 'random weights, random rows' },
    ...{ calibration: rows('calibration', CALIBRATION_ROWS), held: rows('held', HELD_ROWS) },
  };
}

export const checkpointsIn = (workDir: string): Pick<Trained, 'reranker' | 'uplift'> => ({
  reranker: join(workDir, 'reranker', 'checkpoint'),
  uplift: join(workDir, 'uplift', 'checkpoint'),
});
