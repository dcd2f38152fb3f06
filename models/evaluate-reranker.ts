/** The work of the reranker's evaluate stage: checkpoints and a test day in, metrics out. */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { writeFileAtomic } from '../lib/files.ts';
import type { RunOptions } from '../lib/progress.ts';
import { type NamedTensor, writeSafetensors } from '../lib/safetensors.ts';
import { Dataset } from './engine/dataset.ts';
import { predictAll } from './engine/predict.ts';
import { eagerScorer } from './engine/scorer.ts';
import { type LabelledCandidates, labelledCandidates } from './engine/validation.ts';
import {
  type EvaluationReport,
  evaluateByGroup,
  evaluatePredictions,
  type Scorer,
} from './metrics/evaluate.ts';
import { loadModel } from './registry.ts';

export const evaluateParams = z.strictObject({
  replicates: z.int().min(2).default(1000).describe('user resamples behind every interval'),
  seed: z.int().default(1).describe('of the resamples and of the order of ties'),
  minGroupRows: z.int().min(1).default(500).describe('scenes with fewer test rows are left out'),
  batchSize: z.int().min(1).default(256),
  label: z
    .enum(['label_click', 'label_long', 'label_like'])
    .default('label_click')
    .describe('what counts as a positive; models are trained on clicks'),
});
export type EvaluateParams = z.infer<typeof evaluateParams>;

export interface EvaluateInput {
  tensorsDir: string;
  testDate: string;
  /** Name in the report → checkpoint folder. The first one is compared with every other scorer. */
  checkpoints: Record<string, string>;
  outDir: string;
  params?: Partial<EvaluateParams>;
}

/** `metrics.json`. */
export interface RerankerMetrics {
  testDate: string;
  label: string;
  params: EvaluateParams;
  overall: EvaluationReport;
  /** Within each scene (tab) with enough rows; part of a pooled AUC is won by the scene alone. */
  byScene: Record<string, EvaluationReport>;
}

/**
 * Scores the exposed candidates of a test day with every checkpoint, the popularity of the item on
 * training days, the cloud's own score where the log has one, and the initial order. Writes
 * `metrics.json` and `predictions.safetensors` (one row per exposed candidate).
 * @throws EdgeloomError `no-samples`, `bad-checkpoint`, `bad-evaluation-rows`
 */
export async function evaluateReranker(
  input: EvaluateInput,
  options: RunOptions = {},
): Promise<RerankerMetrics> {
  const params = evaluateParams.parse(input.params ?? {});
  const dataset = await Dataset.open(input.tensorsDir, 'rerank', [input.testDate]);
  try {
    const candidates = await labelledCandidates(dataset, params.label);
    const scorers: Record<string, Scorer> = {};
    for (const [name, folder] of Object.entries(input.checkpoints)) {
      const scores = await scoreWith(folder, dataset, candidates.cells, params.batchSize, {
        signal: options.signal,
        onProgress: (p) => options.onProgress?.({ ...p, message: `${name}: ${p.message}` }),
      });
      scorers[name] = { kind: 'logit', scores };
    }
    Object.assign(scorers, await plainScorers(dataset, candidates.cells));
    options.onProgress?.({ message: `metrics over ${params.replicates} user resamples` });
    const [first, ...others] = Object.keys(scorers) as [string, ...string[]];
    const evaluation = {
      seed: params.seed,
      replicates: params.replicates,
      compare: others.map((other): [string, string] => [first, other]),
      minRows: params.minGroupRows,
    };
    const sceneName = (scene: number) => dataset.features.scenes[scene - 1] ?? 'unknown';
    const metrics: RerankerMetrics = {
      testDate: input.testDate,
      label: params.label,
      params,
      overall: evaluatePredictions(candidates.labelled, scorers, evaluation),
      byScene: evaluateByGroup(
        candidates.labelled,
        scorers,
        candidates.scene,
        sceneName,
        evaluation,
      ),
    };
    await writeFileAtomic(
      join(input.outDir, 'metrics.json'),
      `${JSON.stringify(metrics, null, 2)}\n`,
    );
    await writeSafetensors(
      join(input.outDir, 'predictions.safetensors'),
      predictionColumns(dataset, candidates, scorers),
    );
    return metrics;
  } finally {
    await dataset.close();
  }
}

async function scoreWith(
  checkpoint: string,
  dataset: Dataset,
  cells: Int32Array,
  batchSize: number,
  options: RunOptions,
): Promise<Float32Array> {
  const { model, weights } = await loadModel(checkpoint);
  try {
    const logits = await predictAll(eagerScorer(model, weights), dataset, batchSize, options);
    return Float32Array.from(cells, (cell) => logits[cell]!);
  } finally {
    tf.dispose(weights);
  }
}

/** Scores that need no training here. */
async function plainScorers(dataset: Dataset, cells: Int32Array): Promise<Record<string, Scorer>> {
  const columns = await dataset.readColumns(['popularity', 'cand_position', 'cand_dense']);
  const at = (name: string, stride = 1, offset = 0) =>
    Float32Array.from(cells, (cell) => columns[name]!.data[cell * stride + offset]!);
  const scorers: Record<string, Scorer> = {
    popularity: { kind: 'probability', scores: at('popularity') },
  };
  const { dense } = dataset.features;
  const score = dense.findIndex(({ name }) => name === 'score');
  if (score >= 0) {
    scorers['cloud-score'] = { kind: 'score', scores: at('cand_dense', dense.length, score) };
  }
  const position = at('cand_position');
  if (position.some((p) => p >= 0)) {
    scorers['initial-order'] = { kind: 'score', scores: position.map((p) => -p) };
  }
  return scorers;
}

function predictionColumns(
  dataset: Dataset,
  { labelled, cells, scene }: LabelledCandidates,
  scorers: Record<string, Scorer>,
): Record<string, NamedTensor> {
  const width = dataset.features.sizes.candidates;
  const shape = [cells.length];
  const columns: Record<string, NamedTensor> = {
    row: { shape, data: cells.map((cell) => Math.floor(cell / width)) },
    candidate: { shape, data: cells.map((cell) => cell % width) },
    user: { shape, data: Int32Array.from(labelled.user) },
    scene: { shape, data: scene },
    label: { shape, data: Float32Array.from(labelled.label) },
  };
  for (const [name, { scores }] of Object.entries(scorers)) {
    columns[`score/${name}`] = { shape, data: Float32Array.from(scores) };
  }
  return columns;
}
