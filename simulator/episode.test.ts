import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type DeviceEvent, deviceEvent } from '../data/contracts/device-log.ts';
import { Random } from '../lib/random.ts';
import type { Action, Episode, Observation } from './episode.ts';
import { worldParams } from './params.ts';
import { playSession } from './play-session.ts';
import { mean } from './test-world.ts';
import { World } from './world.ts';

const params = worldParams.parse({ users: { count: 30, sessionsPerDay: 2 } });

let world: World;
beforeEach(() => {
  world = new World(params);
});

/** Steps on with `look` and `page`, at most `steps` times; returns what was logged. */
function goOn(of: World, episode: Episode, steps = 10_000): DeviceEvent[] {
  const events: DeviceEvent[] = [];
  let seen = episode.observe();
  events.push(...seen.events);
  for (let step = 0; step < steps && seen.wants !== 'nothing'; step++) {
    seen = of.step(episode, { kind: seen.wants === 'page' ? 'page' : 'look' });
    events.push(...seen.events);
  }
  return events;
}

/** The first planned session that is still open after `steps` steps. */
function opened(of: World, steps: number): Episode {
  for (const planned of of.plan()) {
    if (planned.index > 0) continue;
    const episode = of.begin(planned);
    goOn(of, episode, steps);
    if (episode.observe().wants === 'slot') return episode;
    if (episode.observe().wants !== 'nothing') of.step(episode, { kind: 'end' });
  }
  throw new Error('no session is that long');
}

const reversed = (episode: Episode): Action => ({
  kind: 'rerank',
  order: episode.moment().unexposed.map((_, k, all) => all.length - 1 - k),
  arm: 'reversed',
});

describe('World.step', () => {
  it('logs by itself what a session under a passive policy logs', () => {
    const planned = world.plan()[0]!;
    const stepped = goOn(world, world.begin(planned));
    const played: DeviceEvent[] = [];
    playSession(
      new World(params),
      planned,
      { rerank: () => null, insert: () => null },
      { event: (event) => played.push(event) },
    );
    expect(stepped).toEqual(played);
    expect(stepped.length).toBeGreaterThan(5);
  });

  it('answers any course of allowed actions with events of the contract, and refuses the others', () => {
    const session = fc.record({
      session: fc.nat(20),
      choices: fc.array(fc.nat(4), { minLength: 30, maxLength: 60 }),
    });
    fc.assert(
      fc.property(session, ({ session, choices }) => {
        const one = new World(params);
        const planned = one.plan().filter(({ index }) => index === 0)[session]!;
        const episode = one.begin(planned);
        let seen: Observation = episode.observe();
        const events = [...seen.events];
        for (const choice of choices) {
          const actions: Action[] = [
            { kind: 'look' },
            { kind: 'page' },
            reversed(episode),
            { kind: 'decide', arm: 'treatment', propensity: 1 },
            { kind: 'decide', arm: 'control', propensity: 0.25 },
          ];
          const action = actions[choice]!;
          const allowed =
            seen.wants === 'slot' ? action.kind !== 'page' : seen.wants === action.kind;
          if (!allowed) {
            const before = episode.moment();
            expect(() => one.step(episode, action)).toThrow(/asks for no|waits for|has ended/);
            expect(episode.moment()).toEqual(before);
            continue;
          }
          if (action.kind === 'rerank' && action.order.length === 0) continue;
          seen = one.step(episode, action);
          events.push(...seen.events);
        }
        for (const event of events) deviceEvent.parse(event);
        expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(events.length);
      }),
      { seed: 5, numRuns: 40 },
    );
  });

  it('shows what is reordered before the first slot of a page in the new order', () => {
    const episode = world.begin(world.plan()[0]!);
    world.step(episode, { kind: 'page' });
    const last = episode.moment().unexposed.at(-1)!.itemId;
    const { events } = world.step(episode, reversed(episode));
    expect(events).toMatchObject([{ type: 'rerank', trigger: 'other', arm: 'reversed' }]);
    const [exposure] = world.step(episode, { kind: 'look' }).events;
    expect(exposure).toMatchObject({ type: 'exposure', item_id: last, position: 0 });
  });

  it('refuses an order that is not one of the unseen items', () => {
    const episode = opened(world, 3);
    const order = episode.moment().unexposed.map((_, k) => k);
    for (const bad of [order.slice(1), [...order, 0], order.map(() => 0), [0.5, ...order.slice(1)]])
      expect(() => world.step(episode, { kind: 'rerank', order: bad, arm: 'a' })).toThrow(
        'The order is none of the unseen items',
      );
  });

  it('tells no hidden state', () => {
    const episode = opened(world, 10);
    const told = JSON.stringify([episode.observe(), episode.moment(), episode]);
    for (const hidden of ['intent', 'taste', 'cohort', 'annoyance', 'Probability', 'utility'])
      expect(told).not.toContain(hidden);
  });

  it('keeps sessions of a user apart, and days', () => {
    const [first] = world.plan();
    const episode = world.begin(first!);
    expect(() => world.begin(first!)).toThrow('A session of this user is open');
    expect(() => world.advance()).toThrow('1 sessions of day 0 are open');
    world.step(episode, { kind: 'end' });
    expect(() => world.step(episode, { kind: 'look' })).toThrow('The session has ended');
    world.advance();
    expect(() => world.step(episode, { kind: 'look' })).toThrow('another day');
    expect(() => world.begin(first!)).toThrow('Today is day 1');
  });
});

