/** Stage `stitch`: lake → rerank, video and decision samples, point in time, in one piece. */
import { stitch as stitchLake } from '../data/stitch/stitch.ts';
import type { Summary } from '../lib/artifact.ts';
import { defineStage } from './runtime/stage.ts';
import { stitchParams } from './runtime/stitch-params.ts';

export const stitch = defineStage({
  name: 'stitch',
  describe: 'join the lake into rerank, video and decision samples, point in time',
  inputs: ['lake'],
  params: stitchParams,
  assets: ['data/sql'],
  module: import.meta.url,
  async run({ inputs, outDir, machine, signal, onProgress }, params) {
    const lakeDir = inputs.lake!;
    const { memoryLimitMb } = machine;
    const limit = memoryLimitMb === undefined ? {} : { memoryLimitMb };
    const summary = await stitchLake({
      ...params,
      ...limit,
      lakeDir,
      outDir,
      signal,
      onProgress,
    });
    return { rows: summary.slates, summary: { ...summary } as unknown as Summary };
  },
});
