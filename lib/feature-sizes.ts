/** Lengths in `features.json` that the shapes of models follow from: one declaration for who writes and who trains. */
import { z } from 'zod';

const size = z.int().min(1);
/** A table that holds at least one bucket besides the one for null. */
const buckets = z.int().min(2);

export const featureSizes = z
  .strictObject({
    candidates: size,
    exposures: size,
    pageViews: size,
    since: size,
    sessionClicks: size,
    unexposed: size,
    exposureAction: size,
    pageViewAction: size,
    exposureDecay: buckets,
    pageViewDecay: buckets,
    dense: size,
    context: size,
    decisionContext: size,
  })
  .describe('lengths of lists and vectors: what shapes of the model follow from');
