/** A slot of the feed: the scenes it may be in, what the world knows of it, and what follows. */

import type { Random } from '../lib/random.ts';
import type { WorldParams } from './params.ts';

export const SCENES = ['home', 'search-feed'] as const;
export type SceneName = (typeof SCENES)[number];

/** How the scenes differ: in a search feed one knows better what one wants. */
export const HOME = { bias: 0, intent: 1, order: 0, attention: 1 } as const;

export type Trigger = 'open' | 'page' | 'refresh' | 'insert';

/** What follows an exposure: the next slot, another page (pulled or scrolled to), or the end. */
export type Outcome = 'continue' | 'refresh' | 'page' | 'end';

/**
 * What follows a slot.
 * @param leaves probability of leaving the page
 * @param unseen items of the page after this one
 */
export function whatFollows(
  random: Random,
  leaves: number,
  unseen: number,
  { another, nextPage }: WorldParams['session'],
): Outcome {
  if (random.chance(leaves)) return random.chance(another) ? 'refresh' : 'end';
  if (unseen > 0) return 'continue';
  return random.chance(nextPage) ? 'page' : 'end';
}

/** The slot about to be seen, with the probabilities that the world, and nobody else, knows. */
export interface Look {
  item: number;
  /** Index in the page. */
  position: number;
  /** Slots seen since the top of the feed. */
  depth: number;
  attention: number;
  /** Session intent · item, -1 … 1. */
  intent: number;
  /** Click logit without the slate's part. */
  utility: number;
  /** The slate's part of the click logit. */
  slate: number;
  clickProbability: number;
  /** Probability of an order, given the click. */
  orderProbability: number;
  /** Probability that a click meets the wish, so that the user turns to another. */
  satisfiedProbability: number;
  /** Probability of leaving the page after it, but for a click and the user's haste. */
  exit: number;
}

/** Filled in by `Session.look`. */
export const UNSEEN: Look = {
  item: -1,
  position: 0,
  depth: 0,
  attention: 0,
  intent: 0,
  utility: 0,
  slate: 0,
  clickProbability: 0,
  satisfiedProbability: 0,
  orderProbability: 0,
  exit: 0,
};
