/** Stage `fine-tune`: the meta model, one step further on the rows of day T of some cohorts. */
import type { Summary } from '../lib/artifact.ts';
import { tuneCohorts } from '../models/metafusion/run.ts';
import { metafusionParams } from './runtime/metafusion-params.ts';
import { defineStage } from './runtime/stage.ts';
import { startBackend } from './runtime/training-params.ts';

export const fineTune = defineStage({
  name: 'fine-tune',
  describe: 'fine-tune the meta model, cohort by cohort',
  inputs: ['tensors', 'meta', 'cohorts'],
  params: metafusionParams.pick({ backend: true, T: true, cohortNames: true, fineTune: true }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, { backend, cohortNames, fineTune: params }) {
    await startBackend(backend);
    const tuned = await tuneCohorts(
      {
        tensorsDir: inputs.tensors!,
        metaDir: inputs.meta!,
        cohortsDir: inputs.cohorts!,
        cohorts: cohortNames,
        params,
        outDir,
      },
      { signal, onProgress },
    );
    const rows = tuned.reduce((sum, cohort) => sum + cohort.rows, 0);
    return { rows, summary: { cohorts: tuned as unknown as Summary[] } };
  },
});
