/**
 * For tests: the rules of stitching once more, one decision at a time and without regard for speed.
 * What the SQL gives is compared with this on random logs.
 */
import { PAGE_BLOCKS } from '../contracts/device-log.ts';
import type { FixtureEvent, FixtureLake } from './lake-fixture.ts';
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
import { naiveVideo } from './naive-video-fixture.ts';
import type { SampleRow } from './samples-fixture.ts';

export function naiveStitch(lake: FixtureLake, options: NaiveOptions) {
  const all = lake.events as Of<FixtureEvent['type']>[];
  const of = <T extends FixtureEvent['type']>(type: T) =>
    all.filter((event) => event.type === type) as unknown as Of<T>[];
  const requests = of('request');
  const exposures = of('exposure');
  const pageViews = of('page_view');
  const plays = of('play');
  const feedbacks = of('feedback');
  const orders = of('order');
  const namedBlocks = new Set(
    pageViews.flatMap((view) => (view.actions ?? []).map((action) => action.block)),
  );
  const hourOf = (ts: number) => Math.floor(ts / 3_600_000) % 24;

  const slates: Slate[] = [
    ...requests.map((event) => ({ event, kind: 'request' as const })),
    ...of('rerank').map((event) => ({ event, kind: 'rerank' as const })),
  ];

  const pageOf = (request: Of<'request'>) => {
    const sorted = request.candidates
      .map((candidate, i) => ({ ...candidate, i }))
      .sort(
        (a, b) =>
          (a.position ?? 1e9) - (b.position ?? 1e9) ||
          (a.position == null ? byText(a.item_id, b.item_id) : 0) ||
          a.i - b.i,
      );
    return firstOfEach(sorted, (candidate) => candidate.item_id).map((candidate) => {
      const scores = candidate.scores ?? {};
      const only = Object.values(scores).length === 1 ? Object.values(scores)[0] : undefined;
      return {
        item: candidate.item_id,
        position: candidate.position ?? null,
        score: scores.ctr ?? only ?? null,
      };
    });
  };
  const pageBefore = (event: Of<'rerank'>) =>
    requests
      .filter((r) => r.user === event.user && r.request_id === event.request_id && r.ts <= event.ts)
      .sort((a, b) => a.ts - b.ts || byText(a.event_id, b.event_id))
      .at(-1);
  const listOf = ({ event, kind }: Slate): Listed[] => {
    if (kind === 'request') return pageOf(event as Of<'request'>);
    const rerank = event as Of<'rerank'>;
    const request = pageBefore(rerank);
    const page = request ? pageOf(request) : [];
    return firstOfEach(rerank.order_before, (item) => item).map((item, position) => ({
      item,
      position,
      score: page.find((candidate) => candidate.item === item)?.score ?? null,
    }));
  };
  const slateOf = (exposure: Of<'exposure'>) =>
    slates
      .filter(
        ({ event }) =>
          event.user === exposure.user &&
          !!exposure.request_id &&
          event.request_id === exposure.request_id &&
          event.ts <= exposure.started,
      )
      .sort(
        (a, b) =>
          a.event.ts - b.event.ts ||
          byText(a.kind, b.kind) ||
          byText(a.event.event_id, b.event.event_id),
      )
      .at(-1);
  const inTime = (time: number, e: Of<'exposure'>) =>
    time >= e.started && time <= e.started + options.labelWindowMs;
  const labelsOf = (e: Of<'exposure'>) => ({
    click: pageViews.length
      ? pageViews.some((v) => same(v, e) && v.started >= e.started && inTime(told(v), e))
      : undefined,
    long: plays.length
      ? plays.some(
          (p) =>
            same(p, e) &&
            inTime(p.ts, e) &&
            (p.watch_ms >= 18_000 || (!!p.duration_ms && p.watch_ms >= p.duration_ms)),
        )
      : undefined,
    like: feedbacks.length
      ? feedbacks.some((f) => f.kind === 'like' && same(f, e) && inTime(f.ts, e))
      : undefined,
    order: orders.length ? orders.some((o) => same(o, e) && inTime(o.ts, e)) : undefined,
  });
  const flag = (values: (boolean | undefined)[]) =>
    values.length === 0 || values[0] === undefined ? null : Number(values.some(Boolean));

  const finished = <T extends Of<'exposure'> | Of<'page_view'>>(events: T[], now: number) =>
    events
      .filter((event) => event.ended != null && event.ended < now)
      .sort(
        (a, b) =>
          a.ended! - b.ended! ||
          a.started - b.started ||
          a.ts - b.ts ||
          byText(a.event_id, b.event_id),
      );
  const exposureColumns = (
    prefix: string,
    entries: Of<'exposure'>[],
    now: number,
    seeds: string[],
  ) => {
    const unknown = seeds.map(() => null);
    const column = (value: (e: Of<'exposure'>) => unknown) => [...unknown, ...entries.map(value)];
    return {
      [`${prefix}_item`]: [...seeds, ...entries.map((e) => e.item_id)],
      [`${prefix}_score`]: column((e) => {
        const slate = slateOf(e);
        return (slate && listOf(slate).find(({ item }) => item === e.item_id)?.score) ?? null;
      }),
      [`${prefix}_ended`]: column((e) => e.ended),
      [`${prefix}_duration_ms`]: column((e) => e.ended! - e.started),
      [`${prefix}_count`]: column((e) => e.count ?? null),
      [`${prefix}_delete_reason`]: column((e) => {
        const removal = feedbacks
          .filter((f) => ['delete', 'hate'].includes(f.kind) && same(f, e) && f.ts >= e.started)
          .sort(
            (a, b) => a.ts - b.ts || byText(a.reason ?? 'unspecified', b.reason ?? 'unspecified'),
          )[0];
        return removal && removal.ts < now ? (removal.reason ?? 'unspecified') : null;
      }),
      [`${prefix}_known`]: [...seeds.map(() => 0), ...entries.map(() => 1)],
    };
  };
  const viewColumns = (prefix: string, entries: Of<'page_view'>[], now: number) => ({
    [`${prefix}_item`]: entries.map((v) => v.item_id),
    [`${prefix}_started`]: entries.map((v) => v.started),
    ...Object.fromEntries(
      PAGE_BLOCKS.map((block) => [
        `${prefix}_${block}`,
        entries.map(
          (v) =>
            (namedBlocks.has(block) ? v.actions : null)
              ?.filter((action) => action.block === block)
              .reduce((sum, action) => sum + (action.clicks ?? 1), 0) ?? null,
        ),
      ]),
    ),
    [`${prefix}_bought`]: entries.map((v) =>
      orders.length
        ? Number(
            orders.some(
              (o) =>
                o.user === v.user && o.item_id === v.item_id && o.ts >= v.started && o.ts < now,
            ),
          )
        : null,
    ),
  });
  const sessionCount = (
    events: (Of<'exposure'> | Of<'page_view'>)[],
    at: Of<'request'> | Of<'decision'>,
  ) =>
    at.session_id === null
      ? null
      : finished(events, at.ts).filter(
          (event) => sameDevice(event, at) && event.session_id === at.session_id,
        ).length;

  // Whatever still comes was told then or later.
  const known = Math.max(...all.map((e) => e.ts)) - options.latenessMs;
  const rerank = slates.flatMap((slate): SampleRow[] => {
    const event = slate.event as Of<'request'>;
    const list = listOf(slate);
    const request = slate.kind === 'request' ? event : pageBefore(slate.event as Of<'rerank'>);
    const shown = exposures.filter(
      (e) => slateOf(e)?.event === slate.event && told(e) - event.ts <= options.exposureWindowMs,
    );
    // All for which the log must have been waited: the slate, and each exposure.
    const windows = [event.ts + options.exposureWindowMs];
    for (const e of shown) windows.push(e.started + options.labelWindowMs);
    const label = (key: 'click' | 'long' | 'like' | 'order') =>
      list.map(({ item }) =>
        flag(shown.filter((e) => e.item_id === item).map((e) => labelsOf(e)[key])),
      );
    const exposed = list.map(({ item }) => Number(shown.some((e) => e.item_id === item)));
    const exp = last(
      finished(exposures, event.ts).filter((e) => sameDevice(e, event)),
      options.exposuresK,
    );
    const history = (lake.history ?? [])
      .filter((row) => row.user === event.user && row.as_of <= event.ts)
      .sort((a, b) => a.as_of - b.as_of)
      .at(-1);
    const seeds = last(history?.item_ids ?? [], options.exposuresK - exp.length);
    const state = {
      slate_id: event.event_id,
      kind: slate.kind,
      user_key: event.user,
      decision_ts: event.ts,
      scene: request?.scene ?? null,
      ...exposureColumns('exp', exp, event.ts, seeds),
      ...viewColumns(
        'pv',
        last(
          finished(pageViews, event.ts).filter((v) => sameDevice(v, event)),
          options.pageViewsK,
        ),
        event.ts,
      ),
      session_exposures: sessionCount(exposures, event),
      session_clicks: sessionCount(pageViews, event),
      hour: hourOf(event.ts),
    };
    const rows: SampleRow[] = [];
    for (let part = 0; part === 0 || part * options.candidatesN < list.length; part++) {
      const cut = <T>(items: T[]) =>
        items.slice(part * options.candidatesN, (part + 1) * options.candidatesN);
      if (part > 0 && !cut(exposed).includes(1)) continue;
      rows.push({
        ...state,
        sample_id: part === 0 ? event.event_id : `${event.event_id}#${part}`,
        cand_item: cut(list.map((c) => c.item)),
        cand_position: cut(list.map((c) => c.position)),
        cand_score: cut(list.map((c) => c.score)),
        label_exposed: cut(exposed),
        label_click: cut(label('click')),
        label_long: cut(label('long')),
        label_like: cut(label('like')),
        label_order: cut(label('order')),
        matured: Number(windows.every((end) => end < known)),
      });
    }
    return rows;
  });

  const decisions = of('decision').map((event): SampleRow => {
    const era = Math.max(
      0,
      ...requests.filter((r) => sameDevice(r, event) && r.ts < event.ts).map((r) => r.ts),
    );
    const since = finished(exposures, event.ts).filter(
      (e) => sameDevice(e, event) && e.started >= era,
    );
    const clicks =
      event.session_id === null
        ? []
        : finished(pageViews, event.ts).filter(
            (v) => sameDevice(v, event) && v.session_id === event.session_id,
          );
    // As if the log had ended with the window.
    const seen = (time: number) => time <= event.ts + options.decisionWindowMs;
    const next = exposures
      .filter((e) => e.user === event.user && e.started > event.ts && seen(told(e)))
      .sort((a, b) => a.started - b.started || a.ts - b.ts || byText(a.event_id, b.event_id));
    const ordered = (e: Of<'exposure'>) =>
      orders.some((o) => same(o, e) && inTime(o.ts, e) && seen(o.ts));
    const clicked = (e: Of<'exposure'>) =>
      pageViews.some(
        (v) => same(v, e) && v.started >= e.started && inTime(told(v), e) && seen(told(v)),
      );
    const within = (n: number, key: 'order' | 'click', has: boolean) =>
      has ? Number(next.slice(0, n).some(key === 'order' ? ordered : clicked)) : null;
    return {
      sample_id: event.event_id,
      user_key: event.user,
      arm: event.arm == null ? null : Number(event.arm === 'treatment'),
      ...exposureColumns('since_exp', last(since, options.sinceK), event.ts, []),
      ...viewColumns('sclk', last(clicks, options.sessionClicksK), event.ts),
      unexposed_item: (event.unexposed ?? []).slice(0, options.unexposedK),
      session_exposures: sessionCount(exposures, event),
      session_clicks: sessionCount(pageViews, event),
      label_order_n5: within(5, 'order', orders.length > 0),
      label_order_n10: within(10, 'order', orders.length > 0),
      label_order_n15: within(15, 'order', orders.length > 0),
      label_order_n20: within(20, 'order', orders.length > 0),
      label_click_n10: within(10, 'click', pageViews.length > 0),
      matured: Number(!seen(known)),
    };
  });
  const video = naiveVideo({ all, options, slates, slateOf, listOf, pageBefore, finished, known });
  return { rerank, decisions, video };
}
