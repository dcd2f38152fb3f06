/** The statistics by which tests recover each planted effect from a log, and nothing but the log. */
import type { DeviceEvent } from '../data/contracts/device-log.ts';
import { Random } from '../lib/random.ts';
import type { WorldParams } from './params.ts';
import {
  countsBy,
  groupBy,
  type Interval,
  meanOf,
  rateDifference,
  ratioOf,
  type Slot,
} from './test-log.ts';
import { World } from './world.ts';

/** Plays a world's days and puts every page in random order as it arrives, as an experiment would. */
export function shuffledPages(params: WorldParams): { events: DeviceEvent[]; world: World } {
  const world = new World(params);
  const events: DeviceEvent[] = [];
  for (let day = 0; day < params.days; day++) {
    if (day > 0) world.advance();
    for (const planned of world.plan()) {
      const random = Random.of(params.seed, 'shuffle', planned.user, planned.day, planned.index);
      const episode = world.begin(planned);
      let seen = episode.observe();
      for (;;) {
        events.push(...seen.events);
        if (seen.wants === 'nothing') break;
        if (seen.wants === 'slot') seen = world.step(episode, { kind: 'look' });
        else {
          events.push(...world.step(episode, { kind: 'page' }).events);
          const order = random.shuffle(episode.moment().unexposed.map((_, k) => k));
          seen = world.step(episode, { kind: 'rerank', order, arm: 'random' });
        }
      }
    }
  }
  return { events, world };
}

const clicked = (slot: Slot): number => slot.clicked;

/**
 * Click rate in the first four slots less that in the slots 16 to 19, of pages in random order that
 * were seen beyond the twentieth: the same pages and users, so that only the depth differs.
 */
export function positionEffect(slots: readonly Slot[]): Interval {
  const long = groupBy(slots, ({ request }) => request).filter((page) => page.length > 20);
  const bySession = groupBy(long.flat(), ({ session }) => session);
  const kind = ({ position }: Slot): 0 | 1 | null =>
    position < 4 ? 0 : position >= 16 && position < 20 ? 1 : null;
  return rateDifference(countsBy(bySession, kind, clicked));
}

/**
 * Click rate two slots below an item of the category less that right below one, on pages in random
 * order. Both have one such neighbour among the last two, so what counts the items of a category
 * seen lately (repetition) is the same in both.
 */
export function slateEffect(slots: readonly Slot[]): Interval {
  const pages = groupBy(slots, ({ request }) => request);
  const kinds = pages.map((page) =>
    page.map((slot, k): 0 | 1 | null => {
      if (k < 2) return null;
      const above = page[k - 1]!.category === slot.category;
      const above2 = page[k - 2]!.category === slot.category;
      return above === above2 ? null : above ? 1 : 0;
    }),
  );
  const rows = pages.flatMap((page, p) =>
    page.map((slot, k) => ({ ...slot, kind: kinds[p]![k]! })),
  );
  const bySession = groupBy(rows, ({ session }) => session);
  return rateDifference(countsBy(bySession, ({ kind }) => kind, clicked));
}

/** Click rate after a long look at the item of the category seen before, less that after a short one. */
export function detailEffect(slots: readonly Slot[]): Interval {
  const pairs = groupBy(slots, ({ session, category }) => `${session} ${category}`).flatMap((run) =>
    run.slice(1).flatMap((slot, k) => {
      const before = run[k]!;
      // A click ends the look at an item, and may end the wish: only looks without one are compared.
      return before.dwell === null || before.clicked ? [] : [{ ...slot, before: before.dwell }];
    }),
  );
  const looks = pairs.map(({ before }) => before).sort((a, b) => a - b);
  const median = looks[Math.floor(looks.length / 2)]!;
  const bySession = groupBy(pairs, ({ session }) => session);
  return rateDifference(
    countsBy(
      bySession,
      ({ before }) => (before > median ? 0 : 1),
      (pair) => pair.clicked,
    ),
  );
}

