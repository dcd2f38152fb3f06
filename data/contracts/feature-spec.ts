/**
 * FeatureSpec, version 1: how raw events, items and moments become the model's inputs.
 *
 * Fitted on training dates, written as `features.json` beside the tensors and shipped in the
 * bundle. Training and phones interpret the same file; the rules of interpretation are
 *
 *   bucket   index = number of boundaries ≤ value (0 … boundaries.length); null → boundaries.length + 1
 *   onehot   index = place in `values`; another value → values.length; null → values.length + 1
 *   a feature's index in the multi-hot vector of its group = offset + index, vector length = the group's size
 *   dense    y = (transform(x) − [mean of transform(x) over the slate's candidates where known]) − mean) / std,
 *            computed in float64 and stored as float32; null → `missing`
 *
 * An action vector of a behaviour whose actions are unknown (seed history) is all zeros.
 */
import { z } from 'zod';

const offset = z
  .int()
  .min(0)
  .describe('index of the first bucket in the multi-hot vector of the group');
const size = z
  .int()
  .min(1)
  .describe('number of buckets, the ones for other values and for null included');

export const bucketFeature = z.strictObject({
  name: z.string().min(1),
  kind: z.literal('bucket'),
  source: z.string().min(1).describe('the raw quantity, see SOURCES'),
  boundaries: z
    .array(z.number())
    .describe('strictly ascending; may be empty: then only known and null differ'),
  offset,
  size,
});

export const onehotFeature = z.strictObject({
  name: z.string().min(1),
  kind: z.literal('onehot'),
  source: z.string().min(1).describe('the raw quantity, see SOURCES'),
  values: z.array(z.string()).describe('known values, sorted'),
  offset,
  size,
});

/** One feature of a multi-hot group. */
export const categoricalFeature = z.discriminatedUnion('kind', [bucketFeature, onehotFeature]);
export type CategoricalFeature = z.infer<typeof categoricalFeature>;

export const decayFeature = z.strictObject({
  boundariesMs: z
    .array(z.number())
    .describe('of (moment of the decision − end of the behaviour), device clock, milliseconds'),
  size: z.int().min(2).describe('boundariesMs.length + 2: buckets, then null'),
});
export type DecayFeature = z.infer<typeof decayFeature>;

export const denseFeature = z.strictObject({
  name: z.string().min(1),
  source: z
    .enum(['score', 'duration_ms', 'price_level'])
    .describe('score: of the cloud ranker for the candidate; others: attributes of the item'),
  transform: z
    .enum(['identity', 'log1p', 'logit', 'known'])
    .describe(
      'logit: ln(p / (1 − p)) with p clipped to [1e-6, 1 − 1e-6]; known: 1 when not null, else 0',
    ),
  relative: z
    .boolean()
    .describe(
      "whether the mean of the transformed value over the slate's candidates is subtracted first",
    ),
  mean: z.number(),
  std: z.number().positive(),
  missing: z.number().describe('the value after standardisation where the source is null'),
});
export type DenseFeature = z.infer<typeof denseFeature>;

const group = z.array(categoricalFeature);

/**
 * What each `source` of a categorical feature is, in terms of the device log. A null anywhere in
 * the expression makes the quantity null unless told otherwise.
 */
export const SOURCES = {
  exposure: {
    duration_ms: 'exposure.ended − exposure.started',
    count: 'exposure.count',
    scroll_speed: 'exposure.scroll_speed',
    scroll_duration_ms: 'exposure.scroll_duration_ms',
    scroll_count: 'exposure.scroll_count',
    delete_reason:
      'reason of the first feedback delete or hate of the same user, request and item with ts ≥ exposure.started and ts < now; "unspecified" when it has no reason; null when there is none',
  },
  page_view: {
    duration_ms: 'page_view.ended − page_view.started',
    source: 'page_view.source',
    cart: 'sum of clicks over page_view.actions of this block; 0 when actions are known but hold no such block; a block entry with null clicks was used at least once and counts 1; null when actions is null, or when no page view of the log names the block',
    buy: 'as cart',
    favorite: 'as cart',
    comment: 'as cart',
    sku: 'as cart',
    ask: 'as cart',
    service: 'as cart',
    detail: 'as cart',
    shop: 'as cart',
    recommendation: 'as cart',
    bought:
      '1 when an order of the same user and item has page_view.started ≤ ts < now, else 0; null when the log has no orders',
  },
  context: {
    hour: 'hour of the day of now, in utcOffsetMinutes',
    session_exposures: 'exposures of this session ended before now; null without a session id',
    session_clicks: 'page views of this session ended before now; null without a session id',
    scene: 'request.scene',
    page_no: 'request.page_no',
    trigger: 'trigger of the request or rerank',
    depth: 'decision.depth',
    unexposed_count: 'length of decision.unexposed',
  },
} as const;

export const featureSpec = z.strictObject({
  version: z.literal(1),
  inputs: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe(
      'SHA-256 of the fitted statistics, dates and configuration: equal specs have equal inputs',
    ),
  trainDates: z
    .array(z.iso.date())
    .min(1)
    .describe('every statistic was fitted on these dates only'),
  utcOffsetMinutes: z
    .int()
    .describe('minutes east of UTC of the business day; `hour` is in this offset'),
  items: z
    .strictObject({
      fields: z
        .array(z.strictObject({ name: z.enum(['item', 'category', 'brand', 'creator']), size }))
        .describe(
          'id tables of an item, in the order of the embedding row; size counts row 0 = unknown',
        ),
      minCount: z
        .int()
        .min(1)
        .describe('appearances in training dates that give an item a row of its own'),
    })
    .describe('item ids and attributes as rows of embedding tables'),
  actions: z
    .strictObject({ exposure: group, page_view: group })
    .describe('what the user did with an item, one multi-hot group per kind of behaviour'),
  decay: z
    .strictObject({ exposure: decayFeature, page_view: decayFeature })
    .describe('time since a behaviour ended; enters at the attention, never in the encoder state'),
  dense: z
    .array(denseFeature)
    .describe('per candidate, in the order of the last axis of cand_dense'),
  context: group.describe('the moment of a rerank decision'),
  decisionContext: group.describe('the moment of a request decision (uplift)'),
  sizes: z
    .strictObject({
      candidates: z.int().min(1),
      exposures: z.int().min(1),
      pageViews: z.int().min(1),
      since: z.int().min(1),
      sessionClicks: z.int().min(1),
      unexposed: z.int().min(1),
      exposureAction: z.int().min(1),
      pageViewAction: z.int().min(1),
      exposureDecay: z.int().min(2),
      pageViewDecay: z.int().min(2),
      dense: z.int().min(1),
      context: z.int().min(1),
      decisionContext: z.int().min(1),
    })
    .describe('lengths of lists and vectors: what shapes of the model follow from'),
  sources: z
    .record(z.string(), z.record(z.string(), z.string()))
    .describe('by family, what each source is in terms of the device log'),
  scenes: z.array(z.string()).describe('scene names by scene index − 1; index 0 = unknown scene'),
  absent: z
    .array(z.strictObject({ name: z.string(), why: z.string() }))
    .describe('features of the design that this source does not have, and why'),
});
export type FeatureSpec = z.infer<typeof featureSpec>;
