/**
 * Stage `features`: samples → fitted features and tensors. It has seen the data, so it also says which
 * of the optional branches the data can carry.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { buildFeatures } from '../data/features/build-features.ts';
import { featuresConfig } from '../data/features/config.ts';
import type { StitchSummary } from '../data/stitch/stitch.ts';
import type { Summary } from '../lib/artifact.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { SafetensorsFile } from '../lib/safetensors.ts';
import { metafusionPlan } from '../models/metafusion/plan.ts';
import { type DecisionDay, upliftPlan } from '../models/uplift/plan.ts';
import { defineStage } from './runtime/stage.ts';

/**
 * Decisions of the window whose arm was drawn, and of these the matured ones: the log may hold more days
 * than the window. A day without decisions has no file.
 */
export async function decisionDays(
  tensorsDir: string,
  dates: readonly string[],
): Promise<DecisionDay[]> {
  const days: DecisionDay[] = [];
  for (const date of dates) {
    const day = { date, randomised: 0, matured: 0 };
    days.push(day);
    const path = join(tensorsDir, 'decisions', `${date}.safetensors`);
    if (!existsSync(path)) continue;
    const file = await SafetensorsFile.open(path);
    try {
      const { data: propensities } = await file.read('propensity');
      const { data: matured } = await file.read('matured');
      for (const [row, propensity] of propensities.entries()) {
        if (propensity <= 0 || propensity >= 1) continue;
        day.randomised++;
        day.matured += matured[row]!;
      }
    } finally {
      await file.close();
    }
  }
  return days;
}

export const features = defineStage({
  name: 'features',
  describe: 'fit features on the training days and encode the samples as tensors',
  inputs: ['samples'],
  params: featuresConfig.extend({
    dates: z.array(z.iso.date()).min(3).describe('the window, oldest first'),
    trainDates: z.array(z.iso.date()).min(1).describe('days that features are fitted on'),
  }),
  assets: ['data/sql'],
  module: import.meta.url,
  async run({ inputs, outDir, machine, signal, onProgress }, { dates, trainDates, ...config }) {
    const samplesDir = inputs.samples!;
    const stitched = JSON.parse(
      await readFile(join(samplesDir, 'summary.json'), 'utf8'),
    ) as StitchSummary;
    const missing = dates.filter((date) => !stitched.dates.includes(date));
    if (missing.length > 0) {
      throw new EdgeloomError({
        code: 'days-without-slates',
        what: `The logs have no slates on ${missing.join(', ')}`,
        where: `window ${dates[0]} … ${dates.at(-1)}`,
        fix: 'choose another --date or fewer --days, or add the missing logs',
      });
    }
    const built = await buildFeatures({
      samplesDir,
      outDir,
      trainDates,
      dates,
      config,
      ...(machine.memoryLimitMb === undefined ? {} : { memoryLimitMb: machine.memoryLimitMb }),
      signal,
      onProgress,
    });
    const plans = {
      uplift: upliftPlan(await decisionDays(outDir, dates)),
      metafusion: metafusionPlan(dates),
    };
    const { rows, users, items, absent } = built;
    return { rows, summary: { rows, users, items, absent, plans } as unknown as Summary };
  },
});
