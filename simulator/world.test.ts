import { describe, expect, it } from 'vitest';
import { makeCatalogue } from './catalogue.ts';
import { worldParams } from './params.ts';
import type { Policy } from './policy.ts';
import { Population } from './population.ts';
import { mean, ofType, playWorld } from './test-world.ts';
import { World } from './world.ts';

const tiny = { days: 1, users: { count: 60, sessionsPerDay: 1 }, insert: { rollouts: 1 } };

/** Never inserts; puts what is unseen upside down after every click. */
const upsideDown: Policy = {
  rerank: ({ trigger, unexposed }) =>
    trigger === 'click' && unexposed.length > 1
      ? {
          order: unexposed.map((_, k) => unexposed.length - 1 - k),
          arm: 'upside-down',
          modelVersion: 'm1',
        }
      : null,
  insert: () => null,
};

describe('World', () => {
  it('has a heavy tail of users at the default size: the 99th percentile reaches 2,000 events a week', () => {
    const params = worldParams.parse({});
    const { sessionsPerDay } = new Population(params, makeCatalogue(params));
    const { events } = playWorld({ ...tiny, users: { count: 300 } }, { decisions: false });
    const perSession = events.length / new Set(events.map((event) => event.session_id)).size;
    const weekly = [...sessionsPerDay].map((x) => x * 7 * perSession).sort((a, b) => a - b);
    expect(weekly[Math.floor(0.99 * weekly.length)]).toBeGreaterThan(2000);
    expect(weekly[Math.floor(0.5 * weekly.length)]).toBeLessThan(200);
    expect(mean(weekly) * weekly.length).toBeGreaterThan(200_000);
  });

  it('gives pages of 50 different items of which a user sees some 8 to 20', () => {
    const { events } = playWorld(tiny);
    const requests = ofType(events, 'request');
    for (const { candidates } of requests) {
      expect(new Set(candidates.map(({ item_id }) => item_id)).size).toBe(50);
      expect(candidates.map(({ position }) => position)).toEqual(candidates.map((_, k) => k));
      const scores = candidates.map(({ scores }) => scores!.ctr!);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
    }
    const perPage = ofType(events, 'exposure').length / requests.length;
    expect(perPage).toBeGreaterThan(8);
    expect(perPage).toBeLessThan(20);
    expect(new Set(requests.map(({ scene }) => scene))).toEqual(new Set(['home', 'search-feed']));
    expect(new Set(requests.map(({ trigger }) => trigger))).toContain('insert');
  });

  it('shows a page in the order that the last rerank gave it', () => {
    const { events } = playWorld(tiny, { policy: upsideDown });
    const reranks = ofType(events, 'rerank');
    expect(reranks.length).toBeGreaterThan(20);
    for (const rerank of reranks) {
      expect(rerank.order_after).toEqual([...rerank.order_before].reverse());
      expect(rerank.model_version).toBe('m1');
      const at = events.indexOf(rerank);
      const next = events
        .slice(at + 1)
        .find((event) => event.type === 'exposure' && event.request_id === rerank.request_id);
      if (next?.type === 'exposure') expect(next.item_id).toBe(rerank.order_after[0]);
    }
  });

  it('leaves users alone whom a policy does not touch', () => {
    const usual = playWorld(tiny, { policy: { rerank: () => null, insert: () => null } });
    const someone = usual.events[0]!.user_id;
    const policy: Policy = {
      rerank: (moment, random) =>
        moment.userId === someone ? upsideDown.rerank(moment, random) : null,
      insert: () => null,
    };
    const others = playWorld(tiny, { policy });
    const rest = (events: typeof usual.events) => events.filter((e) => e.user_id !== someone);
    expect(rest(others.events)).toEqual(rest(usual.events));
    expect(others.events.length).not.toBe(usual.events.length);
  });

  it('never lets a session of a user begin before the one before has ended', () => {
    const { events } = playWorld(
      {
        ...tiny,
        users: { count: 5, sessionsPerDay: 20, maxSessionsPerDay: 60 },
      },
      { decisions: false },
    );
    const sessions = new Map<string, { user: string; from: number; to: number }>();
    for (const { session_id, user_id, ts } of events) {
      const session = sessions.get(session_id!) ?? { user: user_id, from: ts, to: ts };
      session.from = Math.min(session.from, ts);
      session.to = Math.max(session.to, ts);
      sessions.set(session_id!, session);
    }
    const busy = new Map<string, number>();
    for (const { user, from, to } of [...sessions.values()].sort((a, b) => a.from - b.from)) {
      expect(from).toBeGreaterThan(busy.get(user) ?? 0);
      busy.set(user, to);
    }
  });

  it('keeps decisions of a session 20 slots apart, with both arms at their propensity', () => {
    const { events } = playWorld(tiny);
    const since = new Map<string, number>();
    const decisions = ofType(events, 'decision');
    for (const event of events) {
      const session = event.session_id!;
      if (event.type === 'exposure' && since.has(session))
        since.set(session, since.get(session)! + 1);
      if (event.type === 'decision') {
        expect(since.get(session) ?? 20).toBeGreaterThanOrEqual(20);
        since.set(session, 0);
        expect(event.propensity).toBe(0.5);
      }
    }
    const treated = decisions.filter(({ arm }) => arm === 'treatment').length / decisions.length;
    expect(Math.abs(treated - 0.5)).toBeLessThan(3 * Math.sqrt(0.25 / decisions.length));
  });

  it('reaches the same day by stepping, whatever happened before', () => {
    const params = worldParams.parse(tiny);
    const one = new World(params);
    const two = new World(params);
    one.plan();
    for (let day = 0; day < 3; day++) {
      one.advance();
      two.advance();
    }
    expect(one.population.tastes).toEqual(two.population.tastes);
    expect(one.plan()).toEqual(two.plan());
  });
});
