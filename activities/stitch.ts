/** Stage `stitch`: lake → rerank and decision samples, point in time. */
import { z } from 'zod';
import { stitch as stitchLake } from '../data/stitch/stitch.ts';
import type { Summary } from '../lib/artifact.ts';
import { defineStage } from './runtime/stage.ts';

const count = z.int().min(1).max(1000);

export const stitch = defineStage({
  name: 'stitch',
  describe: 'join the lake into rerank and decision samples, point in time',
  inputs: ['lake'],
  params: z.strictObject({
    exposuresK: count.default(32).describe('exposures before a slate decision, at most'),
    pageViewsK: count.default(16).describe('page views before a slate decision, at most'),
    candidatesN: count.default(50).describe('candidates in one sample; longer slates are cut'),
  }),
  assets: ['data/sql'],
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, params) {
    const lakeDir = inputs.lake!;
    const summary = await stitchLake({ ...params, lakeDir, outDir, signal, onProgress });
    return { rows: summary.slates, summary: { ...summary } as unknown as Summary };
  },
});
