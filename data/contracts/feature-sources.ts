/**
 * The raw values that features are declared over, in terms of the device log. A null anywhere in a
 * description makes the value null unless told otherwise.
 */
import type { Axis, Source, SourceType } from '../../device/features/spec.ts';
import { FEEDBACK_KINDS, PAGE_BLOCKS } from './device-log.ts';

type Declared = Record<string, [type: SourceType, what: string]>;

const under = (family: string, axis: Axis | null, sources: Declared): Record<string, Source> =>
  Object.fromEntries(
    Object.entries(sources).map(([name, [type, what]]) => [
      `${family}.${name}`,
      { type, axis, what },
    ]),
  );

/** Ids of the item that a value of the axis is about. */
const ids: Declared = {
  item: ['id', 'item_id'],
  ...Object.fromEntries(
    ['category', 'brand', 'creator'].map((name): [string, Declared[string]] => [
      name,
      ['id', `${name} of the item, by the version of the item table that is valid at now`],
    ]),
  ),
};
const KNOWN =
  '1 for a behaviour of the log; 0 for one of the undated history, of which only the item is known';
const clicks = (first: boolean): string =>
  first
    ? 'sum of clicks over page_view.actions of this block; 0 when actions are known but hold no such block; a block entry with null clicks was used at least once and counts 1; null when actions is null, or when no page view of the log names the block'
    : `as ${PAGE_BLOCKS[0]}`;
const dwell = (first: boolean): string =>
  first
    ? "ms: sum of dwell_ms over page_view.actions of this block; 0 when actions are known but hold no such block; null when actions is null, when the block's entries tell no dwell, or when no page view of the log names the block"
    : `as ${PAGE_BLOCKS[0]}_dwell_ms`;

/** Page views: those of the session, and the clicks of the device in whatever session. */
const pageView: Declared = {
  ...ids,
  known: ['number', KNOWN],
  started: ['number', 'page_view.started'],
  ended: ['number', 'page_view.ended; null in the undated history'],
  duration_ms: ['number', 'page_view.ended − page_view.started'],
  source: ['text', 'page_view.source: where the click came from'],
  ...Object.fromEntries(
    PAGE_BLOCKS.flatMap((name, i): [string, Declared[string]][] => [
      [name, ['number', clicks(i === 0)]],
      [`${name}_dwell_ms`, ['number', dwell(i === 0)]],
    ]),
  ),
  bought: [
    'number',
    '1 when an order of the same user and item has page_view.started ≤ ts < now, else 0; null when the log has no orders',
  ],
};

const given = (kind: string): string =>
  `1 when a feedback ${kind} of the same user, request and item has ts ≥ exposure.started and ts < now, else 0; null when the log has no feedback`;

export const SOURCES: Record<string, Source> = {
  ...under('moment', null, {
    now: ['number', 'ts of the decision: the moment of attention, device clock, ms'],
    hour: ['number', 'hour of the day of now, in utcOffsetMinutes'],
    session_exposures: [
      'number',
      'exposures of this session ended before now; null without a session id',
    ],
    session_clicks: [
      'number',
      'page views of this session ended before now; null without a session id',
    ],
    scene: ['text', 'request.scene'],
    page_no: ['number', 'request.page_no'],
    trigger: ['text', 'trigger of the request or rerank'],
    depth: ['number', 'decision.depth'],
    unexposed_count: ['number', 'length of decision.unexposed'],
    network_kbps: ['number', 'network_kbps of the last client_state of the device with ts ≤ now'],
    buffered_ms: ['number', 'buffered_ms of the last client_state of the device with ts ≤ now'],
  }),
  ...under('candidate', 'candidate', {
    ...ids,
    score: ['number', 'score of the cloud ranker for the candidate'],
    position: ['number', 'position of the candidate in the slate that the decision found'],
    duration_ms: ['number', 'duration_ms of the item, by the version that is valid at now'],
    price_level: ['number', 'price_level of the item, by the version that is valid at now'],
  }),
  ...under('exposure', 'exposure', {
    ...ids,
    known: ['number', KNOWN],
    started: ['number', 'exposure.started'],
    ended: ['number', 'exposure.ended; null in the undated history'],
    position: ['number', 'exposure.position'],
    score: ['number', 'score of the cloud ranker when the item was shown'],
    duration_ms: ['number', 'exposure.ended − exposure.started'],
    count: ['number', 'exposure.count'],
    scroll_speed: ['number', 'exposure.scroll_speed'],
    scroll_duration_ms: ['number', 'exposure.scroll_duration_ms'],
    scroll_count: ['number', 'exposure.scroll_count'],
    delete_reason: [
      'text',
      'reason of the first feedback delete or hate of the same user, request and item with ts ≥ exposure.started and ts < now; "unspecified" when it has no reason; null when there is none',
    ],
  }),
  ...under('page_view', 'page_view', pageView),
  ...under('click', 'click', pageView),
  ...under('cart', 'cart', {
    ...ids,
    ended: ['number', 'page_view.ended of the page on which the cart block was used'],
  }),
  ...under('order', 'order', { ...ids, ts: ['number', 'order.ts'] }),
  ...under('watched', 'watched', {
    ...ids,
    started: ['number', 'exposure.started of the video'],
    ended: ['number', 'exposure.ended'],
    position: ['number', 'position of the video in the slate in which it was shown'],
    score: ['number', 'score of the cloud ranker when the video was shown'],
    watch_ms: ['number', 'play.watch_ms; null when the play was told at or after now'],
    duration_ms: ['number', 'play.duration_ms; null when the play was told at or after now'],
    ...Object.fromEntries(
      FEEDBACK_KINDS.map((kind): [string, Declared[string]] => [kind, ['number', given(kind)]]),
    ),
  }),
  ...under('ordered', 'ordered', {
    ...ids,
    position: ['number', 'position of a video of the order, in its slate'],
    score: ['number', 'score of the cloud ranker for it'],
  }),
};
