import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetUsed, thresholdForBudget } from './budget.ts';

describe('threshold for a request budget', () => {
  it('asks for the best ρ·n of n different values', () => {
    const values = [0.5, -1, 2, 0.1, 3, 0.2, 0.3, 0.4, 1, -2];
    // Descending: 3 2 1 .5 .4 …; three values lie above the value at place 3.
    expect(thresholdForBudget(values, 0.3)).toEqual({
      threshold: 0.5,
      budget: 0.3,
      used: 0.3,
      rows: 10,
    });
  });

  it('leaves tied values out rather than break the budget', () => {
    // Descending: 2 1 1 1 0; 60 % would be 2 and two of the three ones.
    const { threshold, used } = thresholdForBudget([1, 0, 1, 2, 1], 0.6);
    expect(threshold).toBe(1);
    expect(used).toBe(0.2);
  });

  it('never asks at budget 0 and always asks at budget 1', () => {
    expect(thresholdForBudget([1, 2, 3], 0).used).toBe(0);
    expect(thresholdForBudget([1, 2, 3], 1)).toMatchObject({ threshold: -Infinity, used: 1 });
  });

  it('never exceeds the budget, and no smaller value among them would keep it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, rate) => {
          const { threshold, used } = thresholdForBudget(values, rate);
          expect(used).toBeLessThanOrEqual(rate + 1e-9);
          const lower = values.filter((value) => value < threshold);
          if (lower.length > 0) {
            expect(budgetUsed(values, Math.max(...lower))).toBeGreaterThan(rate - 1e-9);
          }
        },
      ),
    );
  });

  it('refuses budgets and values without a meaning', () => {
    expect(() => thresholdForBudget([1], 1.1)).toThrow('budget');
    expect(() => thresholdForBudget([], 0.1)).toThrow('no uplift values');
    expect(() => thresholdForBudget([NaN], 0.1)).toThrow('not finite');
  });
});
