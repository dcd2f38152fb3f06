/** The work of the train stage: a tensors folder and parameters in, a checkpoint out. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { sha256File } from '../lib/hash.ts';
import type { RunOptions } from '../lib/progress.ts';
import { backendVersions } from './engine/backend.ts';
import { saveCheckpoint } from './engine/checkpoint.ts';
import { Dataset } from './engine/dataset.ts';
import { type TrainParams, train, trainParams } from './engine/train.ts';
import { modelDefinition } from './registry.ts';

export interface TrainModelInput {
  /** Name in the registry. */
  model: string;
  tensorsDir: string;
  trainDates: string[];
  validDate: string;
  /** Overrides of the model's config. */
  config?: Record<string, unknown>;
  /** Overrides of the training parameters. */
  params?: Partial<TrainParams>;
  /** Folder for checkpoints that survives this process; made when missing. */
  stateDir: string;
  /** Where the checkpoint is written. */
  outDir: string;
}

export interface TrainModelSummary {
  [key: string]: string | number | Record<string, number>;
  model: string;
  rows: number;
  epochs: number;
  bestEpoch: number;
  trainLoss: number;
  valid: Record<string, number>;
}

/**
 * Trains one model on the current backend (`useBackend` first) and writes its checkpoint.
 * @throws EdgeloomError `unknown-model`, `no-samples`, `bad-samples`, `training-diverged`
 */
export async function trainModel(
  input: TrainModelInput,
  options: RunOptions = {},
): Promise<TrainModelSummary> {
  const definition = modelDefinition(input.model);
  const params = trainParams.parse({ ...definition.params, ...input.params });
  await mkdir(input.stateDir, { recursive: true });
  const dataset = await Dataset.open(input.tensorsDir, definition.family, input.trainDates);
  const valid = await Dataset.open(input.tensorsDir, definition.family, [input.validDate]);
  try {
    const model = definition.create(definition.configFor(dataset.features, input.config ?? {}));
    const validation = definition.validation(valid, params.batchSize, model);
    const features = await sha256File(join(input.tensorsDir, 'features.json'));
    const identity = [features, ...input.trainDates, input.validDate, dataset.rows, valid.rows];
    const { stateDir } = input;
    const dataIdentity = identity.join(' ');
    const result = await train(
      { model, dataset, validation, params, stateDir, dataIdentity },
      options,
    );
    const description = {
      name: definition.name,
      config: model.config,
      seed: params.seed,
      trainDates: input.trainDates,
      validDate: input.validDate,
      params: { ...params, ...result.execution },
      backend: tf.getBackend(),
      versions: backendVersions(),
    };
    await saveCheckpoint(input.outDir, description, result.weights, result.history);
    const best = result.history.find(({ epoch }) => epoch === result.bestEpoch)!;
    return {
      model: definition.name,
      rows: dataset.rows,
      epochs: result.history.length,
      bestEpoch: result.bestEpoch,
      trainLoss: best.loss,
      valid: best.valid,
    };
  } finally {
    await dataset.close();
    await valid.close();
  }
}
