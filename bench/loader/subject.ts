/** The reranker and the samples that it is trained on. */
import { join } from 'node:path';
import { Dataset, datesOf } from '../../models/engine/dataset.ts';
import { type TrainParams, trainParams } from '../../models/engine/train.ts';
import type { Model } from '../../models/engine/types.ts';
import { modelDefinition } from '../../models/registry.ts';
import { splitDates } from '../tensors-from-logs.ts';

export interface Subject {
  tensorsDir: string;
  model: Model;
  dataset: Dataset;
  /** Of `dataset`. */
  files: string[];
  /** As in a training that names none. */
  params: TrainParams;
}

/** Opens the days of a tensors folder that train; the caller closes `dataset`. */
export async function openSubject(tensorsDir: string): Promise<Subject> {
  const definition = modelDefinition('reranker');
  const { trainDates } = splitDates(await datesOf(tensorsDir, definition.family));
  const dataset = await Dataset.open(tensorsDir, definition.family, trainDates);
  return {
    tensorsDir,
    model: definition.create(definition.configFor(dataset.features, {})),
    dataset,
    files: trainDates.map((date) => join(tensorsDir, definition.family, `${date}.safetensors`)),
    params: trainParams.parse(definition.params),
  };
}
