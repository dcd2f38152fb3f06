/** Stage `evaluate-uplift`: Qini on the test day, and the threshold for the request budget. */
import { mkdir } from 'node:fs/promises';
import { z } from 'zod';
import type { Summary } from '../lib/artifact.ts';
import { evaluateUplift as evaluate } from '../models/uplift/evaluate.ts';
import { defineStage } from './runtime/stage.ts';
import { backendParam, startBackend } from './runtime/training-params.ts';

export const evaluateUplift = defineStage({
  name: 'evaluate-uplift',
  describe: 'measure the uplift model on a day it has never seen; set the threshold for a budget',
  inputs: ['tensors', 'checkpoint'],
  params: z.strictObject({
    backend: backendParam,
    trainDates: z.array(z.iso.date()).min(1),
    validDate: z.iso.date().describe('the threshold is taken from this day'),
    testDate: z.iso.date(),
    budget: z.number().gt(0).lt(1).default(0.3).describe('share of decisions that may request'),
    replicates: z.int().min(10).default(400).describe('bootstrap draws of users'),
    seed: z.int().default(1).describe('of the bootstrap'),
  }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, { backend, ...params }) {
    await startBackend(backend);
    await mkdir(outDir);
    const metrics = await evaluate(
      { ...params, tensorsDir: inputs.tensors!, checkpointDir: inputs.checkpoint!, outDir },
      { signal, onProgress },
    );
    const { verdict, threshold, budget } = metrics;
    return { rows: 0, summary: { verdict, threshold, budget } as unknown as Summary };
  },
});
