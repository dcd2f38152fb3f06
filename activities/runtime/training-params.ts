/** Parameters that training stages share. What computes is one of them, and so part of the content key. */
import { z } from 'zod';
import { useBackend } from '../../models/engine/backend.ts';
import { trainParams } from '../../models/engine/train.ts';

export const backendParam = z
  .enum(['tensorflow', 'cpu'])
  .describe('native TensorFlow, or plain JavaScript (slow)');

export const startBackend = (backend: z.infer<typeof backendParam>): Promise<void> =>
  useBackend(backend);

/** Only what is given: each model has defaults of its own, which the engine's defaults must not cover. */
export const trainingParam = z
  .partialRecord(trainParams.keyof(), z.number())
  .default({})
  .describe(`any of ${Object.keys(trainParams.shape).join(', ')}`);
