/** How the uplift model is trained by the engine: tables of its own, judged by both arms' log loss. */
import type { ModelDefinition } from '../engine/definition.ts';
import { upliftConfig, upliftConfigFor, upliftModel } from './model.ts';
import { upliftValidation } from './score.ts';

export const upliftDefinition: ModelDefinition = {
  name: 'uplift',
  family: 'decisions',
  configFor: (features, overrides) => upliftConfigFor(features, overrides),
  create: (config) => upliftModel(upliftConfig.parse(config)),
  validation: upliftValidation,
  params: { epochs: 8, batchSize: 256, learningRate: 0.003, patience: 2 },
};
