/** Stage `train-model`: trains a reranker or a baseline from tensors; resumes from its scratch folder. */
import { z } from 'zod';
import { modelNames } from '../models/registry.ts';
import { trainModel as train } from '../models/train-model.ts';
import { defineStage } from './runtime/stage.ts';
import { backendParam, startBackend, trainingParam } from './runtime/training-params.ts';

export const trainModel = defineStage({
  name: 'train-model',
  describe: `train one of ${modelNames.join(', ')}`,
  inputs: ['tensors'],
  params: z.strictObject({
    model: z.enum(modelNames as [string, ...string[]]),
    backend: backendParam,
    trainDates: z.array(z.iso.date()).min(1),
    validDate: z.iso.date().describe('stops the training'),
    config: z.record(z.string(), z.json()).default({}).describe('fields of the model that differ'),
    training: trainingParam,
  }),
  module: import.meta.url,
  async run({ inputs, outDir, scratchDir, signal, onProgress }, params) {
    await startBackend(params.backend);
    const { model, trainDates, validDate, config, training } = params;
    const summary = await train(
      {
        model,
        trainDates,
        validDate,
        config,
        params: training,
        tensorsDir: inputs.tensors!,
        stateDir: scratchDir,
        outDir,
      },
      { signal, onProgress },
    );
    return { rows: summary.rows, summary };
  },
});
