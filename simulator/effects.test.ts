/** Every planted effect shows in plain statistics of the logs, and is gone in its null world. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { EventOf } from '../data/contracts/device-log.ts';
import { NULL_WORLDS, type WorldParamsInput } from './params.ts';
import type { Population } from './population.ts';
import { correlation, mean, ofType, type Played, playWorld, slateAuc } from './test-world.ts';
import { World } from './world.ts';

const small: WorldParamsInput = {
  days: 2,
  users: { count: 150, sessionsPerDay: 1, maxSessionsPerDay: 2 },
  insert: { rollouts: 2 },
};

/** The small world, one effect taken away. Futures are simulated only where they are looked at. */
const without = (name: keyof typeof NULL_WORLDS, days = 1): Played => {
  const absent: Record<string, object> = NULL_WORLDS[name];
  return playWorld(
    {
      ...small,
      ...absent,
      days,
      users: { ...small.users, ...absent.users },
      insert: { ...small.insert, ...absent.insert },
    },
    { decisions: name === 'no-uplift' },
  );
};

const sum = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((total, x) => total + x, 0);

let full: Played;
beforeAll(() => {
  full = playWorld(small);
});

const byRequest = (played: Played): Map<string, Played['exposures']> => {
  const slates = new Map<string, Played['exposures']>();
  for (const row of played.exposures) {
    const slate = slates.get(row.request_id);
    if (slate) slate.push(row);
    else slates.set(row.request_id, [row]);
  }
  return slates;
};

/**
 * Clicks per click expected without neighbours, right below an item of the same category and elsewhere.
 * The expectation divides out that alike items come in runs of what the user likes.
 */
function clicksBelow(played: Played): { alike: number; other: number } {
  const { catalogue } = played.world;
  const category = new Map(catalogue.ids.map((id, item) => [id, catalogue.category[item]!]));
  const clicks = { alike: 0, other: 0 };
  const expected = { alike: 0, other: 0 };
  for (const slate of byRequest(played).values()) {
    for (let k = 1; k < slate.length; k++) {
      const row = slate[k]!;
      const same = category.get(row.item_id) === category.get(slate[k - 1]!.item_id);
      const kind = same ? 'alike' : 'other';
      clicks[kind] += row.clicked;
      expected[kind] += row.click_without_slate;
    }
  }
  return { alike: clicks.alike / expected.alike, other: clicks.other / expected.other };
}

describe('position bias', () => {
  /** Clicks per click that full attention would have given: the attention, as the clicks tell it. */
  const rates = (played: Played): { top: number; deep: number } => {
    const rate = (from: number, to: number): number => {
      const rows = played.exposures.filter(({ position }) => position >= from && position < to);
      return (
        sum(rows.map((row) => row.clicked)) / sum(rows.map((row) => row.click / row.attention))
      );
    };
    return { top: rate(0, 8), deep: rate(20, 50) };
  };

  it('makes deep slots count less than the same items would at the top', () => {
    const { top, deep } = rates(full);
    expect(deep).toBeLessThan(0.75 * top);
  });

  it('is gone in its null world', () => {
    const { top, deep } = rates(without('no-position-bias'));
    expect(deep / top).toBeGreaterThan(0.85);
    expect(deep / top).toBeLessThan(1.15);
  });
});

describe('slate effect', () => {
  it('lowers clicks below an item of the same category', () => {
    const { alike, other } = clicksBelow(full);
    expect(alike).toBeLessThan(0.8 * other);
  });

  it('makes the neighbours worth knowing: with them the oracle orders a slate better', () => {
    const score = (of: 'click' | 'click_without_slate'): number =>
      slateAuc(
        full.exposures.map((row) => ({
          slate: row.request_id,
          clicked: row.clicked,
          score: row[of],
        })),
      );
    expect(score('click')).toBeGreaterThan(score('click_without_slate') + 0.005);
  });

  it('is gone in its null world', () => {
    const none = without('no-slate-effect');
    for (const row of none.exposures) expect(row.click).toBe(row.click_without_slate);
    const { alike, other } = clicksBelow(none);
    expect(alike / other).toBeGreaterThan(0.85);
    expect(alike / other).toBeLessThan(1.15);
  });
});

/**
 * Correlation, over pairs of a category's exposures in one session, of the log dwell on the first with
 * a click on a later one. Only what a phone has is used.
 */
function dwellForetellsClicks(played: Played): number {
  const { catalogue } = played.world;
  const index = new Map(catalogue.ids.map((id, item) => [id, item]));
  const exposures = ofType(played.events, 'exposure');
  const dwell: number[] = [];
  const clicks: number[] = [];
  const last = new Map<string, number>();
  exposures.forEach((exposure, i) => {
    if (exposure.ended == null) return;
    const category = catalogue.category[index.get(exposure.item_id)!]!;
    const key = `${exposure.session_id} ${category}`;
    const before = last.get(key);
    if (before !== undefined) {
      dwell.push(before);
      clicks.push(played.exposures[i]!.clicked);
    }
    last.set(key, Math.log(exposure.ended - exposure.started));
  });
  return correlation(dwell, clicks);
}

