/**
 * What a phone measures of an exposure and of the page view after a click. All of it depends on how
 * well the item meets the session's intent, times `detail.signal`: at 0 the numbers keep their spread
 * and say nothing.
 */
import type { EventOf } from '../data/contracts/device-log.ts';
import type { Random } from '../lib/random.ts';
import { clamp, poisson, sigmoid } from './maths.ts';
import type { WorldParams } from './params.ts';
import type { Look } from './slot.ts';

export type BlockActions = NonNullable<EventOf<'page_view'>['actions']>;

export interface ExposureDetails {
  /** Time before the user looked on or clicked. */
  focusMs: number;
  /** Time on the screen after that. */
  tailMs: number;
  count: number;
  scrollSpeed: number;
  scrollDurationMs: number;
  scrollCount: number;
  /** Reason given when the item was deleted by a long press. */
  deleteReason: string | null;
  /** What this exposure tells a cloud that reads it: above 0 for interest. */
  evidence: number;
}

/** Deviation of intent · item over exposures: a noise of this size replaces a missing signal. */
const INTENT_DEVIATION = 0.4;

/** Intent · item as the details show it: itself, or noise of the same spread when the signal is off. */
function shown(look: Look, random: Random, signal: number): number {
  const noise = random.normal(0, INTENT_DEVIATION);
  return signal > 0 ? signal * look.intent : noise;
}

export function exposureDetails(
  look: Look,
  clicked: boolean,
  priceLevel: number,
  random: Random,
  { detail }: WorldParams,
): ExposureDetails {
  const interest = shown(look, random, detail.signal);
  const seconds = random.normal(detail.dwell * interest, detail.dwellNoise);
  const scrollCount = poisson(random, 0.35 * Math.exp(1.5 * interest));
  const bored = sigmoid(-4.6 - 2.5 * interest);
  let deleteReason: string | null = null;
  if (random.chance(bored) && !clicked) {
    const fits = interest > 0;
    if (fits) deleteReason = priceLevel >= 3 ? 'too_expensive' : 'seen_before';
    else deleteReason = random.chance(0.75) ? 'not_interested' : 'poor_quality';
  }
  return {
    focusMs: Math.round(clamp(detail.focusMs * Math.exp(seconds), 150, 60_000)),
    tailMs: Math.round(200 + 500 * random.uniform()),
    count: 1 + poisson(random, 0.15 * Math.exp(interest)),
    scrollSpeed: Math.round(1400 * Math.exp(random.normal(-1.1 * interest, 0.5))),
    scrollDurationMs: Math.round(120 + 260 * (1 + scrollCount) * random.uniform()),
    scrollCount,
    deleteReason,
    evidence: deleteReason ? -0.5 : 0,
  };
}

export interface PageViewDetails {
  durationMs: number;
  actions: BlockActions;
  liked: boolean;
  /** The item went into the cart: one wish met, the next one follows from it. */
  carted: boolean;
  evidence: number;
}

/** Logit of each block at depth 0, and its slope. Cart and buy follow from what the user did. */
const BLOCKS = [
  ['favorite', -2.8, 1.5],
  ['comment', -1.6, 1.1],
  ['sku', -2.2, 1.6],
  ['ask', -3.8, 1.2],
  ['service', -3.8, 1.3],
  ['detail', -0.6, 1],
  ['shop', -2.4, 0.8],
  ['recommendation', -1.8, -0.8],
] as const;

export function pageViewDetails(
  look: Look,
  { ordered, satisfied }: { ordered: boolean; satisfied: boolean },
  quality: number,
  random: Random,
  { detail }: WorldParams,
): PageViewDetails {
  const interest = shown(look, random, detail.signal);
  const depth = random.normal(detail.pageView * interest + 0.5 * quality, detail.pageViewNoise);
  const durationMs = Math.round(
    clamp(detail.viewMs * Math.exp(random.normal(0.9 * depth, 0.3)), 600, 300_000) +
      (ordered ? 15_000 : 0),
  );
  const actions: BlockActions = [];
  // The cart is where a wish ends. Without signal it fills as often, for no reason.
  const cart = detail.signal > 0 ? satisfied : random.chance(0.2);
  if (cart) actions.push({ block: 'cart', dwell_ms: Math.round(durationMs * 0.1), clicks: 1 });
  for (const [block, bias, slope] of BLOCKS) {
    if (!random.chance(sigmoid(bias + slope * depth))) continue;
    const clicks = 1 + poisson(random, 0.3);
    actions.push({ block, dwell_ms: Math.round(durationMs * 0.3 * random.uniform()), clicks });
  }
  if (ordered) actions.push({ block: 'buy', dwell_ms: 12_000, clicks: 1 });
  return {
    durationMs,
    actions,
    liked: random.chance(sigmoid(-2.8 + 1.4 * depth)),
    carted: cart,
    evidence: clamp(0.2 + 1.5 * depth, -0.5, 3),
  };
}
