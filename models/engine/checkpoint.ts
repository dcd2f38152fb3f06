/**
 * A trained model on disk:
 *
 *   weights.safetensors   all weights by name
 *   model.json            name, whole config, seed, parameters, backend and library versions
 *   history.json          per epoch: training loss and validation metrics
 *
 * Nothing in it depends on time or place, so equal trainings have equal bytes.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { type NamedTensor, SafetensorsFile, writeSafetensors } from '../../lib/safetensors.ts';
import type { Tensors } from './types.ts';

export const checkpointDescription = z.looseObject({
  name: z.string().describe('of the model, see models/registry.ts'),
  config: z.record(z.string(), z.unknown()).describe('whole config of the model'),
  seed: z.int(),
  trainDates: z.array(z.string()),
  validDate: z.string().nullable(),
  params: z.record(z.string(), z.unknown()).describe('training parameters'),
  parameters: z
    .strictObject({ tables: z.int(), network: z.int() })
    .optional()
    .describe('numbers in id tables, which stay in the cloud, and in the rest; 4 bytes each'),
  backend: z.string().describe('tensorflow or cpu'),
  versions: z.record(z.string(), z.string()),
});
export type CheckpointDescription = z.infer<typeof checkpointDescription>;

/** How many numbers a model has, id tables (`embedding/…`) apart. */
function countParameters(weights: Record<string, NamedTensor>): {
  tables: number;
  network: number;
} {
  const count = { tables: 0, network: 0 };
  for (const [name, { data }] of Object.entries(weights)) {
    count[name.startsWith('embedding/') ? 'tables' : 'network'] += data.length;
  }
  return count;
}

/** Writes the three files; `parameters` of the description is counted here. */
export async function saveCheckpoint(
  folder: string,
  description: CheckpointDescription,
  weights: Record<string, NamedTensor>,
  history: unknown[],
): Promise<void> {
  await writeSafetensors(join(folder, 'weights.safetensors'), weights);
  const described = { ...description, parameters: countParameters(weights) };
  await writeFileAtomic(join(folder, 'model.json'), `${JSON.stringify(described, null, 2)}\n`);
  await writeFileAtomic(join(folder, 'history.json'), `${JSON.stringify(history, null, 2)}\n`);
}

/** @throws EdgeloomError `bad-checkpoint` */
export async function readDescription(folder: string): Promise<CheckpointDescription> {
  const path = join(folder, 'model.json');
  try {
    return checkpointDescription.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-checkpoint',
        what: 'The checkpoint has no readable model.json',
        where: path,
        fix: 'run the train stage again',
      },
      { cause: error },
    );
  }
}

/** Weights as tensors on the current backend. The caller disposes them. */
export async function loadWeights(folder: string): Promise<Tensors> {
  const file = await SafetensorsFile.open(join(folder, 'weights.safetensors'));
  try {
    const weights: Tensors = {};
    for (const name of file.names()) {
      const { data, shape } = await file.read(name);
      weights[name] = tf.tensor(data as Float32Array, shape);
    }
    return weights;
  } finally {
    await file.close();
  }
}
