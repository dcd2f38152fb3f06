/** Stage `train-uplift`: the request-uplift model, over the reranker's item tables. */
import { z } from 'zod';
import { trainUplift as train } from '../models/uplift/train.ts';
import { defineStage } from './runtime/stage.ts';
import { backendParam, startBackend, trainingParam } from './runtime/training-params.ts';

export const trainUplift = defineStage({
  name: 'train-uplift',
  describe: 'train the request-uplift model on randomised decisions',
  inputs: ['tensors', 'tables?'],
  params: z.strictObject({
    backend: backendParam,
    trainDates: z.array(z.iso.date()).min(1),
    validDate: z.iso.date().describe('stops the training'),
    config: z.record(z.string(), z.json()).default({}).describe('fields of the model that differ'),
    training: trainingParam,
  }),
  module: import.meta.url,
  async run({ inputs, outDir, scratchDir, signal, onProgress }, params) {
    await startBackend(params.backend);
    const { history, bestEpoch, rows } = await train(
      {
        tensorsDir: inputs.tensors!,
        trainDates: params.trainDates,
        validDate: params.validDate,
        config: params.config,
        params: params.training,
        stateDir: scratchDir,
        outDir,
        ...(inputs.tables ? { tablesFrom: inputs.tables } : {}),
      },
      { signal, onProgress },
    );
    const best = history.find(({ epoch }) => epoch === bestEpoch);
    return { rows, summary: { rows, bestEpoch, epochs: history.length, valid: best?.valid ?? {} } };
  },
});