describe('World.branch', () => {
  it('gives the same future for the same actions, and leaves the original and the world alone', () => {
    const untouched = goOn(new World(params), opened(new World(params), 8));
    const episode = opened(world, 8);
    const branch = world.branch(episode);
    world.step(branch, { kind: 'decide', arm: 'treatment', propensity: 1 });
    goOn(world, branch);
    const one = goOn(world, world.branch(episode));
    const two = goOn(world, world.branch(episode));
    expect(one).toEqual(two);
    const original = goOn(world, episode);
    expect(original).toEqual(one);
    expect(original.length).toBe(untouched.length);
    // The next session of the user starts where the original, not a branch, has left.
    expect(() => world.begin(episode.planned)).not.toThrow();
  });

  it('answers with another order for the same user, moment and noise', () => {
    const episode = opened(world, 6);
    const as = world.branch(episode);
    const other = world.branch(episode);
    world.step(other, reversed(other));
    const before = as.moment();
    expect({ ...other.moment(), unexposed: [], now: 0 }).toEqual({
      ...before,
      unexposed: [],
      now: 0,
    });
    const item = (of: Episode) => world.step(of, { kind: 'look' }).events[0];
    expect(item(as)).toMatchObject({ item_id: before.unexposed[0]!.itemId });
    expect(item(other)).toMatchObject({ item_id: before.unexposed.at(-1)!.itemId });
  });

  it('has independent futures that agree on average with the chance of a click', () => {
    const episode = opened(world, 6);
    const clicks = Array.from({ length: 2000 }, (_, future) => {
      const { events } = world.step(world.branch(episode, future), { kind: 'look' });
      return events.some(({ type }) => type === 'page_view') ? 1 : 0;
    });
    const chance = episode.hidden(Random.of(1)).look().clickProbability;
    const error = Math.sqrt((chance * (1 - chance)) / clicks.length);
    expect(Math.abs(mean(clicks) - chance)).toBeLessThan(3 * error);
    const same = () => goOn(world, world.branch(episode, 7));
    expect(same()).toEqual(same());
  });

  it('branches from a branch', () => {
    const branch = world.branch(opened(world, 6), 3);
    world.step(branch, { kind: 'look' });
    const again = world.branch(branch);
    expect(goOn(world, again)).toEqual(goOn(world, branch));
  });
});
