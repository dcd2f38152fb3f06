/** Trains rerankers on a played world and scores every candidate of its test day. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { backendVersions } from '../../models/engine/backend.ts';
import { loadWeights, saveCheckpoint } from '../../models/engine/checkpoint.ts';
import { Dataset } from '../../models/engine/dataset.ts';
import type { ModelDefinition } from '../../models/engine/definition.ts';
import { predictAll } from '../../models/engine/predict.ts';
import { eagerScorer } from '../../models/engine/scorer.ts';
import { train, trainParams } from '../../models/engine/train.ts';
import { modelDefinition } from '../../models/registry.ts';
import { rerankerDefinition } from '../../models/reranker/definition.ts';
import { rerankerConfig } from '../../models/reranker/model.ts';
import type { PlayedWorld } from './fresh-world.ts';
import { slateBlindModel } from './slate-blind.ts';

const slateBlindDefinition: ModelDefinition = {
  ...rerankerDefinition,
  name: 'reranker-slate-blind',
  create: (config) => slateBlindModel(rerankerConfig.parse(config)),
};

const definitionOf = (name: string): ModelDefinition =>
  name === slateBlindDefinition.name ? slateBlindDefinition : modelDefinition(name);

/**
 * Trains as the pipeline does: all days but the last two, epochs chosen on the day before the last.
 * What is there already is used again.
 * @returns folder of the checkpoint
 */
export async function trainedReranker(played: PlayedWorld, name: string): Promise<string> {
  const outDir = join(played.workDir, name, 'checkpoint');
  if (existsSync(outDir)) return outDir;
  const definition = definitionOf(name);
  const { tensorsDir, trainDates, validDate, world, seed } = played;
  const stateDir = join(played.workDir, name, 'state');
  await mkdir(stateDir, { recursive: true });
  const dataset = await Dataset.open(tensorsDir, 'rerank', trainDates);
  const valid = await Dataset.open(tensorsDir, 'rerank', [validDate]);
  try {
    const params = trainParams.parse(definition.params);
    const model = definition.create(definition.configFor(dataset.features, {}));
    const validation = definition.validation(valid, params.batchSize, model);
    const dataIdentity = [name, world, seed, dataset.rows].join(' ');
    const input = { model, dataset, validation, params, stateDir, dataIdentity };
    const { weights, history, execution } = await train(input);
    const description = {
      ...{ name, config: model.config, seed: params.seed, trainDates, validDate },
      params: { ...params, ...execution },
      backend: tf.getBackend(),
      versions: backendVersions(),
    };
    await saveCheckpoint(outDir, description, weights, history);
    return outDir;
  } finally {
    await dataset.close();
    await valid.close();
  }
}

/** @returns logits of the test day, row-major [slates, candidates] */
export async function trainAndScore(played: PlayedWorld, name: string): Promise<Float32Array> {
  const checkpoint = await trainedReranker(played, name);
  const definition = definitionOf(name);
  const test = await Dataset.open(played.tensorsDir, 'rerank', [played.testDate]);
  const weights = await loadWeights(checkpoint);
  try {
    const model = definition.create(definition.configFor(test.features, {}));
    return await predictAll(eagerScorer(model, weights), test, 256);
  } finally {
    tf.dispose(weights);
    await test.close();
  }
}
