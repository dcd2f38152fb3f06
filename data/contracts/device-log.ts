/**
 * Device log contract, version 1: what a phone writes and the cloud ingests.
 *
 * One JSON object a line (NDJSON), or a Parquet row with the same columns. Times are epoch
 * milliseconds; `ts` is the device's clock, `received_ts` the cloud's. A field that a source does
 * not have is null or absent: nothing is invented. Unknown fields are refused, so that a misspelt
 * one cannot be lost in silence.
 *
 * What a schema cannot say is in `check-event.ts`; the lake's column types are in `columns.ts`.
 */
import { z } from 'zod';

export const SCHEMA_VERSION = 1;

// Control characters and lone surrogates have no place in an id: they do not survive every store,
// so two ids that differ on the phone could be one in the lake.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const PLAIN_TEXT = /^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff]*$/u;
// Free text may hold line breaks and tabs, but neither NUL nor lone surrogates.
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const FREE_TEXT = /^[^\u0000\ud800-\udfff]*$/u;

export const id = z.string().min(1).max(128).regex(PLAIN_TEXT);
/** A short name, such as a scene or an arm. */
export const name = (max: number) => z.string().max(max).regex(PLAIN_TEXT);
const freeText = (max: number) => z.string().max(max).regex(FREE_TEXT);
// 2001-09-09 … 2286-11-20: seconds or microseconds given by mistake fall outside.
const epochMs = z.int().min(1_000_000_000_000).max(9_999_999_999_999);
const durationMs = z.number().min(0).max(1e12);
const probability = z.number().min(0).max(1);
const position = z.int().min(0).max(100_000);
const small = z.int().min(0).max(1_000_000);

const envelope = {
  event_id: id.describe('unique; a second event with this id is a duplicate'),
  schema_version: z.literal(SCHEMA_VERSION),
  user_id: id.describe('personal; replaced by a keyed hash at ingest'),
  device_id: id.nullish(),
  session_id: id.nullish(),
  ts: epochMs.describe('device clock'),
  received_ts: epochMs.nullish().describe('cloud clock, null when the source has none'),
  app_version: name(64).nullish(),
  model_version: name(128).nullish(),
};

// zod leaves a key `__proto__` out of a record without a word; the JSON Schema refuses it.
const scoreName = name(64)
  .min(1)
  .regex(/^(?!__proto__$)/);

export const candidate = z.strictObject({
  item_id: id,
  position: position.nullish().describe('0 is the top; null when the source has no order'),
  scores: z
    .record(scoreName, z.number())
    .nullish()
    .describe('by the cloud rankers, e.g. {"ctr": 0.03}'),
});

export const request = z.strictObject({
  ...envelope,
  type: z.literal('request').describe('a call to the cloud for a page'),
  request_id: id,
  scene: name(64).nullish().describe('tab or page of the app'),
  page_no: small.nullish(),
  trigger: z.enum(['open', 'page', 'refresh', 'insert']).nullish(),
  arm: name(64).nullish().describe('arm of a randomised experiment'),
  propensity: probability.nullish().describe('probability with which the arm was drawn'),
  candidates: z.array(candidate).min(1).max(1000),
});

export const rerank = z.strictObject({
  ...envelope,
  type: z
    .literal('rerank')
    .describe('a reordering on the phone; model_version says by which model'),
  request_id: id,
  trigger: z.enum(['click', 'delete', 'exposures', 'other']).nullish(),
  arm: name(64).nullish(),
  order_before: z.array(id).min(1).max(1000).describe('unexposed items, top first'),
  order_after: z.array(id).min(1).max(1000),
});

export const exposure = z.strictObject({
  ...envelope,
  type: z.literal('exposure').describe('an item on the screen'),
  request_id: id.nullish(),
  item_id: id,
  position: position.nullish(),
  started: epochMs,
  ended: epochMs.nullish().describe('null while unfinished or unknown'),
  count: small.nullish().describe('times the item came into view'),
  scroll_speed: z.number().min(0).max(1e9).nullish().describe('fastest, px/s'),
  scroll_duration_ms: durationMs.nullish(),
  scroll_count: small.nullish(),
});

export const PAGE_BLOCKS = [
  'cart',
  'buy',
  'favorite',
  'comment',
  'sku',
  'ask',
  'service',
  'detail',
  'shop',
  'recommendation',
] as const;

export const pageView = z.strictObject({
  ...envelope,
  type: z.literal('page_view').describe('what follows a click'),
  request_id: id.nullish(),
  item_id: id,
  source: name(64).nullish().describe('where the click came from'),
  started: epochMs,
  ended: epochMs.nullish(),
  actions: z
    .array(
      z.strictObject({
        block: z.enum(PAGE_BLOCKS),
        dwell_ms: durationMs.nullish(),
        clicks: small.nullish(),
      }),
    )
    .max(100)
    .nullish(),
});

export const play = z.strictObject({
  ...envelope,
  type: z.literal('play'),
  request_id: id.nullish(),
  item_id: id,
  watch_ms: durationMs,
  duration_ms: durationMs.nullish(),
});

export const FEEDBACK_KINDS = ['like', 'follow', 'share', 'comment', 'hate', 'delete'] as const;

export const feedback = z.strictObject({
  ...envelope,
  type: z.literal('feedback'),
  request_id: id.nullish(),
  item_id: id,
  kind: z.enum(FEEDBACK_KINDS),
  reason: freeText(256).nullish().describe('of a delete or hate'),
});

export const order = z.strictObject({
  ...envelope,
  type: z.literal('order'),
  request_id: id.nullish(),
  item_id: id,
  order_id: id.nullish(),
  quantity: z.number().min(0).max(1e6).nullish(),
  amount: z.number().min(0).max(1e12).nullish(),
});

export const clientState = z.strictObject({
  ...envelope,
  type: z.literal('client_state'),
  network_kbps: z.number().min(0).max(1e9).nullish(),
  buffered_ms: durationMs.nullish(),
});

export const decision = z.strictObject({
  ...envelope,
  type: z.literal('decision').describe('a moment at which the phone may insert a request'),
  decision_id: id,
  request_id: id.nullish().describe('the request whose page is on the screen'),
  arm: z.enum(['control', 'treatment']).nullish().describe('treatment: a request was inserted'),
  propensity: probability.nullish().describe('probability of treatment'),
  unexposed: z.array(id).max(1000).nullish().describe('candidates left on the device, top first'),
  depth: small.nullish().describe('items seen since the last request'),
});

export const modelReport = z.strictObject({
  ...envelope,
  type: z.literal('model_report'),
  model: name(64),
  entry: name(64).nullish(),
  latency_ms: durationMs.nullish(),
  score_summary: z
    .strictObject({
      count: small,
      mean: z.number(),
      min: z.number(),
      max: z.number(),
    })
    .nullish(),
  error: freeText(2000).nullish(),
});

/** Every event type, told apart by `type`. */
export const deviceEvent = z.discriminatedUnion('type', [
  request,
  rerank,
  exposure,
  pageView,
  play,
  feedback,
  order,
  clientState,
  decision,
  modelReport,
]);

export type DeviceEvent = z.infer<typeof deviceEvent>;
export type EventType = DeviceEvent['type'];
export type EventOf<T extends EventType> = Extract<DeviceEvent, { type: T }>;
export const EVENT_TYPES = deviceEvent.options.map((option) => option.shape.type.value);
