import { describe, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { SlateValuer } from './slate-value.ts';
import { midPage, params } from './test-slates.ts';
import { mean } from './test-world.ts';

describe('SlateValuer', () => {
  it('expects the clicks and orders that simulated futures bring', () => {
    const [session] = midPage(params, 12, 1);
    const order = [5, 3, 8, 0, 1, 11, 2, 4, 10, 6, 7, 9];
    const expected = new SlateValuer(session!, 8).value(order);
    const played = Array.from({ length: 20_000 }, (_, future) => {
      const one = session!.fork(Random.of(3, future));
      one.rerank(order);
      let [clicks, orders] = [0, 0];
      for (let slot = 0; slot < 8; slot++) {
        const look = one.look();
        const clicked = one.random.chance(look.clickProbability);
        clicks += clicked ? 1 : 0;
        orders += clicked ? look.orderProbability : 0;
        const satisfied = clicked && one.random.chance(look.satisfiedProbability);
        if (one.settle(look, clicked, satisfied) !== 'continue') break;
      }
      return { clicks, orders };
    });
    for (const kind of ['clicks', 'orders'] as const) {
      const values = played.map((value) => value[kind]);
      const about = mean(values);
      const error = Math.sqrt(mean(values.map((x) => (x - about) ** 2)) / values.length);
      expect(Math.abs(about - expected[kind])).toBeLessThan(3 * error);
      expect(about).toBeGreaterThan(10 * error);
    }
  });

  it('leaves the session as it is', () => {
    const [session] = midPage(params, 6, 1);
    const before = session!.look();
    new SlateValuer(session!, 6).value([5, 4, 3, 2, 1, 0]);
    expect(session!.look()).toEqual(before);
  });
});
