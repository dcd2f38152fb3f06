/** Trains the uplift model from a tensors folder into a checkpoint folder. */
import * as tf from '@tensorflow/tfjs';
import { canonicalJson, sha256 } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { backendVersions } from '../engine/backend.ts';
import { loadWeights, readDescription, saveCheckpoint } from '../engine/checkpoint.ts';
import { Dataset } from '../engine/dataset.ts';
import { withFrozen } from '../engine/frozen.ts';
import { type TrainParams, train, trainParams } from '../engine/train.ts';
import type { EpochRecord } from '../engine/training-state.ts';
import type { Tensors } from '../engine/types.ts';
import { upliftDefinition } from './definition.ts';
import { upliftConfigFor, upliftModel } from './model.ts';
import { upliftValidation } from './score.ts';

export interface TrainUpliftInput {
  tensorsDir: string;
  trainDates: string[];
  validDate: string;
  /** Where the checkpoint goes. */
  outDir: string;
  /** Existing folder for the state that an interrupted run resumes from. */
  stateDir: string;
  /** Fields of the config that differ from their defaults. */
  config?: Record<string, unknown>;
  params?: Partial<TrainParams>;
  /**
   * Checkpoint of a reranker trained on the same tensors: its id tables are taken over and kept
   * fixed. The phone then holds one row per item for both models, and the few orders teach no ids.
   * Absent: the model learns small tables of its own.
   */
  tablesFrom?: string;
}

export interface TrainUpliftResult {
  history: EpochRecord[];
  bestEpoch: number;
  rows: number;
}

/** @throws EdgeloomError `no-samples`, `bad-samples`, `bad-checkpoint`, `training-diverged` */
export async function trainUplift(
  input: TrainUpliftInput,
  options: RunOptions = {},
): Promise<TrainUpliftResult> {
  const { tensorsDir, trainDates, validDate } = input;
  const dataset = await Dataset.open(tensorsDir, 'decisions', trainDates);
  const valid = await Dataset.open(tensorsDir, 'decisions', [validDate]);
  const params = trainParams.parse({ ...upliftDefinition.params, ...input.params });
  let tables: Tensors = {};
  try {
    const overrides: Record<string, unknown> = { ...input.config };
    if (input.tablesFrom) {
      tables = await loadTables(input.tablesFrom);
      const { config } = await readDescription(input.tablesFrom);
      Object.assign(overrides, { fields: config.fields, tablePenalty: 0 });
    }
    const config = upliftConfigFor(dataset.features, overrides);
    const model = withFrozen(upliftModel(config), tables);
    const dataIdentity = sha256(
      canonicalJson({ trainDates, validDate, rows: dataset.rows, tables: hashOf(tables) }),
    );
    const validation = upliftValidation(valid, 1024, model);
    const { weights, history, bestEpoch, execution } = await train(
      { model, dataset, validation, params, stateDir: input.stateDir, dataIdentity },
      options,
    );
    for (const [name, table] of Object.entries(tables)) {
      weights[name] = { shape: table.shape, data: table.dataSync() as Float32Array };
    }
    const description = {
      name: model.name,
      config,
      seed: params.seed,
      trainDates,
      validDate,
      params: { ...params, ...execution },
      backend: tf.getBackend(),
      versions: backendVersions(),
      tables: input.tablesFrom ? 'of the reranker, fixed' : 'own',
    };
    await saveCheckpoint(input.outDir, description, weights, history);
    return { history, bestEpoch, rows: dataset.rows };
  } finally {
    tf.dispose(tables);
    await dataset.close();
    await valid.close();
  }
}

/** The id tables of a checkpoint. */
async function loadTables(checkpointDir: string): Promise<Tensors> {
  const weights = await loadWeights(checkpointDir);
  const tables: Tensors = {};
  for (const [name, weight] of Object.entries(weights)) {
    if (name.startsWith('embedding/')) tables[name] = weight;
    else weight.dispose();
  }
  return tables;
}

function hashOf(tables: Tensors): string {
  return sha256(
    Object.keys(tables)
      .sort()
      .map((name) => {
        const data = tables[name]!.dataSync() as Float32Array;
        return `${name} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`;
      })
      .join('\n'),
  );
}
