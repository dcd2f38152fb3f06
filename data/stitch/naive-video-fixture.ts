/** For tests: the rules of swipes once more; `naive-fixture.ts` has the rest. */
import { FEEDBACK_KINDS } from '../contracts/device-log.ts';
import type { FixtureEvent } from './lake-fixture.ts';
import {
  byText,
  firstOfEach,
  type Listed,
  last,
  type NaiveOptions,
  type Of,
  type Slate,
  same,
  sameDevice,
  told,
} from './naive-terms-fixture.ts';
import type { SampleRow } from './samples-fixture.ts';

interface Naive {
  all: Of<FixtureEvent['type']>[];
  options: NaiveOptions;
  slates: Slate[];
  slateOf: (exposure: Of<'exposure'>) => Slate | undefined;
  listOf: (slate: Slate) => Listed[];
  pageBefore: (rerank: Of<'rerank'>) => Of<'request'> | undefined;
  finished: (events: Of<'exposure'>[], now: number) => (Of<'exposure'> | Of<'page_view'>)[];
  /** Whatever still comes was told then or later. */
  known: number;
}

type Timed = { ts: number; event_id: string };
const inOrder = (a: Timed, b: Timed) => a.ts - b.ts || byText(a.event_id, b.event_id);

export function naiveVideo(naive: Naive): SampleRow[] {
  const { all, options, slates, slateOf, listOf, pageBefore, finished, known } = naive;
  const of = <T extends FixtureEvent['type']>(type: T) =>
    all.filter((event) => event.type === type).sort(inOrder) as unknown as Of<T>[];
  const exposures = of('exposure').sort((a, b) => a.started - b.started);
  const plays = of('play');
  const feedbacks = of('feedback');
  const states = of('client_state');
  const { labelWindowMs, exposureWindowMs } = options;

  const playOf = (e: Of<'exposure'>) =>
    plays.find((p) => same(p, e) && p.ts >= e.started && p.ts - e.started <= labelWindowMs);
  const given = (e: Of<'exposure'>, kind: string, from: number, to: number) =>
    feedbacks.length === 0
      ? null
      : Number(feedbacks.some((f) => f.kind === kind && same(f, e) && f.ts >= from && f.ts <= to));
  const effective = (e: Of<'exposure'>) => {
    const play = playOf(e);
    if (!play) return null;
    const whole = !!play.duration_ms && play.watch_ms >= play.duration_ms;
    return Number(play.watch_ms >= options.effectiveViewMs || whole);
  };
  const hasNext = (e: Of<'exposure'>) =>
    e.session_id === null
      ? null
      : Number(
          exposures.some(
            (f) =>
              sameDevice(f, e) &&
              f.session_id === e.session_id &&
              f.started > e.started &&
              told(f) - e.started <= labelWindowMs,
          ),
        );
  const like = (e: Of<'exposure'>) => given(e, 'like', e.started, e.started + labelWindowMs);
  const inSlate = (e: Of<'exposure'>) => {
    const slate = slateOf(e);
    return slate && listOf(slate).find(({ item }) => item === e.item_id);
  };

  /** What the phone held of a request: the last order that named a candidate put it where it stands. */
  const heldAt = (e: Of<'exposure'>) => {
    let list: Listed[] = [];
    for (const slate of slates
      .filter(({ event }) => event.user === e.user && event.request_id === e.request_id)
      .filter(({ event }) => event.ts <= e.started)
      .sort(
        (a, b) => a.event.ts - b.event.ts || byText(a.kind, b.kind) || inOrder(a.event, b.event),
      )) {
      const named = listOf(slate);
      if (slate.kind === 'request') {
        list = named;
        continue;
      }
      const before = list;
      const of = (item: string) =>
        [...named, ...before].find((one) => one.item === item) ?? {
          item,
          position: null,
          score: null,
        };
      const { order_after } = slate.event as Of<'rerank'>;
      const items = firstOfEach(
        [...order_after, ...before.map(({ item }) => item)],
        (item) => item,
      );
      list = items.map(of);
    }
    return list;
  };

  return exposures.flatMap((e): SampleRow[] => {
    const play = playOf(e);
    const slate = slateOf(e);
    if (!play || !slate) return [];
    const now = e.started;
    const showings = (item: string) =>
      exposures.filter(
        (f) =>
          same({ ...f, item_id: f.item_id }, { ...e, item_id: item }) &&
          told(f) <= now + exposureWindowMs,
      );
    const held = heldAt(e)
      .filter(({ item }) => !showings(item).some((f) => f.started < now))
      .slice(0, options.orderedK);
    const shown = held.map(({ item }) => showings(item)[0]);
    const after = <V>(value: (f: Of<'exposure'>) => V) => shown.map((f) => (f ? value(f) : null));
    const watched = last(
      (finished(exposures, now) as Of<'exposure'>[]).filter(
        (f) => sameDevice(f, e) && (playOf(f)?.ts ?? now) < now,
      ),
      options.watchedK,
    );
    const place = held.findIndex(({ item }) => item === e.item_id);
    const state = states.filter((one) => sameDevice(one, e) && one.ts <= now).at(-1);
    const page = slate.kind === 'request' ? slate.event : pageBefore(slate.event as Of<'rerank'>);
    const ends = [now + exposureWindowMs, now + labelWindowMs];
    for (const f of shown) if (f) ends.push(f.started + labelWindowMs);
    return [
      {
        sample_id: e.event_id,
        slate_id: slate.event.event_id,
        user_key: e.user,
        device_id: e.device_id,
        session_id: e.session_id,
        decision_ts: now,
        scene: (page as Of<'request'> | undefined)?.scene ?? null,
        hour: Math.floor(now / 3_600_000) % 24,
        target_item: e.item_id,
        target_place: place < 0 ? null : place,
        target_position: inSlate(e)?.position ?? null,
        target_score: inSlate(e)?.score ?? null,
        target_started: now,
        label_has_next: hasNext(e),
        label_effective_view: effective(e),
        label_like: like(e),
        label_watch_ms: play.watch_ms,
        watched_item: watched.map((f) => f.item_id),
        watched_ended: watched.map((f) => f.ended),
        watched_position: watched.map((f) => inSlate(f)?.position ?? null),
        watched_score: watched.map((f) => inSlate(f)?.score ?? null),
        watched_watch_ms: watched.map((f) => playOf(f)!.watch_ms),
        watched_duration_ms: watched.map((f) => playOf(f)!.duration_ms ?? null),
        ...Object.fromEntries(
          FEEDBACK_KINDS.map((kind) => [
            `watched_${kind}`,
            watched.map((f) => given(f, kind, f.started, now - 1)),
          ]),
        ),
        ordered_item: held.map(({ item }) => item),
        ordered_position: held.map(({ position }) => position),
        ordered_score: held.map(({ score }) => score),
        label_ordered_exposed: shown.map((f) => Number(f !== undefined)),
        label_ordered_has_next: after(hasNext),
        label_ordered_effective_view: after(effective),
        label_ordered_like: after(like),
        network_kbps: state?.network_kbps ?? null,
        buffered_ms: state?.buffered_ms ?? null,
        matured: Number(ends.every((end) => end < known)),
      },
    ];
  });
}
