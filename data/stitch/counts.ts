/** The account of stitching, summed over buckets. */

export interface StitchCounts {
  /** Slate decisions: requests and reranks. */
  slates: number;
  reranks: number;
  /** Rows of rerank/: slates, longer ones in parts. */
  samples: number;
  /** Candidates that the events list. */
  candidates: number;
  /** Of these, left out because the item stood earlier in the same list. */
  candidatesRepeated: number;
  /** Of these, left out because they stood past the first part and nothing in their part was exposed. */
  candidatesCut: number;
  exposures: number;
  /** Without an end: never a feature, still a label. */
  exposuresUnfinished: number;
  /** Without a slate decision of their request at or before their start: never a label. */
  exposuresUnattributed: number;
  /** Attributed exposures that were told after the exposure window of their slate: never a label. */
  exposuresLate: number;
  /** The other attributed exposures, an item shown twice by one slate counted once. */
  exposuresDistinct: number;
  /** Of these, the ones whose item is a candidate of the slate: what labels hold. */
  exposuresLabelled: number;
  /** Exposures followed by a page view. */
  clicks: number;
  clicksLabelled: number;
  /** Users with more events than are stitched, and the oldest events of theirs, which were left out. */
  usersCapped: number;
  eventsCapped: number;
  /** Attributed exposures with a play of their own: rows of video/. */
  swipes: number;
  maturedSwipes: number;
  decisions: number;
  /** With an arm and a propensity strictly between 0 and 1. */
  randomisedDecisions: number;
  maturedDecisions: number;
}

export const emptyCounts = (): StitchCounts => ({
  slates: 0,
  reranks: 0,
  samples: 0,
  candidates: 0,
  candidatesRepeated: 0,
  candidatesCut: 0,
  exposures: 0,
  exposuresUnfinished: 0,
  exposuresUnattributed: 0,
  exposuresLate: 0,
  exposuresDistinct: 0,
  exposuresLabelled: 0,
  clicks: 0,
  clicksLabelled: 0,
  usersCapped: 0,
  eventsCapped: 0,
  swipes: 0,
  maturedSwipes: 0,
  decisions: 0,
  randomisedDecisions: 0,
  maturedDecisions: 0,
});

/** Adds `more` to `counts` in place. */
export function addCounts(counts: StitchCounts, more: StitchCounts): void {
  for (const key of Object.keys(counts) as (keyof StitchCounts)[]) counts[key] += more[key];
}
