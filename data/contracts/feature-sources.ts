/**
 * The raw values that features are declared over, in terms of the device log. A null anywhere in a
 * description makes the value null unless told otherwise.
 */
import type { Axis, Source, SourceType } from '../../device/features/spec.ts';
import { PAGE_BLOCKS } from './device-log.ts';

type Declared = Record<string, [type: SourceType, what: string]>;

const under = (family: string, axis: Axis | null, sources: Declared): Record<string, Source> =>
  Object.fromEntries(
    Object.entries(sources).map(([name, [type, what]]) => [
      `${family}.${name}`,
      { type, axis, what },
    ]),
  );

const CATEGORY = 'category of the item, by the version of the item table that is valid at now';
const KNOWN =
  '1 for a behaviour of the log; 0 for one of the undated history, of which only the item is known';
const block = (first: boolean): string =>
  first
    ? 'sum of clicks over page_view.actions of this block; 0 when actions are known but hold no such block; a block entry with null clicks was used at least once and counts 1; null when actions is null, or when no page view of the log names the block'
    : `as ${PAGE_BLOCKS[0]}`;

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
  }),
  ...under('candidate', 'candidate', {
    score: ['number', 'score of the cloud ranker for the candidate'],
    position: ['number', 'position of the candidate in the slate that the decision found'],
    duration_ms: ['number', 'duration_ms of the item, by the version that is valid at now'],
    price_level: ['number', 'price_level of the item, by the version that is valid at now'],
  }),
  ...under('exposure', 'exposure', {
    known: ['number', KNOWN],
    started: ['number', 'exposure.started'],
    ended: ['number', 'exposure.ended; null in the undated history'],
    position: ['number', 'exposure.position'],
    score: ['number', 'score of the cloud ranker when the item was shown'],
    category: ['id', CATEGORY],
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
  ...under('page_view', 'page_view', {
    known: ['number', KNOWN],
    ended: ['number', 'page_view.ended; null in the undated history'],
    category: ['id', CATEGORY],
    duration_ms: ['number', 'page_view.ended − page_view.started'],
    source: ['text', 'page_view.source'],
    ...Object.fromEntries(
      PAGE_BLOCKS.map((name, i): [string, Declared[string]] => [name, ['number', block(i === 0)]]),
    ),
    bought: [
      'number',
      '1 when an order of the same user and item has page_view.started ≤ ts < now, else 0; null when the log has no orders',
    ],
  }),
};
