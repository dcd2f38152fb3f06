import { describe, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { bestOrder } from './best-order.ts';
import { changeWorld } from './params.ts';
import { SlateTables } from './slate-tables.ts';
import { SlateValuer } from './slate-value.ts';
import { midPage, params } from './test-slates.ts';
import { mean } from './test-world.ts';

const KINDS = ['clicks', 'orders'] as const;

function* permutations(items: readonly number[]): Generator<number[]> {
  if (items.length === 0) yield [];
  for (const [k, item] of items.entries())
    for (const rest of permutations([...items.slice(0, k), ...items.slice(k + 1)]))
      yield [item, ...rest];
}

describe('bestOrder', () => {
  it.each([2, 4, 6])('finds the best of all orders of %i items', (items) => {
    const sessions = midPage(params, items, 12);
    expect(sessions).toHaveLength(12);
    for (const kind of KINDS) {
      const shares = sessions.map((session) => {
        const valuer = new SlateValuer(session, items);
        const all = permutations(Array.from({ length: items }, (_, k) => k));
        const values = [...all].map((order) => valuer.value(order)[kind]);
        const best = Math.max(...values);
        const { order } = bestOrder(new SlateTables(valuer), kind, Random.of(2));
        expect([...order].sort()).toEqual(Array.from({ length: items }, (_, k) => k));
        const found = valuer.value(order)[kind];
        expect(found).toBeLessThanOrEqual(best * (1 + 1e-9));
        // Of what order can change at all, which is less than the whole value.
        return (found - Math.min(...values)) / (best - Math.min(...values));
      });
      expect(Math.min(...shares)).toBeGreaterThan(0.99);
      expect(mean(shares)).toBeGreaterThan(0.999);
    }
  });

  it('comes within half a percent of the best choice and order of four of ten items', () => {
    for (const kind of KINDS) {
      const shares = midPage(params, 10, 8).map((session) => {
        const tables = new SlateTables(new SlateValuer(session, 4));
        let best = 0;
        // The fifth item is seen below the fourth, and no further one.
        for (const order of choices(10, 5)) best = Math.max(best, tables.value(order, kind, 0));
        return bestOrder(tables, kind, Random.of(2)).value / best;
      });
      expect(shares).toHaveLength(8);
      expect(Math.max(...shares)).toBeLessThan(1 + 1e-9);
      expect(mean(shares)).toBeGreaterThan(0.995);
    }
  });

  it('leaves no exchange and no move that gains', () => {
    const [session] = midPage(params, 20, 1);
    const valuer = new SlateValuer(session!, 6);
    const { order, value } = bestOrder(new SlateTables(valuer), 'orders', Random.of(2));
    const near = order.flatMap((_, a) =>
      order.slice(0, 7).flatMap((_, b) => {
        const exchanged = [...order];
        [exchanged[a], exchanged[b]] = [order[b]!, order[a]!];
        return [exchanged, order.toSpliced(a, 1).toSpliced(b, 0, order[a]!)];
      }),
    );
    const best = Math.max(...near.map((other) => valuer.value(other).orders));
    expect(near).toHaveLength(2 * 20 * 7);
    expect(best).toBeLessThanOrEqual(value * (1 + 1e-9));
    expect(best).toBeGreaterThan(value * 0.5);
  });

  it('puts the likelier first where nothing but position counts', () => {
    const alone = changeWorld(params, {
      slate: { effect: 0 },
      click: { repetition: 0, fatigue: 0, attentionScale: 5 },
      session: { exit: 0, satisfied: 0, intentSwitch: 0 },
    });
    const [session] = midPage(alone, 6, 1);
    const initial = [0, 1, 2, 3, 4, 5];
    const tables = new SlateTables(new SlateValuer(session!, 6));
    const { order } = bestOrder(tables, 'clicks', Random.of(2));
    const first = new SlateValuer(session!, 1);
    const chance = (k: number): number =>
      first.value([k, ...initial.filter((other) => other !== k)]).clicks;
    // Attention falls from slot to slot but at the top of a screen: slots 4, 5, 6, 3, 7, 8 by attention.
    const attention = initial.map((k) =>
      session!.population.tables.attention(session!.scene, 3 + k),
    );
    const slots = [...initial].sort((a, b) => attention[b]! - attention[a]!);
    const likeliest = [...initial].sort((a, b) => chance(b) - chance(a));
    expect(slots.map((slot) => order[slot])).toEqual(likeliest);
  });
});

/** All orders of `length` out of `count` items. */
function* choices(count: number, length: number, taken: number[] = []): Generator<number[]> {
  if (taken.length === length) yield taken;
  else
    for (let k = 0; k < count; k++)
      if (!taken.includes(k)) yield* choices(count, length, [...taken, k]);
}
