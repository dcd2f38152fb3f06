/** Stage `export-reranker`: the trained reranker as ONNX and TFLite files, shards and golden vectors. */
import { mkdir } from 'node:fs/promises';
import { exportReranker as exportFiles } from '../export/models/export-reranker.ts';
import { exportParams } from './runtime/export-params.ts';
import { defineStage } from './runtime/stage.ts';

export const exportReranker = defineStage({
  name: 'export-reranker',
  describe: 'record the reranker, write ONNX and TFLite, compare every file with the trained model',
  inputs: ['tensors', 'checkpoint'],
  params: exportParams,
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, params) {
    await mkdir(outDir);
    const summary = await exportFiles({
      ...params,
      tensorsDir: inputs.tensors!,
      checkpointDir: inputs.checkpoint!,
      outDir,
      signal,
      onProgress,
    });
    return { rows: 0, summary };
  },
});
