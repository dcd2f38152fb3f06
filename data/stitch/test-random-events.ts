/** For tests: random events over few users, requests and items, so that their rules meet. */
import fc from 'fast-check';
import type { FixtureEvent } from './lake-fixture.ts';

// Few values everywhere, so that equal times, repeated items and crossing devices are common.
const item = fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5', 'i6');
const requestId = fc.constantFrom('r1', 'r2', 'r3');
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 5 });
const envelope = {
  user: fc.constantFrom('a', 'b', 'c'),
  device_id: fc.constantFrom('phone', 'phone', 'tablet', null),
  session_id: fc.constantFrom('s1', 's2', null),
};
const ending = <T extends { started: number; lasts: number | null; atEnd: boolean }>({
  lasts,
  atEnd,
  ...rest
}: T) => {
  const ended = lasts === null ? null : rest.started + lasts;
  return { ...rest, ts: atEnd ? (ended ?? rest.started) : rest.started, ended };
};

/** Any event; phones tell of behaviours at their start or at their end. @param time of its start, ms */
export function randomEvent(time: fc.Arbitrary<number>): fc.Arbitrary<FixtureEvent> {
  const behaviour = {
    ...envelope,
    request_id: optional(requestId),
    item_id: item,
    started: time,
    lasts: optional(fc.constantFrom(0, 1000, 2000, 2500, 8000)),
    atEnd: fc.boolean(),
  };
  const action = { ...envelope, request_id: requestId, item_id: item, ts: time };
  return fc.oneof(
    fc.record({
      type: fc.constant('request'),
      ...envelope,
      request_id: requestId,
      ts: time,
      scene: optional(fc.constantFrom('home', 'search')),
      candidates: fc.array(
        fc.record({
          item_id: item,
          position: optional(fc.integer({ min: 0, max: 5 })),
          scores: fc.constantFrom({ ctr: 0.5, cvr: 0.25 }, { other: 0.75 }, { a: 1, b: 2 }, null),
        }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
    fc.record({
      type: fc.constant('rerank'),
      ...envelope,
      request_id: requestId,
      ts: time,
      order_before: fc.array(item, { minLength: 1, maxLength: 6 }),
      order_after: fc.array(item, { minLength: 1, maxLength: 6 }),
    }),
    {
      weight: 5,
      arbitrary: fc
        .record({ type: fc.constant('exposure'), ...behaviour, count: optional(fc.nat(9)) })
        .map(ending),
    },
    {
      weight: 3,
      arbitrary: fc
        .record({
          type: fc.constant('page_view'),
          ...behaviour,
          actions: optional(
            fc.array(
              fc.record({
                block: fc.constantFrom('cart', 'shop'),
                clicks: optional(fc.nat(3)),
              }),
              { maxLength: 3 },
            ),
          ),
        })
        .map(ending),
    },
    fc.record({
      type: fc.constant('play'),
      ...action,
      watch_ms: fc.constantFrom(1000, 17_999, 18_000),
      duration_ms: fc.constantFrom(1000, 0, null),
    }),
    fc.record({
      type: fc.constant('feedback'),
      ...action,
      kind: fc.constantFrom('like', 'delete', 'hate'),
      reason: fc.constantFrom('seen', 'dull', null),
    }),
    fc.record({ type: fc.constant('order'), ...action }),
    fc.record({
      type: fc.constant('decision'),
      ...envelope,
      ts: time,
      decision_id: fc.constant('d'),
      request_id: optional(requestId),
      arm: fc.constantFrom('control', 'treatment', null),
      propensity: fc.constantFrom(0.5, null),
      unexposed: optional(fc.array(item, { maxLength: 4 })),
    }),
    fc.record({
      type: fc.constant('client_state'),
      ...envelope,
      ts: time,
      network_kbps: optional(fc.nat(3)),
      buffered_ms: optional(fc.nat(3)),
    }),
  ) as fc.Arbitrary<FixtureEvent>;
}

/** Gives every event an id; the ids do not follow the order of time. @param prefix of at most one letter */
export const withIds = (events: readonly FixtureEvent[], prefix = 'e'): FixtureEvent[] =>
  events.map((event, i) => ({
    ...event,
    event_id: `${prefix}${String((i * 37) % 1009).padStart(4, '0')}`,
  }));
