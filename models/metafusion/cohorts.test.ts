import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignCohorts } from './cohorts.ts';

/** Users with the given click rates, 100 exposures each. */
const users = (rates: number[]) => ({
  user: rates.map((_, i) => i),
  clicks: rates.map((rate) => Math.round(rate * 100)),
  exposures: rates.map(() => 100),
});

describe('cohorts by click rate', () => {
  it('puts each user into the interval of the configured edges, lower edge included', () => {
    const { cohorts, cohortOf } = assignCohorts(users([0.01, 0.02, 0.03, 0.04, 0.5]), {
      edges: [0.02, 0.04],
      minUsers: 1,
    });
    expect(cohorts.map((c) => [c.low, c.high, c.users])).toEqual([
      [0, 0.02, 1],
      [0.02, 0.04, 2],
      [0.04, 1, 2],
    ]);
    expect([0, 1, 2, 3, 4].map((u) => cohortOf.get(u))).toEqual([0, 1, 1, 2, 2]);
  });

  it('splits into equal parts by default', () => {
    const { cohorts } = assignCohorts(users(Array.from({ length: 40 }, (_, i) => (i + 1) / 100)), {
      minUsers: 5,
    });
    expect(cohorts.map((c) => c.users)).toEqual([10, 10, 10, 10]);
  });

  it('merges a cohort under the minimum with its smaller neighbour', () => {
    // 3, 1 and 2 users; the one joins the two.
    const { cohorts } = assignCohorts(users([0.01, 0.01, 0.01, 0.3, 0.6, 0.6]), {
      edges: [0.2, 0.5],
      minUsers: 2,
    });
    expect(cohorts.map((c) => [c.low, c.high, c.users])).toEqual([
      [0, 0.2, 3],
      [0.2, 1, 3],
    ]);
  });

  it('leaves users with too few exposures unassigned', () => {
    const input = { user: [7, 8], clicks: [5, 5], exposures: [29, 30] };
    const { cohortOf, unassigned } = assignCohorts(input, { minUsers: 1 });
    expect([...cohortOf.keys()]).toEqual([8]);
    expect(unassigned).toBe(1);
  });

  it('has no cohort when all users together are fewer than the minimum', () => {
    const { cohorts, cohortOf, unassigned } = assignCohorts(users([0.1, 0.2]), { minUsers: 3 });
    expect([cohorts.length, cohortOf.size, unassigned]).toEqual([0, 0, 2]);
  });

  it('makes one cohort of users of one click rate', () => {
    const { cohorts } = assignCohorts(users(Array(8).fill(0.1)), { minUsers: 1 });
    expect(cohorts).toEqual([{ name: 'cohort-0', low: 0, high: 1, users: 8 }]);
  });

  it('keeps every cohort above the minimum and every rate inside its interval', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 80 }),
        fc.integer({ min: 1, max: 20 }),
        (percents, minUsers) => {
          const rates = percents.map((p) => p / 100);
          const { cohorts, cohortOf } = assignCohorts(users(rates), { minUsers });
          expect(cohorts.reduce((sum, c) => sum + c.users, 0)).toBe(cohortOf.size);
          for (const cohort of cohorts) expect(cohort.users).toBeGreaterThanOrEqual(minUsers);
          for (const [user, place] of cohortOf) {
            expect(rates[user]).toBeGreaterThanOrEqual(cohorts[place]!.low);
            expect(rates[user]).toBeLessThanOrEqual(cohorts[place]!.high);
          }
        },
      ),
    );
  });

  it('refuses edges that do not ascend', () => {
    expect(() => assignCohorts(users([0.1]), { edges: [0.3, 0.2] })).toThrow('edges');
  });
});
