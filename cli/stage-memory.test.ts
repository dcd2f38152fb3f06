import { expect, it } from 'vitest';
import { memoryPerStage, stageMemoryMb } from './stage-memory.ts';

it('divides what a worker may use by its slots, and a stage takes its part', () => {
  const env = { EDGELOOM_MEMORY_MB: '1501' };
  const part = memoryPerStage(2, env);
  expect(part).toEqual({ EDGELOOM_STAGE_MEMORY_MB: '750' });
  expect(stageMemoryMb({ ...env, ...part })).toBe(750);
  expect(stageMemoryMb(env)).toBe(1501);
  expect(memoryPerStage(2, {})).toEqual({});
  expect(stageMemoryMb({})).toBeUndefined();
});

it.each(['1.5', '-3', 'much', '100'])('refuses %s', (text) => {
  expect(() => stageMemoryMb({ EDGELOOM_MEMORY_MB: text })).toThrow('EDGELOOM_MEMORY_MB');
});

it('refuses parts that are too small to work in', () => {
  expect(() => memoryPerStage(4, { EDGELOOM_MEMORY_MB: '600' })).toThrow('150 MB each');
});
