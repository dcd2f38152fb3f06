/** Every model that can be trained by name. A new model is one entry here. */
import { EdgeloomError } from '../lib/errors.ts';
import { dnnDefinition } from './baselines/definition.ts';
import { loadWeights, readDescription } from './engine/checkpoint.ts';
import type { ModelDefinition } from './engine/definition.ts';
import type { Model, Tensors } from './engine/types.ts';
import { rerankerDefinition, rerankerWithoutActionsDefinition } from './reranker/definition.ts';

const definitions: ModelDefinition[] = [
  rerankerDefinition,
  rerankerWithoutActionsDefinition,
  dnnDefinition,
];

export const modelNames = definitions.map(({ name }) => name);

/** @throws EdgeloomError `unknown-model` */
export function modelDefinition(name: string): ModelDefinition {
  const definition = definitions.find((d) => d.name === name);
  if (!definition) {
    throw new EdgeloomError({
      code: 'unknown-model',
      what: `There is no model ${name}`,
      fix: `models: ${modelNames.join(', ')}`,
      exitCode: 2,
    });
  }
  return definition;
}

/** A trained model ready to predict. The caller disposes the weights. */
export async function loadModel(
  checkpointDir: string,
): Promise<{ model: Model; weights: Tensors }> {
  const { name, config } = await readDescription(checkpointDir);
  return { model: modelDefinition(name).create(config), weights: await loadWeights(checkpointDir) };
}
