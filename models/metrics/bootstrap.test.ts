import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { bootstrapUsers, denseIds, quantile, ratioOverUsers } from './bootstrap.ts';

const users = 400;
const random = Random.of(5);
const effect = Float64Array.from({ length: users }, () => random.normal(1, 2));
const noisy = effect.map((value) => value + 0.1 + random.normal(0, 0.1));
const ones = new Float64Array(users).fill(1);
const statistics = {
  mean: ratioOverUsers(effect, ones),
  shifted: ratioOverUsers(noisy, ones),
};

describe('bootstrap over users', () => {
  it('has the standard error that theory gives for a mean', () => {
    const { low, high, value, replicates } = bootstrapUsers(users, statistics, {
      seed: 1,
    }).estimate('mean');
    const mean = effect.reduce((a, b) => a + b, 0) / users;
    const variance = effect.reduce((sum, x) => sum + (x - mean) ** 2, 0) / users;
    const half = 1.96 * Math.sqrt(variance / users);
    expect(value).toBeCloseTo(mean, 12);
    expect(replicates).toBe(1000);
    expect(Math.abs((high - low) / 2 / half - 1)).toBeLessThan(0.15);
  });

  it('pairs the resamples, so that a small steady difference stands out of large noise', () => {
    const result = bootstrapUsers(users, statistics, { seed: 1 });
    const single = result.estimate('mean');
    const paired = result.difference('shifted', 'mean');
    expect(paired.low).toBeGreaterThan(0);
    expect(paired.high - paired.low).toBeLessThan((single.high - single.low) / 10);
  });

  it('draws whole users: every resample holds as many users as the data', () => {
    let total = 0;
    bootstrapUsers(
      7,
      { count: (weights) => (total = Array.from(weights).reduce((a, b) => a + b, 0)) },
      { seed: 3, replicates: 20 },
    );
    expect(total).toBe(7);
  });

  it('repeats itself for one seed and differs for another', () => {
    const run = (seed: number) => bootstrapUsers(users, statistics, { seed }).estimate('mean');
    expect(run(1)).toEqual(run(1));
    expect(run(1).low).not.toBe(run(2).low);
  });

  it('leaves resamples without a value out and says how many had one', () => {
    const { replicates } = bootstrapUsers(
      2,
      { first: (w) => (w[0] === 0 ? Number.NaN : 1) },
      { seed: 1, replicates: 200 },
    ).estimate('first');
    expect(replicates).toBeLessThan(180);
    expect(replicates).toBeGreaterThan(120);
  });

  it('interpolates quantiles and numbers ids densely', () => {
    expect(quantile([1, 2, 4], 0.75)).toBe(3);
    expect(denseIds([7, 3, 7, 9])).toEqual({ ids: Int32Array.of(0, 1, 0, 2), count: 3 });
  });
});
