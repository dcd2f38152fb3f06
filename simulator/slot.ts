/** A slot of the feed: the scenes it may be in, what the world knows of it, and what follows. */

export const SCENES = ['home', 'search-feed'] as const;
export type SceneName = (typeof SCENES)[number];

/** How the scenes differ: in a search feed one knows better what one wants. */
export const HOME = { bias: 0, intent: 1, order: 0, attention: 1 } as const;

export type Trigger = 'open' | 'page' | 'refresh' | 'insert';

/** What follows an exposure: the next slot, another page (pulled or scrolled to), or the end. */
export type Outcome = 'continue' | 'refresh' | 'page' | 'end';

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
};
