/**
 * Each planted effect is recovered from the log alone, with an interval that holds the true value 99
 * times in 100, and is not found in the world that differs by this effect only. Seeds are fixed: what
 * passes once passes always; a world without the effect, or with it where it must not be, fails.
 */
import { describe, expect, it } from 'vitest';
import {
  changeWorld,
  NULL_WORLDS,
  type NullWorld,
  type WorldParams,
  type WorldParamsChange,
  worldParams,
} from './params.ts';
import {
  cohortEffect,
  detailEffect,
  driftEffect,
  positionEffect,
  rolloutEffect,
  shuffledPages,
  slateEffect,
  upliftEffect,
} from './test-effects.ts';
import { type Interval, type Slot, slotsOf } from './test-log.ts';
import { ofType, playWorld } from './test-world.ts';

const small = changeWorld(worldParams.parse({}), {
  days: 2,
  users: { count: 150, sessionsPerDay: 1, maxSessionsPerDay: 2 },
});

/** From a log whose pages were put in random order. */
const onRandomOrder =
  (effect: (slots: readonly Slot[]) => Interval) =>
  (params: WorldParams): Interval => {
    const { events, world } = shuffledPages(params);
    return effect(slotsOf(events, world));
  };

/** From a log of the logging policy. */
const onLog =
  (effect: (slots: readonly Slot[]) => Interval) =>
  (params: WorldParams): Interval => {
    const { events, world } = playWorld(params, { decisions: false });
    return effect(slotsOf(events, world));
  };

interface Case {
  absent: NullWorld;
  effect: (params: WorldParams) => Interval;
  /** What both worlds have other than `small`. */
  change?: WorldParamsChange;
}

const cases: Record<string, Case> = {
  'position bias: slots further down get fewer clicks': {
    effect: onRandomOrder(positionEffect),
    absent: 'no-position-bias',
  },
  'slate effect: an item right below one of its category gets fewer clicks': {
    effect: onRandomOrder(slateEffect),
    absent: 'no-slate-effect',
  },
  'detail signal: a long look foretells a click in the category': {
    effect: onLog(detailEffect),
    absent: 'no-detail-signal',
  },
  'uplift: a randomised insertion brings orders within ten slots': {
    effect: (params) => upliftEffect(playWorld(params, { decisions: false }).events),
    absent: 'no-uplift',
    change: { days: 3, users: { count: 600 } },
  },
  // Without a session's wish, which is far louder than tastes, so that a small log suffices.
  'drift: clicks by category agree less from week to week than from day to day': {
    effect: onRandomOrder((slots) =>
      driftEffect(slots, [
        [0, 3],
        [3, 6],
        [7, 10],
      ]),
    ),
    absent: 'no-drift',
    change: {
      days: 10,
      users: { count: 80, sessionsPerDay: 2, maxSessionsPerDay: 3 },
      click: { intent: 0, taste: 3, bias: -2 },
      items: { curiosityDeviation: 0.1 },
      session: { intentCarry: 0 },
    },
  },
  // No wish survives a session, so that two of them have nothing in common but the user.
  'cohorts: who clicks much in one session does so in the others': {
    effect: onRandomOrder(cohortEffect),
    absent: 'no-cohorts',
    change: { days: 6, session: { intentCarry: 0 } },
  },
  'worse model: the challenger of a rollout gets fewer clicks': {
    effect: onLog(rolloutEffect),
    absent: 'no-worse-model',
    change: { days: 3, users: { count: 250 }, rollout: { share: 0.5, loss: 2 } },
  },
};

describe.each(Object.entries(cases))('%s', (_, { effect, absent, change = {} }) => {
  it('as the log tells, and not in the null world', () => {
    const params = changeWorld(small, change);
    const planted = effect(params);
    expect(planted.low).toBeGreaterThan(0);
    const none = effect(changeWorld(params, NULL_WORLDS[absent]));
    expect(none.low).toBeLessThan(0);
    expect(none.high).toBeGreaterThan(0);
    // The null world's interval is narrow enough to have shown an effect of that size.
    expect(none.high - none.value).toBeLessThan(planted.value);
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
