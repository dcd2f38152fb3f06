/** Stage `fuse`: gates and the choice of int8 from day T + 1, the phone's files, the report on T + 2. */
import type { Summary } from '../lib/artifact.ts';
import { finishMetaFusion } from '../models/metafusion/finish.ts';
import { metafusionParams } from './runtime/metafusion-params.ts';
import { defineStage } from './runtime/stage.ts';
import { startBackend } from './runtime/training-params.ts';

const DELTA = 'delta-';

export const fuse = defineStage({
  name: 'fuse',
  describe: 'train the gates on T + 1, test on T + 2, write the files of MetaFusion',
  inputs: ['tensors', 'meta', 'cohorts', `${DELTA}*`],
  params: metafusionParams.pick({ backend: true, T1: true, T2: true, gate: true, seed: true }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, { backend, ...params }) {
    await startBackend(backend);
    const deltas = Object.entries(inputs).filter(([name]) => name.startsWith(DELTA));
    const metrics = await finishMetaFusion(
      {
        ...params,
        tensorsDir: inputs.tensors!,
        metaDir: inputs.meta!,
        cohortsDir: inputs.cohorts!,
        deltaDirs: Object.fromEntries(
          deltas.map(([name, folder]) => [name.slice(DELTA.length), folder]),
        ),
        outDir,
      },
      { signal, onProgress },
    );
    const { overall, int8, unassigned } = metrics;
    return { rows: 0, summary: { overall, int8, unassigned } as unknown as Summary };
  },
});
