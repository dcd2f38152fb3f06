/** Parameters of MetaFusion's stages; each stage picks the ones that decide its result. */
import { z } from 'zod';
import { fineTuneParams } from '../../models/metafusion/fine-tune.ts';
import { gateParams } from '../../models/metafusion/train-gate.ts';
import { backendParam } from './training-params.ts';

const day = z.iso.date();

export const metafusionParams = z.strictObject({
  backend: backendParam,
  T: day.describe('cohorts were formed before it and are fine-tuned on it'),
  T1: day.describe('trains the gates'),
  T2: day.describe('tests'),
  cohortNames: z.array(z.string()).min(1).describe('the cohorts that this call fine-tunes'),
  fineTune: fineTuneParams.prefault({}),
  gate: gateParams.prefault({}),
  seed: z.int().default(1).describe('of the bootstrap'),
});
