/** Stage `stitch-group`: some user buckets of the lake → their samples, for `join-samples`. */
import { z } from 'zod';
import { stitchGroup as stitchBuckets } from '../data/stitch/groups/stitch-group.ts';
import type { Summary } from '../lib/artifact.ts';
import type { Former } from './runtime/former.ts';
import { defineStage } from './runtime/stage.ts';
import { stitchParams } from './runtime/stitch-params.ts';

/** What may be taken over: made by this code with these parameters, of another lake. */
async function takenFrom(former: Former | undefined) {
  if (!former?.sameCode || !former.sameParams) return undefined;
  return { groupDir: former.dir, lakeDir: await former.input('lake') };
}

export const stitchGroup = defineStage({
  name: 'stitch-group',
  describe: 'stitch some user buckets of the lake; what did not change is taken from the last run',
  inputs: ['lake'],
  params: stitchParams.extend({
    group: z.int().min(1).default(1).describe('which group of buckets, from 1'),
    groups: z.int().min(1).max(256).default(1).describe('bucket b is in group b mod groups + 1'),
  }),
  assets: ['data/sql'],
  module: import.meta.url,
  async run({ inputs, outDir, machine, force, former, signal, onProgress }, params) {
    const { memoryLimitMb } = machine;
    const report = await stitchBuckets({
      ...params,
      ...(memoryLimitMb === undefined ? {} : { memoryLimitMb }),
      lakeDir: inputs.lake!,
      outDir,
      former: force ? undefined : await takenFrom(await former?.()),
      signal,
      onProgress,
    });
    return { rows: report.slates, summary: { ...report } as unknown as Summary };
  },
  tell({ written, reused, bucketsStitched, buckets, dates }, isReused) {
    if (isReused || reused === 0) return undefined;
    const on = (dates as string[]).length > 0 ? ` on ${(dates as string[]).join(', ')}` : '';
    return `${String(written)} files anew${on}, ${String(reused)} as they were; ${String(bucketsStitched)} of ${String(buckets)} buckets stitched`;
  },
});
