import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { bestOrder } from './best-order.ts';
import { oracle, shareOfOracle, slateReach } from './oracle.ts';
import { changeWorld, NULL_WORLDS, worldParams } from './params.ts';
import type { Session } from './session.ts';
import { SlateValuer } from './slate-value.ts';
import { mean } from './test-world.ts';
import { upliftReach } from './uplift-reach.ts';
import { World } from './world.ts';

const params = worldParams.parse({ days: 1, users: { count: 60, sessionsPerDay: 1 } });

/** Sessions in the middle of a page with `unseen` items left. */
function midPage(of: typeof params, unseen: number, count: number): Session[] {
  const world = new World(changeWorld(of, { ranker: { page: unseen + 3 } }));
  const found: Session[] = [];
  for (const planned of world.plan()) {
    if (found.length === count) break;
    const episode = world.begin(planned);
    let seen = world.step(episode, { kind: 'page' });
    for (let slot = 0; slot < 3 && seen.wants === 'slot'; slot++)
      seen = world.step(episode, { kind: 'look' });
    if (seen.wants === 'slot' && episode.moment().unexposedCount === unseen)
      found.push(episode.hidden(Random.of(1)));
    if (seen.wants !== 'nothing') world.step(episode, { kind: 'end' });
  }
  return found;
}

function* permutations(items: readonly number[]): Generator<number[]> {
  if (items.length === 0) yield [];
  for (const [k, item] of items.entries())
    for (const rest of permutations([...items.slice(0, k), ...items.slice(k + 1)]))
      yield [item, ...rest];
}

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

describe('bestOrder', () => {
  it('finds all but nothing less than the best of all orders of six items', () => {
    const sessions = midPage(params, 6, 12);
    expect(sessions).toHaveLength(12);
    for (const kind of ['clicks', 'orders'] as const) {
      const shares = sessions.map((session) => {
        const valuer = new SlateValuer(session, 6);
        const values = [...permutations([0, 1, 2, 3, 4, 5])].map((x) => valuer.value(x)[kind]);
        const best = Math.max(...values);
        const found = slateReach(session, Random.of(2))[kind].oracle;
        expect(found).toBeLessThanOrEqual(best * (1 + 1e-9));
        return (found - mean(values)) / (best - mean(values));
      });
      expect(Math.min(...shares)).toBeGreaterThan(0.9);
      expect(mean(shares)).toBeGreaterThan(0.99);
    }
  });

  it('puts the likelier first where nothing but position counts', () => {
    const alone = changeWorld(params, {
      slate: { effect: 0 },
      click: { repetition: 0, fatigue: 0, attentionScale: 5 },
      session: { exit: 0, satisfied: 0, intentSwitch: 0 },
    });
    const [session] = midPage(alone, 6, 1);
    const initial = [0, 1, 2, 3, 4, 5];
    const { order } = bestOrder(new SlateValuer(session!, 6), initial, 'clicks');
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
    expect(shareOfOracle(1, { random: 1, initial: 1, oracle: 1 })).toBeNull();
  });
});
