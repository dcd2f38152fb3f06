/** Stage `evaluate-reranker`: all metrics on the test day, against popularity and the plain DNN. */
import { z } from 'zod';
import type { Summary } from '../lib/artifact.ts';
import { evaluateReranker as evaluate, evaluateParams } from '../models/evaluate-reranker.ts';
import { defineStage } from './runtime/stage.ts';
import { backendParam, startBackend } from './runtime/training-params.ts';

export const evaluateReranker = defineStage({
  name: 'evaluate-reranker',
  describe: 'measure the reranker on a day it has never seen, against popularity and a plain DNN',
  inputs: ['tensors', 'reranker', 'dnn'],
  params: evaluateParams.extend({ backend: backendParam, testDate: z.iso.date() }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, { backend, testDate, ...params }) {
    await startBackend(backend);
    const { overall } = await evaluate(
      {
        tensorsDir: inputs.tensors!,
        testDate,
        checkpoints: { reranker: inputs.reranker!, dnn: inputs.dnn! },
        outDir,
        params,
      },
      { signal, onProgress },
    );
    const { rows, users, models } = overall;
    return { rows, summary: { rows, users, models } as unknown as Summary };
  },
});
