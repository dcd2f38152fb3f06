/** How the plain DNN is trained: as the reranker, on the same rows. */
import type { ModelDefinition } from '../engine/definition.ts';
import { rankingValidation } from '../engine/validation.ts';
import { dnnConfig, dnnConfigFor, dnnModel } from './dnn.ts';

export const dnnDefinition: ModelDefinition = {
  name: 'dnn',
  family: 'rerank',
  configFor: (features, overrides) => dnnConfigFor(features, overrides),
  create: (config) => dnnModel(dnnConfig.parse(config)),
  validation: rankingValidation,
  params: { epochs: 6, batchSize: 256, learningRate: 0.005, weightDecay: 0.1 },
};
