/** What the engine must know of a kind of model to train it from a tensors folder. */
import type { Dataset, Family } from './dataset.ts';
import type { Features } from './features.ts';
import type { TrainParams, Validation } from './train.ts';
import type { Model } from './types.ts';

export interface ModelDefinition {
  /** As on the command line and in `model.json`. */
  name: string;
  /** The samples it learns from. */
  family: Family;
  /** A whole config for a tensors folder. @throws ZodError when an override is not allowed */
  configFor(features: Features, overrides: Record<string, unknown>): Record<string, unknown>;
  /** The model of a whole config, as kept in `model.json`. @throws ZodError */
  create(config: unknown): Model;
  validation(dataset: Dataset, batchSize: number, model: Model): Validation;
  /** Training parameters that differ from the engine's defaults. */
  params?: Partial<TrainParams>;
}