/** Orders within the next ten slots after a treated decision less those after a control. */
export function upliftEffect(events: readonly DeviceEvent[]): Interval {
  const sessions = groupBy(events, ({ session_id }) => session_id!);
  const decisions = sessions.map((of) =>
    of.flatMap((event, at) => {
      if (event.type !== 'decision') return [];
      let slots = 0;
      let ordered = 0;
      for (const later of of.slice(at + 1)) {
        if (later.type === 'exposure' && ++slots > 10) break;
        if (later.type === 'order') ordered = 1;
      }
      return { arm: event.arm!, ordered };
    }),
  );
  return rateDifference(
    countsBy(
      decisions,
      ({ arm }) => (arm === 'treatment' ? 0 : 1),
      ({ ordered }) => ordered,
    ),
  );
}

/** Clicks by category of a user on some days, less what the user's and the category's rates make of it. */
function profile(slots: readonly Slot[], rates: ReadonlyMap<string, number>): Map<string, number> {
  const own = slots.reduce((sum, slot) => sum + slot.clicked, 0);
  const usual = slots.reduce((sum, slot) => sum + rates.get(slot.category)!, 0);
  const found = new Map<string, number>();
  for (const slot of slots) {
    const expected = usual > 0 ? (rates.get(slot.category)! * own) / usual : 0;
    found.set(slot.category, (found.get(slot.category) ?? 0) + slot.clicked - expected);
  }
  return found;
}

/** Cosine of two profiles; 0 when one is empty. */
function agreement(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const product = (x: ReadonlyMap<string, number>, y: ReadonlyMap<string, number>): number =>
    [...x].reduce((sum, [category, value]) => sum + value * (y.get(category) ?? 0), 0);
  const lengths = Math.sqrt(product(a, a) * product(b, b));
  return lengths > 0 ? product(a, b) / lengths : 0;
}

/**
 * Agreement of a user's clicks by category between days close by, less that between days far apart:
 * of a first, a middle and a last stretch, (first, middle) less (first, last).
 * @param stretches three [from, to) of days
 */
export function driftEffect(
  slots: readonly Slot[],
  stretches: readonly (readonly [number, number])[],
): Interval {
  const rates = new Map<string, number>();
  for (const of of groupBy(slots, ({ category }) => category)) {
    rates.set(of[0]!.category, of.reduce((sum, slot) => sum + slot.clicked, 0) / of.length);
  }
  const values = groupBy(slots, ({ user }) => user).map((of) => {
    const [first, middle, last] = stretches.map(([from, to]) =>
      profile(
        of.filter(({ day }) => day >= from && day < to),
        rates,
      ),
    );
    return agreement(first!, middle!) - agreement(first!, last!);
  });
  return meanOf(values);
}

const clickRate = (slots: readonly Slot[]): number =>
  slots.reduce((sum, slot) => sum + slot.clicked, 0) / slots.length;

/**
 * Covariance of a user's clicks on two days, over that of the expected ones, `apart` days or more from
 * one another: the variance of how readily users click, free of the chance on either day. A wish that
 * outlives its session has mostly faded by then.
 */
export function userRateEffect(slots: readonly Slot[], apart: number): Interval {
  const overall = clickRate(slots);
  const users = groupBy(slots, ({ user }) => user).map((own) => {
    const days = groupBy(own, ({ day }) => String(day)).map((of) => ({
      day: of[0]!.day,
      expected: overall * of.length,
      more: of.reduce((sum, slot) => sum + slot.clicked, 0) - overall * of.length,
    }));
    const sum = { product: 0, expected: 0 };
    for (const a of days)
      for (const b of days) {
        if (b.day - a.day < apart) continue;
        sum.product += a.more * b.more;
        sum.expected += a.expected * b.expected;
      }
    return sum;
  });
  return ratioOf(users.map(({ product, expected }) => [product, expected]));
}

/** Click rate of the champion less that of the challenger, users being what was randomised. */
export function rolloutEffect(slots: readonly Slot[]): Interval {
  return rateDifference(
    countsBy(
      groupBy(slots, ({ user }) => user),
      ({ modelVersion }) => (modelVersion === 'champion' ? 0 : 1),
      clicked,
    ),
  );
}
