import { describe, expect, it } from 'vitest';
import { chooseProfile } from './choose.ts';

const good = {
  metric: 'AUC',
  float32: 0.75,
  int8: 0.7495,
  rows: 900,
  int8Parity: true,
  int8Lint: true,
};

describe('chooseProfile', () => {
  it('ships int8 when it loses little', () => {
    const choice = chooseProfile(good);
    expect(choice.profile).toBe('int8');
    expect(choice.loss).toBeCloseTo(0.0005, 9);
    expect(choice.reasons).toEqual([
      'int8 ships: it loses 0.00050 AUC on 900 rows; a loss of 0.001 is allowed.',
    ]);
  });

  it('ships float when int8 loses more than 0.001, and says how much', () => {
    const choice = chooseProfile({ ...good, int8: 0.7489 });
    expect(choice.profile).toBe('float32');
    expect(choice.reasons[0]).toContain('loses 0.00110 AUC');
  });

  it('ships int8 when it happens to be better', () => {
    expect(chooseProfile({ ...good, int8: 0.76 }).reasons[0]).toContain('gains 0.01000');
  });

  it.each([
    ['parity fails', { int8Parity: false }, /parity/],
    ['the linter refuses it', { int8Lint: false }, /rule of the format/],
    ['the metric is undefined', { int8: null }, /could not be measured/],
    ['the metric is not a number', { float32: Number.NaN }, /could not be measured/],
    ['there are no rows', { rows: 0 }, /could not be measured/],
  ])('ships float when %s', (_, change, reason) => {
    const choice = chooseProfile({ ...good, ...change });
    expect(choice.profile).toBe('float32');
    expect(choice.reasons.join(' ')).toMatch(reason);
  });

  it('names every reason', () => {
    const choice = chooseProfile({ ...good, int8: 0.5, int8Parity: false, int8Lint: false });
    expect(choice.reasons).toHaveLength(3);
  });
});
