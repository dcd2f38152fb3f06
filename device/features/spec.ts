/**
 * `features.json`, version 2: how raw events, items and moments become the inputs of the models.
 *
 * A feature is an expression over raw sources. Every expression has a kind (number, text, id or
 * category) and axes: none (the moment), `candidate`, one axis of behaviours, or `candidate` and one
 * axis of behaviours. Values lie in row-major order, candidates first.
 *
 * Numbers are IEEE float64 and each operation rounds once, in the order written here. **A number that
 * is not finite (NaN, an infinity, an overflow) is null, whether it came raw or out of an operator;
 * −0 is 0.** `a ? b : c` below is by the truth of a.
 *
 *   source       the raw value, null when the event, item or moment does not have it
 *   log1p        ln(1 + max(x, 0)) by fdlibm's s_log1p; null → null                 (logarithm.ts)
 *   logit        q = min(1 − 1e-6, max(1e-6, x)); ln(q / (1 − q)) by fdlibm's e_log; null → null
 *   clip         min(high, max(low, x)); null → null
 *   known        x is null ? 0 : 1
 *   standardise  y = (x − mean) / std; x null or y not finite → missing
 *   difference   of − minus; one of them null → null
 *   ratio        of / (by + smoothing); one of them null, or no finite quotient → null
 *   relative     x − m over the candidates of a slate: m = (sum of the known x from the first candidate
 *                on, one after another) / (number of known x); x null → null
 *   bucketise    number of boundaries ≤ x: 0 … n, so a value on a boundary belongs above it;
 *                null → n + 1                                                       size n + 2
 *   decay        bucketise(now − ended): at the moment of attention, so it changes while the state of
 *                the encoder does not; an end after now has the first bucket           size n + 2
 *   one_hot      place of the text in `values` from 0; another text → n; null → n + 1  size n + 2
 *   id           place in the table + 1; another text or null → 0                     size n + 1
 *   hash         place in `values` from 0; another text → n + fnv1a32(text) mod buckets;
 *                null → n + buckets                                     size n + buckets + 1
 *   cross        left · size(right) + right                                  size |left| · |right|
 *
 * Texts are equal when their UTF-8 bytes are; nothing is folded or normalised. fnv1a32 is FNV-1a over
 * the UTF-8 bytes: h = 2166136261, then for each byte h = ((h xor byte) · 16777619) mod 2³².
 * Operators with two operands pair values along common axes and combine every value along the others:
 * candidate and behaviour operands give [candidates, behaviours]. An empty list gives an empty list.
 *
 * A category is an int32. A number that feeds a model must be known always (its outermost operators
 * are `standardise`, `known` or `clip` of such); it is stored as float32, rounded to nearest even after
 * a magnitude above 3.4028234663852886e38 was cut to that.
 */

/**
 * What a list of raw values runs over; a source of the moment has none.
 *
 *   candidate  the items to choose from; when a video is chosen, those that the phone still holds
 *   exposure   items that were on the screen: before a slate, or since the last request
 *   page_view  pages that were opened: before a slate, or in the session of a request decision
 *   click      pages that were opened on the device in whatever session, before a request decision
 *   cart       items put into the cart        order    items bought
 *   watched    videos that were played        ordered  videos of the order that the phone has at a swipe
 */
export const AXES = [
  'candidate',
  'exposure',
  'page_view',
  'click',
  'cart',
  'order',
  'watched',
  'ordered',
] as const;
export type Axis = (typeof AXES)[number];

/** The moments at which a phone computes features, and training has samples: a slate, a request decision, a swipe. */
export const SAMPLE_KINDS = ['rerank', 'decision', 'video'] as const;
export type SampleKind = (typeof SAMPLE_KINDS)[number];

/** Raw values: number; text, one of few; id, which names an item, category, brand or creator. */
export type SourceType = 'number' | 'text' | 'id';

export interface Source {
  type: SourceType;
  axis: Axis | null;
  /** In terms of the device log. */
  what: string;
}

export type Expression =
  | { op: 'source'; name: string }
  | { op: 'log1p'; of: Expression }
  | { op: 'logit'; of: Expression }
  | { op: 'known'; of: Expression }
  | { op: 'relative'; of: Expression }
  | { op: 'clip'; of: Expression; low: number; high: number }
  | { op: 'standardise'; of: Expression; mean: number; std: number; missing: number }
  | { op: 'difference'; of: Expression; minus: Expression }
  | { op: 'ratio'; of: Expression; by: Expression; smoothing: number }
  | { op: 'bucketise'; of: Expression; boundaries: number[] }
  | { op: 'decay'; ended: Expression; boundaries: number[] }
  | { op: 'one_hot'; of: Expression; values: string[] }
  | { op: 'id'; of: Expression; table: string }
  | { op: 'hash'; of: Expression; values: string[]; buckets: number }
  | { op: 'cross'; left: Expression; right: Expression };

export type Operator = Expression['op'];

/** A feature by itself: its index, or its number. */
export interface Feature {
  name: string;
  expression: Expression;
}

/** A feature of its own, computed at the moments that have all of its sources. */
export interface DeclaredFeature extends Feature {
  samples: SampleKind[];
}

/** A category among others in one multi-hot vector: index = offset + category. */
export interface GroupFeature extends Feature {
  offset: number;
  /** Size of the category. */
  size: number;
}

/** A category with a one-hot vector of its own. */
export interface SizedExpression {
  expression: Expression;
  size: number;
}

/** Behaviours that the models encode. */
export type Behaviour = Extract<Axis, 'exposure' | 'page_view'>;

export interface FeatureSpec {
  version: 2;
  statistics: {
    version: number;
    config: Record<string, number>;
    vocabulary: string;
    sha256: string;
  };
  trainDates: string[];
  utcOffsetMinutes: number;
  items: {
    fields: { name: 'item' | 'category' | 'brand' | 'creator'; size: number }[];
    minCount: number;
  };
  /** Texts of the id tables that expressions look up, by row − 1. */
  tables: Record<string, string[]>;
  sources: Record<string, Source>;
  actions: Record<Behaviour, GroupFeature[]>;
  decay: Record<Behaviour, SizedExpression>;
  dense: Feature[];
  context: GroupFeature[];
  decisionContext: GroupFeature[];
  declared: DeclaredFeature[];
  /** By moment, the longest list along each axis. */
  lists: Record<SampleKind, Partial<Record<Axis, number>>>;
  sizes: {
    candidates: number;
    exposures: number;
    pageViews: number;
    since: number;
    sessionClicks: number;
    unexposed: number;
    exposureAction: number;
    pageViewAction: number;
    exposureDecay: number;
    pageViewDecay: number;
    dense: number;
    context: number;
    decisionContext: number;
  };
  scenes: string[];
  absent: { name: string; why: string }[];
}
