import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Stage } from '../activities/runtime/stage.ts';
import { completeStageParams, describeParams } from './stage-params.ts';

const stageOf = (params: z.ZodType): Stage => ({ name: 's', params }) as unknown as Stage;
const stage = stageOf(
  z.strictObject({
    backend: z.string(),
    rows: z.int().min(1).default(5).describe('how many'),
    model: z.enum(['a', 'b']),
    nested: z.strictObject({ days: z.array(z.string()) }).exactOptional(),
  }),
);

it('tells every parameter with type, default and description', () => {
  expect(describeParams(stage).split('\n')).toEqual([
    'Parameters (--params):',
    '  backend (string, required)',
    '  rows (integer, default 5): how many',
    '  model ("a" | "b", required)',
    '  nested (object)',
    '    days (string[], required)',
    'Not given, backend is what a run takes here.',
  ]);
});

const from = {
  inputs: {},
  workspace: '/none',
  folderOf: async () => '/none',
  say: () => undefined,
};

it('keeps a backend that is given in full and adds none where none is asked for', async () => {
  expect((await completeStageParams(stage, { backend: 'cpu' }, from)).params).toEqual({
    backend: 'cpu',
  });
  const other = stageOf(z.strictObject({ rows: z.int().default(1) }));
  expect((await completeStageParams(other, { rows: 2 }, from)).params).toEqual({ rows: 2 });
});
