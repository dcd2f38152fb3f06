/** Which planted effect is looked for in which frozen world, by which statistic, and where it must be absent. */

import { changeWorld, type WorldParams, type WorldParamsChange } from './params.ts';
import {
  detailEffect,
  driftEffect,
  positionEffect,
  rolloutEffect,
  shuffledPages,
  slateEffect,
  upliftEffect,
  userRateEffect,
} from './test-effects.ts';
import { type Interval, type Slot, slotsOf } from './test-log.ts';
import { playWorld } from './test-world.ts';
import { readWorld } from './worlds.ts';

export interface FrozenEffect {
  planted: string;
  absent: string;
  /** Days of the world that are played; a loud effect needs few. */
  days: number;
  /** What both worlds have other than their files. */
  change?: WorldParamsChange;
  effect(params: WorldParams): Interval;
}

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

export const FROZEN_EFFECTS: Record<string, FrozenEffect> = {
  'position bias: slots further down get fewer clicks': {
    effect: onRandomOrder(positionEffect),
    planted: 'default',
    absent: 'null-no-position-bias',
    days: 2,
  },
  'slate effect: an item right below one of its category gets fewer clicks': {
    effect: onRandomOrder(slateEffect),
    planted: 'default',
    absent: 'null-no-slate-effect',
    days: 2,
  },
  'detail signal: a long look foretells a click in the category': {
    effect: onLog(detailEffect),
    planted: 'default',
    absent: 'null-no-detail-signal',
    days: 2,
  },
  'uplift: a randomised insertion brings orders within ten slots': {
    effect: (params) => upliftEffect(playWorld(params, { decisions: false }).events),
    planted: 'default',
    absent: 'null-no-uplift',
    days: 7,
  },
  // Drift is too faint beside a session's wish for a log of this size: only tastes are left to see.
  'drift: clicks by category agree less from week to week than from day to day': {
    effect: onRandomOrder((slots) =>
      driftEffect(slots, [
        [0, 3],
        [3, 6],
        [7, 10],
      ]),
    ),
    planted: 'default',
    absent: 'null-no-drift',
    days: 10,
    change: {
      users: { count: 80, sessionsPerDay: 2, maxSessionsPerDay: 3 },
      click: { intent: 0, taste: 3, bias: -2 },
      items: { curiosityDeviation: 0.1 },
      session: { intentCarry: 0 },
    },
  },
  'cohorts: who clicks much on a day does so three days later and more': {
    effect: onRandomOrder((slots) => userRateEffect(slots, 3)),
    planted: 'default',
    absent: 'null-no-cohorts',
    days: 7,
  },
  'worse model: the challenger of a rollout gets fewer clicks': {
    effect: onLog(rolloutEffect),
    planted: 'worse-model',
    absent: 'null-no-worse-model',
    days: 2,
  },
};

/** What the log of a frozen world tells under another seed. */
export function effectIn(
  { effect, days, change = {} }: FrozenEffect,
  world: string,
  seed: number,
): Interval {
  const params = changeWorld(readWorld(world).params, change);
  return effect(changeWorld(params, { seed, days }));
}
