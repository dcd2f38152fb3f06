/** Stage `export-uplift`: the uplift path as ONNX and TFLite files, with its threshold. */
import { mkdir } from 'node:fs/promises';
import { z } from 'zod';
import { exportUplift as exportFiles } from '../export/models/export-uplift.ts';
import { exportParams } from './runtime/export-params.ts';
import { defineStage } from './runtime/stage.ts';

export const exportUplift = defineStage({
  name: 'export-uplift',
  describe: 'record the uplift path, write ONNX and TFLite, set the threshold for the budget',
  inputs: ['tensors', 'checkpoint', 'reranker?'],
  params: exportParams.extend({
    budget: z.number().gt(0).lt(1).default(0.3).describe('share of decisions that may request'),
  }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, params) {
    await mkdir(outDir);
    const summary = await exportFiles({
      ...params,
      tensorsDir: inputs.tensors!,
      checkpointDir: inputs.checkpoint!,
      ...(inputs.reranker ? { rerankerPart: inputs.reranker } : {}),
      outDir,
      signal,
      onProgress,
    });
    return { rows: 0, summary };
  },
});
