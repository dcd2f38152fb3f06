import { expect, it } from 'vitest';
import { stageNames } from '../index.ts';
import { CLASSIFIED, holdsRows } from './holdings.ts';

it('says of every stage whether its results hold rows of users; an unknown one does', () => {
  expect([...CLASSIFIED].sort()).toEqual([...stageNames].sort());
  expect(holdsRows('features')).toBe(true);
  expect(holdsRows('train-model')).toBe(false);
  expect(holdsRows('a stage of tomorrow')).toBe(true);
});
