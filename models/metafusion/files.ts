/**
 * The `metafusion/` folder of a bundle, from which a phone makes its own weights:
 *
 *   config.json               layers, cohorts and their click-rate intervals, names and normalisation of U_s
 *   W_m.safetensors           weights of the meta model that run on the phone
 *   tables.safetensors        its id tables; they stay in the cloud, rows reach phones
 *   delta-<cohort>.safetensors  ΔW of the fused weights, int8 with a scale per row (or float32)
 *   gate.safetensors          the Transfer layer
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Cohort, cohort } from '../../lib/cohorts.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { type NamedTensor, SafetensorsFile, writeSafetensors } from '../../lib/safetensors.ts';
import { CLIP, type GateConfig } from './gate.ts';
import { quantiseDelta } from './quantise.ts';

type Named = Record<string, NamedTensor>;

export interface MetaFusionFiles {
  /** Config of the reranker. */
  reranker: Record<string, unknown>;
  meta: Named;
  cohorts: (Cohort & { delta: Named })[];
  gate: Named;
  gateConfig: GateConfig;
  /** Fewest users of a cohort that may ship. */
  minUsers: number;
  /** Fewest exposures before the day for a user to have a cohort. */
  minExposures: number;
  /** `int8`, or `float32` when int8 was measured to lose too much. */
  profile: 'int8' | 'float32';
}

const metafusionConfig = z.strictObject({
  version: z.literal(1),
  formula: z.string(),
  profile: z.enum(['int8', 'float32']),
  layers: z.array(z.string()).describe('fused layers in the order of the gates'),
  cohorts: z.array(
    cohort.extend({
      file: z.string(),
      maxAbsoluteError: z.number().describe('of one number of ΔW after dequantisation'),
      relativeRmsError: z.number(),
    }),
  ),
  minUsers: z.int().describe('no cohort here has fewer users, no ΔW was learnt from fewer'),
  minExposures: z.number().describe('a user with fewer exposures has no cohort and uses W_m'),
  statistics: z
    .array(z.strictObject({ name: z.string(), mean: z.number(), std: z.number() }))
    .describe('U_s in the order of the gate input: (value − mean) / std, clipped; unknown: 0'),
  clip: z.number(),
  hidden: z.int().describe('hidden units per layer of the gate'),
  reranker: z.record(z.string(), z.unknown()).describe('config of the reranker'),
});
export type MetaFusionConfig = z.infer<typeof metafusionConfig>;

/** What few people did is not shipped, whatever made the cohorts. @throws EdgeloomError `cohort-too-small` */
function refuseSmallCohorts(
  cohorts: readonly Pick<Cohort, 'name' | 'users'>[],
  minUsers: number,
  where: string,
): void {
  const small = cohorts.find(({ users }) => users < minUsers);
  if (!small) return;
  throw new EdgeloomError({
    code: 'cohort-too-small',
    what: `${small.name} has ${small.users} users; a cohort that ships has ${minUsers} or more`,
    where,
    fix: 'run the cohorts stage again with these settings',
  });
}

/**
 * Writes the folder; equal input gives equal bytes.
 * @returns the config with the errors of ΔW
 * @throws EdgeloomError `cohort-too-small`
 */
export async function writeMetaFusionFiles(
  folder: string,
  files: MetaFusionFiles,
): Promise<MetaFusionConfig> {
  const { gateConfig, profile, minUsers } = files;
  refuseSmallCohorts(files.cohorts, minUsers, folder);
  const part = (tables: boolean): Named =>
    Object.fromEntries(
      Object.entries(files.meta).filter(([name]) => name.startsWith('embedding/') === tables),
    );
  await writeSafetensors(join(folder, 'W_m.safetensors'), part(false));
  await writeSafetensors(join(folder, 'tables.safetensors'), part(true));
  await writeSafetensors(join(folder, 'gate.safetensors'), files.gate);
  const cohorts: MetaFusionConfig['cohorts'] = [];
  for (const { delta, ...cohort } of files.cohorts) {
    const file = `delta-${cohort.name}.safetensors`;
    const { tensors, error } = quantiseDelta(delta);
    const int8 = profile === 'int8';
    await writeSafetensors(join(folder, file), int8 ? tensors : delta);
    cohorts.push({
      ...cohort,
      file,
      maxAbsoluteError: int8 ? error.maxAbsolute : 0,
      relativeRmsError: int8 ? error.relativeRms : 0,
    });
  }
  const config: MetaFusionConfig = {
    version: 1,
    formula:
      'W_f = W_m + g·ΔW per layer; g = σ(tanh(z A + a)·v + v0), z = [clipped U_s, cohort one-hot]',
    profile,
    layers: gateConfig.layers,
    cohorts,
    minUsers,
    minExposures: files.minExposures,
    statistics: gateConfig.statistics.map((name, s) => ({
      name,
      mean: gateConfig.mean[s]!,
      std: gateConfig.std[s]!,
    })),
    clip: CLIP,
    hidden: gateConfig.hidden,
    reranker: files.reranker,
  };
  await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  return config;
}

/** Every tensor of a safetensors file. */
export async function readNamed(path: string): Promise<Named> {
  const file = await SafetensorsFile.open(path);
  try {
    return await file.readAll();
  } finally {
    await file.close();
  }
}

/** @throws EdgeloomError `bad-metafusion` when config.json is missing or of another version; `cohort-too-small` */
export async function readMetaFusionConfig(folder: string): Promise<MetaFusionConfig> {
  const path = join(folder, 'config.json');
  let config: MetaFusionConfig;
  try {
    config = metafusionConfig.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-metafusion',
        what: 'The metafusion folder has no readable config.json of version 1',
        where: path,
        fix: 'run the metafusion stage again',
      },
      { cause: error },
    );
  }
  refuseSmallCohorts(config.cohorts, config.minUsers, path);
  return config;
}
