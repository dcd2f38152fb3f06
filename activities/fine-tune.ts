/** Stage `fine-tune`: the meta model, one step further on one cohort's rows of day T. */
import { tuneCohort } from '../models/metafusion/run.ts';
import { metafusionParams } from './runtime/metafusion-params.ts';
import { defineStage } from './runtime/stage.ts';
import { startBackend } from './runtime/training-params.ts';

export const fineTune = defineStage({
  name: 'fine-tune',
  describe: 'fine-tune the meta model on one cohort',
  inputs: ['tensors', 'meta', 'cohorts'],
  params: metafusionParams.pick({ backend: true, T: true, cohort: true, fineTune: true }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, { backend, cohort, fineTune: params }) {
    await startBackend(backend);
    const { users, rows, losses } = await tuneCohort(
      {
        tensorsDir: inputs.tensors!,
        metaDir: inputs.meta!,
        cohortsDir: inputs.cohorts!,
        cohort,
        params,
        outDir,
      },
      { signal, onProgress },
    );
    return { rows, summary: { cohort, users, rows, losses } };
  },
});
