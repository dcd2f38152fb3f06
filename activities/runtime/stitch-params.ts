/** Parameters of all stages that stitch. */
import { z } from 'zod';

const count = z.int().min(1).max(1000);

export const stitchParams = z.strictObject({
  exposuresK: count.default(32).describe('exposures before a slate decision, at most'),
  pageViewsK: count.default(16).describe('page views before a slate decision, at most'),
  candidatesN: count.default(50).describe('candidates in one sample; longer slates are cut'),
  labelWindowMs: z
    .int()
    .min(1)
    .default(86_400_000)
    .describe('what an exposure leads to counts for this long after its start, ms'),
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
