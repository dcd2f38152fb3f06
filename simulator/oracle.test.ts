import { beforeAll, describe, expect, it } from 'vitest';
import { oracle, shareOfOracle } from './oracle.ts';
import { changeWorld, NULL_WORLDS, worldParams } from './params.ts';
import { upliftReach } from './uplift-reach.ts';

const params = worldParams.parse({ days: 1, users: { count: 60, sessionsPerDay: 1 } });

describe('upliftReach', () => {
  it('takes the best by one estimate and counts by the other', () => {
    const row = (a: number, b: number): [number, number] => [a, b];
    const estimates = [
      row(0.5, 0.3),
      row(0.1, 0.4),
      ...Array.from({ length: 8 }, () => row(-0.1, -0.1)),
    ];
    const { all, budgets, decisions } = upliftReach(estimates);
    expect(decisions).toBe(10);
    expect(all).toBeCloseTo((0.6 + 0.7 - 1.6) / 20, 12);
    // One of ten: the first by the one estimate, the second by the other.
    expect(budgets[0]!.oracle).toBeCloseTo((0.3 + 0.1) / 2 / 10, 12);
    expect(budgets[0]!.upper).toBeCloseTo((0.5 + 0.4) / 2 / 10, 12);
    expect(budgets[0]!.random).toBeCloseTo(all / 10, 12);
    // Half of them: never one that harms.
    expect(budgets[3]!.oracle).toBeCloseTo((0.7 + 0.6) / 2 / 10, 12);
  });
});

describe('oracle', () => {
  const options = { slates: 5, rollouts: 4 };
  let report: ReturnType<typeof oracle>;
  beforeAll(() => {
    report = oracle(params, options);
  });

  it('is better than the initial order and than chance, and the same again', () => {
    for (const kind of ['clicks', 'orders'] as const) {
      const { random, initial, oracle: best } = report.slates[kind];
      expect(best).toBeGreaterThan(1.2 * Math.max(random, initial));
      const { gain } = report.slates[kind];
      expect(gain.mean).toBeCloseTo(best - initial, 12);
      expect(gain.low).toBeGreaterThan(0);
      expect(gain.high - gain.mean).toBeCloseTo(gain.mean - gain.low, 12);
    }
    for (const { oracle: best, upper, random } of report.uplift.budgets) {
      expect(best).toBeGreaterThan(random);
      expect(upper).toBeGreaterThan(best);
    }
    expect(report.slates.count).toBe(5);
    expect(oracle(params, options)).toEqual(report);
  });

  it('can gain nothing by insertions in the world without uplift', () => {
    const none = oracle(changeWorld(params, NULL_WORLDS['no-uplift']), {
      ...options,
      slates: 1,
    }).uplift;
    expect(none.decisions).toBeGreaterThan(50);
    expect(none.all).toBe(0);
    for (const { oracle: best, upper } of none.budgets) expect([best, upper]).toEqual([0, 0]);
  });

  it('is 1 in shares of itself, and what was there is 0', () => {
    const reach = { random: 0.5, initial: 1, oracle: 3 };
    expect([1, 2, 3, 0].map((model) => shareOfOracle(model, reach))).toEqual([0, 0.5, 1, -0.5]);
    expect(shareOfOracle(1, { initial: 1, oracle: 1 })).toBeNull();
  });
});
