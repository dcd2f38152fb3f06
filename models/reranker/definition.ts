/** How the reranker is trained, with and without what the user did (EdgeRec's HUBSM and HUISM). */
import type { ModelDefinition } from '../engine/definition.ts';
import { rankingValidation } from '../engine/validation.ts';
import { rerankerConfig, rerankerConfigFor, rerankerModel } from './model.ts';

function definition(name: string, useActions: boolean): ModelDefinition {
  return {
    name,
    family: 'rerank',
    configFor: (features, overrides) => rerankerConfigFor(features, { ...overrides, useActions }),
    create: (config) => rerankerModel(rerankerConfig.parse(config)),
    validation: rankingValidation,
    params: {
      ...{ epochs: 6, batchSize: 128, learningRate: 0.01, weightDecay: 0.1 },
      ...{ decay: 'cosine', decayFloor: 0.02 },
    },
  };
}

export const rerankerDefinition = definition('reranker', true);
export const rerankerWithoutActionsDefinition = definition('reranker-no-actions', false);
