/** For tests: two days of a made-up log in which every field of the features varies and is missing at times. */
import { Random } from '../../lib/random.ts';
import { FEEDBACK_KINDS, PAGE_BLOCKS } from '../contracts/device-log.ts';
import { type FixtureEvent, type FixtureLake, NOON } from '../stitch/lake-fixture.ts';

const DAY = 86_400_000;
const S = 1000;
const USERS = ['a', 'b', 'c'];
const REASONS = ['dull', "it's rude", 'gesehen'];

export function variedLake(seed = 1): FixtureLake {
  const random = Random.of(seed, 'varied lake');
  const of = <T>(values: readonly T[]): T => values[random.below(values.length)]!;
  const maybe = <T>(value: T): T | null => (random.chance(0.8) ? value : null);
  const items = Array.from({ length: 20 }, (_, i) => `i${i}`);
  const events: FixtureEvent[] = [];
  for (const user of USERS) {
    for (let visit = 0; visit < 24; visit++) {
      const at = NOON + Math.floor(visit / 12) * DAY + (visit % 12) * 90 * S + random.below(20 * S);
      const request_id = `${user}${visit}`;
      const session_id = maybe(`${user}s${Math.floor(visit / 4)}`);
      const common = { user, request_id, session_id };
      const slate = [...items].sort(() => random.uniform() - 0.5).slice(0, 5 + random.below(4));
      events.push({
        type: 'request',
        ...common,
        event_id: request_id,
        ts: at,
        scene: maybe(of(['home', 'search'])),
        page_no: maybe(random.below(4)),
        trigger: maybe(of(['open', 'page', 'insert'] as const)),
        candidates: slate.map((item_id, position) => ({
          item_id,
          position: maybe(position),
          scores: maybe({ ctr: random.uniform() }),
        })),
      });
      for (const item_id of slate.slice(0, 2 + random.below(3))) {
        const started = at + S + random.below(30 * S);
        events.push({
          type: 'exposure',
          ...common,
          item_id,
          started,
          ended: maybe(started + random.below(9 * S)),
          position: maybe(random.below(9)),
          count: maybe(1 + random.below(5)),
          scroll_speed: maybe(random.uniform() * 900),
          scroll_duration_ms: maybe(random.below(500)),
          scroll_count: maybe(random.below(3)),
        });
        if (random.chance(0.3)) {
          events.push({
            type: 'page_view',
            ...common,
            item_id,
            source: maybe(of(['list', 'banner'])),
            started: started + S,
            ended: maybe(started + S + random.below(20 * S)),
            actions: maybe(
              PAGE_BLOCKS.filter(() => random.chance(0.3)).map((block) => ({
                block,
                clicks: maybe(random.below(3)),
              })),
            ),
          });
        }
        if (random.chance(0.3)) {
          const reason = maybe(of(REASONS));
          events.push({
            ...{ type: 'feedback', ...common, item_id, kind: 'delete', reason },
            ts: started + 2 * S,
          });
        }
        if (random.chance(0.1)) {
          events.push({ type: 'order', ...common, item_id, ts: started + 5 * S });
        }
      }
      events.push({
        type: 'decision',
        ...common,
        event_id: `d${request_id}`,
        decision_id: `d${request_id}`,
        ts: at + 40 * S,
        arm: of(['control', 'treatment'] as const),
        propensity: 0.5,
        unexposed: slate.slice(3),
        depth: maybe(random.below(6)),
      });
    }
  }
  return {
    events,
    items: items.flatMap((item_id, i) => [
      {
        item_id,
        category: maybe(of(['food', "kids' toys", 'книги'])),
        brand: maybe(`b${i % 4}`),
        duration_ms: maybe(random.below(60 * S)),
        price_level: maybe(random.below(5)),
      },
      ...(random.chance(0.3)
        ? [{ item_id, valid_from: NOON + DAY, category: 'moved', price_level: 9 }]
        : []),
    ]),
    history: [{ user: 'c', as_of: NOON, item_ids: ['i1', 'i2'] }],
  };
}

/**
 * The same log with what the base has not: dwell in the blocks, several kinds of feedback, plays with a
 * network and a buffer. The base, and what models read of it, stays as it was.
 */
export function lakeWithVideos(seed = 1): FixtureLake {
  const base = variedLake(seed);
  const random = Random.of(seed, 'videos');
  const maybe = <T>(value: T): T | null => (random.chance(0.8) ? value : null);
  const more = base.events.flatMap((event): FixtureEvent[] => {
    if (event.type === 'page_view') {
      const cart = random.chance(0.4) ? [{ block: 'cart' as const, clicks: 1 }] : [];
      const told = (event.actions ?? []).filter(({ block }) => block !== 'cart');
      const actions = [...told, ...cart].map((one) => ({
        ...one,
        dwell_ms: maybe(random.below(9 * S)),
      }));
      return [{ ...event, actions: event.actions || cart.length > 0 ? actions : null }];
    }
    if (event.type !== 'exposure' || !random.chance(0.6)) return [event];
    const { user = '', request_id = null, session_id = null, item_id, started } = event;
    const common = { user, request_id, session_id, item_id };
    const end = started + 1 + random.below(12 * S);
    const played: FixtureEvent = {
      ...{ type: 'play', ...common, ts: end },
      ...{ watch_ms: end - started, duration_ms: maybe(1 + random.below(20 * S)) },
    };
    const felt = FEEDBACK_KINDS.filter(() => random.chance(0.2)).map(
      (kind): FixtureEvent => ({
        type: 'feedback',
        ...common,
        kind,
        ts: started + random.below(end - started),
      }),
    );
    const state: FixtureEvent = {
      ...{ type: 'client_state', user, session_id, ts: started + random.below(S) },
      ...{ network_kbps: maybe(random.uniform() * 9000), buffered_ms: maybe(random.below(9000)) },
    };
    return [event, played, ...felt, ...(random.chance(0.5) ? [state] : [])];
  });
  return { ...base, events: more };
}
