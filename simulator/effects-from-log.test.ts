/**
 * Each planted effect is recovered from logs of frozen worlds alone, and is not found in the null world
 * that differs by this effect only. Seeds are fixed: what passes once passes always; a world without the
 * effect, or with it where it must not be, fails. `npm run bench -- simulator-effects` has more seeds and
 * tells how often a single log errs.
 */
import { describe, expect, it } from 'vitest';
import { changeWorld, worldParams } from './params.ts';
import { effectIn, FROZEN_EFFECTS } from './test-frozen-effects.ts';
import { pooled } from './test-log.ts';
import { ofType, playWorld } from './test-world.ts';

const SEEDS = [71001, 71002];

const small = changeWorld(worldParams.parse({}), {
  days: 2,
  users: { count: 150, sessionsPerDay: 1, maxSessionsPerDay: 2 },
});

describe.each(Object.entries(FROZEN_EFFECTS))('%s', (_, frozen) => {
  it('as logs of the frozen world tell, and not in the null world', () => {
    const over = (world: string) => pooled(SEEDS.map((seed) => effectIn(frozen, world, seed)));
    const there = over(frozen.planted);
    expect(there.low).toBeGreaterThan(0);
    const none = over(frozen.absent);
    expect(none.low).toBeLessThan(0);
    expect(none.high).toBeGreaterThan(0);
    // The null world's interval is narrow enough to have shown an effect of that size.
    expect(none.high - none.value).toBeLessThan(there.value);
  });
});

it('logs the arm of a rollout and its propensity with every request, the version with every event', () => {
  const rollout = { share: 0.2, loss: 2 } as const;
  const { events } = playWorld(changeWorld(small, { rollout }), { decisions: false });
  const arms = new Map<string, Set<string>>();
  for (const { user_id, arm, propensity, model_version } of ofType(events, 'request')) {
    expect([arm, propensity]).toEqual(
      model_version === 'challenger' ? ['challenger', 0.2] : ['champion', 0.8],
    );
    arms.set(user_id, (arms.get(user_id) ?? new Set()).add(arm!));
  }
  for (const { user_id, model_version } of events)
    expect(arms.get(user_id)).toEqual(new Set([model_version]));
  const challengers = [...arms.values()].filter((of) => of.has('challenger')).length;
  const error = Math.sqrt(0.2 * 0.8 * arms.size);
  expect(Math.abs(challengers - 0.2 * arms.size)).toBeLessThan(3 * error);
});

it('draws the arm anew for each session when that is the unit', () => {
  const rollout = { share: 0.5, loss: 2, unit: 'session' } as const;
  const { events } = playWorld(changeWorld(small, { rollout }), { decisions: false });
  const users = new Map<string, Set<string>>();
  for (const { user_id, model_version } of events)
    users.set(user_id, (users.get(user_id) ?? new Set()).add(model_version!));
  expect([...users.values()].filter((arms) => arms.size === 2).length).toBeGreaterThan(20);
});
