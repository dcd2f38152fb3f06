/** Parameters of all stages that stitch. */
import { z } from 'zod';

const count = z.int().min(1).max(1000);
/** At most ten years. */
const windowMs = (least: number) =>
  z
    .int()
    .min(least)
    .max(10 * 366 * 86_400_000);

export const stitchParams = z.strictObject({
  exposuresK: count.default(32).describe('exposures before a slate decision, at most'),
  pageViewsK: count.default(16).describe('page views before a slate decision, at most'),
  candidatesN: count.default(50).describe('candidates in one sample; longer slates are cut'),
  labelWindowMs: windowMs(1)
    .default(86_400_000)
    .describe('what an exposure leads to counts when told at most so long after its start, ms'),
  exposureWindowMs: windowMs(1)
    .default(86_400_000)
    .describe('an exposure counts for its slate when told at most so long after the slate, ms'),
  decisionWindowMs: windowMs(1)
    .default(3_600_000)
    .describe('what labels of a request decision count is told at most so long after it, ms'),
  latenessMs: windowMs(0)
    .default(0)
    .describe('labels mature so much later, so that events which come late do not change them, ms'),
  maxUserEvents: z
    .int()
    .min(100)
    .default(200_000)
    .describe('of a user with more events, the latest so many count'),
  effectiveViewMs: z
    .int()
    .min(1)
    .default(7000)
    .describe('watched so long, or to the end, a view of a video is effective, ms'),
});
