import { describe, expect, it } from 'vitest';
import { chooseProfile, chooseRowDtype, mayShareRows } from './choose.ts';

const good = {
  metric: 'AUC',
  trained: 0.75,
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
      'int8 ships: it loses 0.00050 AUC against the trained model on 900 rows; a loss of 0.001 is allowed.',
    ]);
  });

  it('ships float when int8 loses more than 0.001, and says how much', () => {
    const choice = chooseProfile({ ...good, int8: 0.7489 });
    expect(choice.profile).toBe('float32');
    expect(choice.reasons[0]).toContain('loses 0.00110 AUC');
  });

  it('does not allow rows and files 0.001 each: the whole chain counts', () => {
    // Rows lose 0.0008, which is allowed; the int8 files on those rows 0.0006 more.
    const [trained, onInt8Rows, whole] = [0.75, 0.7492, 0.7486];
    expect(chooseRowDtype(trained, onInt8Rows, 900).dtype).toBe('int8');
    const choice = chooseProfile({ ...good, trained, int8: whole });
    expect(choice.profile).toBe('float32');
    expect(choice.loss).toBeCloseTo(0.0014, 9);
    expect(choice.reasons).toEqual([
      'float32 ships: int8 loses 0.00140 AUC against the trained model on 900 rows; 0.001 is allowed.',
    ]);
  });

  it('ships int8 when it happens to be better', () => {
    expect(chooseProfile({ ...good, int8: 0.76 }).reasons[0]).toContain('gains 0.01000');
  });

  it.each([
    ['parity fails', { int8Parity: false }, /parity/],
    ['the linter refuses it', { int8Lint: false }, /rule of the format/],
    ['the metric is undefined', { int8: null }, /could not be measured/],
    ['the metric is not a number', { trained: Number.NaN }, /could not be measured/],
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

describe('mayShareRows', () => {
  it.each([
    ['float16', null, true],
    ['int8', 0.001, true],
    ['int8', -0.002, true],
    ['int8', 0.0011, false],
    ['int8', null, false],
  ])('%s rows with a loss of %s: %s', (dtype, loss, expected) => {
    expect(mayShareRows(dtype, loss)).toBe(expected);
  });
});