describe('detail signal', () => {
  it('lets the dwell on an item foretell the next click in its category', () => {
    expect(dwellForetellsClicks(full)).toBeGreaterThan(0.12);
  });

  it('lets long page views, likes and slow scrolling go with intent', () => {
    const exposures = ofType(full.events, 'exposure');
    const intent = full.exposures.map((row) => row.intent);
    const speed = exposures.map((event) => Math.log(event.scroll_speed!));
    expect(correlation(intent, speed)).toBeLessThan(-0.3);
    const byItem = new Map(
      full.exposures.map((row) => [`${row.request_id} ${row.item_id}`, row.intent]),
    );
    const views = ofType(full.events, 'page_view');
    const viewed = views.map((event) => byItem.get(`${event.request_id} ${event.item_id}`)!);
    const length = views.map((event) => Math.log(event.ended! - event.started));
    expect(correlation(viewed, length)).toBeGreaterThan(0.5);
  });

  it('is gone in its null world', () => {
    const none = without('no-detail-signal');
    expect(Math.abs(dwellForetellsClicks(none))).toBeLessThan(0.05);
    const speed = ofType(none.events, 'exposure').map((event) => Math.log(event.scroll_speed!));
    const intent = none.exposures.map((row) => row.intent);
    expect(Math.abs(correlation(intent, speed))).toBeLessThan(0.05);
  });
});

/** Order within the next ten slots of the session, as the events tell. */
function ordersAfterDecisions(played: Played): { arm: string; ordered: number }[] {
  const sessions = new Map<string, Played['events']>();
  for (const event of played.events) {
    const session = sessions.get(event.session_id!);
    if (session) session.push(event);
    else sessions.set(event.session_id!, [event]);
  }
  const found: { arm: string; ordered: number }[] = [];
  for (const events of sessions.values()) {
    events.forEach((event, at) => {
      if (event.type !== 'decision') return;
      let slots = 0;
      let ordered = 0;
      for (const later of events.slice(at + 1)) {
        if (later.type === 'exposure' && ++slots > 10) break;
        if (later.type === 'order') ordered = 1;
      }
      found.push({ arm: event.arm!, ordered });
    });
  }
  return found;
}

describe('uplift', () => {
  const truths = (played: Played, arm: 'control' | 'treatment'): number[] =>
    played.decisions.map(({ truth }) => truth[arm].order[1]!);

  it('agrees on average with what the randomised arms show', () => {
    const outcomes = ordersAfterDecisions(full);
    for (const arm of ['control', 'treatment'] as const) {
      const seen = outcomes.filter((row) => row.arm === arm).map((row) => row.ordered);
      const told = mean(truths(full, arm));
      const error = Math.sqrt((told * (1 - told)) / seen.length);
      expect(Math.abs(mean(seen) - told)).toBeLessThan(3 * error);
    }
  });

  it('differs by what a phone can see: high when the session has shown its wish and the page fails', () => {
    const exposed = ofType(full.events, 'decision');
    const views = new Map<string, EventOf<'page_view'>[]>();
    for (const view of ofType(full.events, 'page_view')) {
      const session = views.get(view.session_id!);
      if (session) session.push(view);
      else views.set(view.session_id!, [view]);
    }
    const quiet: number[] = [];
    const flowing: number[] = [];
    full.decisions.forEach(({ truth }, i) => {
      const uplift = truth.treatment.order[1]! - truth.control.order[1]!;
      const decision = exposed[i]!;
      const last = views
        .get(decision.session_id!)
        ?.filter((view) => view.ended! <= decision.ts)
        .at(-1);
      if (!last) return;
      (decision.ts - last.ended! < 1000 ? flowing : quiet).push(uplift);
    });
    expect(mean(quiet)).toBeGreaterThan(mean(flowing) + 0.015);
    expect(mean(quiet)).toBeGreaterThan(0.015);
  });

  it('has clearly positive and clearly negative decisions', () => {
    const uplift = full.decisions.map(
      ({ truth }) => truth.treatment.order[1]! - truth.control.order[1]!,
    );
    uplift.sort((a, b) => a - b);
    expect(uplift[Math.floor(uplift.length * 0.1)]).toBeLessThan(-0.02);
    expect(uplift[Math.floor(uplift.length * 0.9)]).toBeGreaterThan(0.06);
  });

  it('is exactly nothing in its null world', () => {
    const none = without('no-uplift');
    expect(none.decisions.length).toBeGreaterThan(100);
    for (const { truth } of none.decisions) expect(truth.treatment).toEqual(truth.control);
  });
});

describe('drift', () => {
  const firstDay = (played: Played): Population => new World(played.world.params).population;

  /** Mean cosine of the users' tastes on the first day and now. */
  const movedCosine = (played: Played): number => {
    const before = firstDay(played).tastes;
    const after = played.world.population.tastes;
    return sum(before.map((x, i) => x * after[i]!)) / played.world.population.count;
  };

  it('turns tastes a little every day', () => {
    const cosine = movedCosine(full);
    expect(cosine).toBeGreaterThan(0.8);
    expect(cosine).toBeLessThan(0.97);
  });

  it('moves some users between cohorts, whose click rates differ', () => {
    const before = firstDay(full).cohort;
    const after = full.world.population.cohort;
    const moved = before.filter((cohort, user) => cohort !== after[user]).length;
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(0.2 * before.length);
    const rates = [0, 3].map((cohort) => {
      const users = new Set(full.world.population.ids.filter((_, user) => before[user] === cohort));
      const exposures = ofType(full.events, 'exposure');
      return mean(
        full.exposures.filter((_, i) => users.has(exposures[i]!.user_id)).map((row) => row.clicked),
      );
    });
    expect(rates[1]).toBeGreaterThan(1.3 * rates[0]!);
  });

  it('is gone in its null world', () => {
    const rest = without('no-drift', 2);
    expect(movedCosine(rest)).toBeCloseTo(1, 10);
    expect(rest.world.population.cohort).toEqual(firstDay(rest).cohort);
  });
});
