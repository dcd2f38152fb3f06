/** Parameters that training stages share. What computes is one of them, and so part of the content key. */
import { z } from 'zod';
import { useBackend } from '../../models/engine/backend.ts';
import { type BackendKind, NATIVE_BACKEND } from '../../models/engine/backend-name.ts';
import { type TrainParams, trainParams } from '../../models/engine/train.ts';

export const backendParam = z
  .union([
    z.literal('cpu'),
    z.templateLiteral([z.literal('tensorflow'), z.string()]).refine((v) => NATIVE_BACKEND.test(v)),
  ])
  .describe('cpu (plain JavaScript, slow), or TensorFlow: `tensorflow[-gpu]@<version>/<threads>`');

export const startBackend = (backend: BackendKind): Promise<void> => useBackend(backend);

/** Only what is given: each model has defaults of its own, which the engine's defaults must not cover. */
const givenOnly = z
  .partialRecord(trainParams.keyof(), z.union([z.number(), z.string()]))
  .refine((given) => trainParams.safeParse(given).success, {
    error: ({ input }) => trainParams.safeParse(input).error?.issues[0]?.message ?? 'not valid',
  })
  .transform((given) => given as Partial<TrainParams>);

export const trainingParam = givenOnly
  .default({})
  .describe(`any of ${Object.keys(trainParams.shape).join(', ')}`);
