/** Stage `fuse`: gates and the choice of int8 from day T + 1, the phone's files, the report on T + 2. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Summary } from '../lib/artifact.ts';
import { finishMetaFusion } from '../models/metafusion/finish.ts';
import { metafusionParams } from './runtime/metafusion-params.ts';
import { defineStage } from './runtime/stage.ts';
import { startBackend } from './runtime/training-params.ts';

const DELTA = 'delta-';

/** The folders of a folder by name: one a cohort. */
async function foldersIn(parent: string): Promise<Record<string, string>> {
  const entries = await readdir(parent, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Object.fromEntries(names.map((name) => [name, join(parent, name)]));
}

export const fuse = defineStage({
  name: 'fuse',
  describe: 'train the gates on T + 1, test on T + 2, write the files of MetaFusion',
  inputs: ['tensors', 'meta', 'cohorts', `${DELTA}*`],
  params: metafusionParams.pick({ backend: true, T1: true, T2: true, gate: true, seed: true }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, { backend, ...params }) {
    await startBackend(backend);
    const deltas = Object.entries(inputs)
      .filter(([name]) => name.startsWith(DELTA))
      .map(([, folder]) => folder);
    const metrics = await finishMetaFusion(
      {
        ...params,
        tensorsDir: inputs.tensors!,
        metaDir: inputs.meta!,
        cohortsDir: inputs.cohorts!,
        deltaDirs: Object.assign({}, ...(await Promise.all(deltas.map(foldersIn)))),
        outDir,
      },
      { signal, onProgress },
    );
    const { overall, int8, unassigned } = metrics;
    return { rows: 0, summary: { overall, int8, unassigned } as unknown as Summary };
  },
});
