/** Stage `cohorts`: the users of each cohort that was formed before day T. Its summary names the fan-out. */
import { mkdir } from 'node:fs/promises';
import { ALL_USERS, planCohorts } from '../models/metafusion/run.ts';
import { metafusionParams } from './runtime/metafusion-params.ts';
import { defineStage } from './runtime/stage.ts';

export const cohorts = defineStage({
  name: 'cohorts',
  describe: 'list the users of each cohort of day T',
  inputs: ['tensors'],
  params: metafusionParams.pick({ T: true }),
  module: import.meta.url,
  async run({ inputs, outDir }, { T }) {
    await mkdir(outDir);
    const plan = await planCohorts({ tensorsDir: inputs.tensors!, T, outDir });
    const users = Object.fromEntries(plan.cohorts.map((cohort) => [cohort.name, cohort.users]));
    // Fine-tuned on everybody as well: the control that tells a cohort's gain from one more day's.
    const names = [...plan.cohorts.map(({ name }) => name), ALL_USERS];
    return { rows: 0, summary: { cohorts: names, users, unassigned: plan.unassigned } };
  },
});
