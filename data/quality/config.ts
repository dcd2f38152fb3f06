/** Settings of the checks: section `quality` of a settings file. */
import { z } from 'zod';

const limit = z.union([z.number(), z.tuple([z.number(), z.number()])]);

const override = z.strictObject({
  off: z
    .string()
    .min(10)
    .optional()
    .describe('why the check is not wanted; the reason stands in the report'),
  severity: z
    .enum(['warn', 'stop'])
    .optional()
    .describe('warn: never ends the day; stop: whatever fails ends it'),
  warn: limit.nullable().optional().describe('limit above which a warning is given; null: none'),
  stop: limit.nullable().optional().describe('limit above which the day ends; null: none'),
});
export type Override = z.infer<typeof override>;

export const qualityConfig = z.strictObject({
  referenceDays: z
    .int()
    .min(1)
    .max(60)
    .default(7)
    .describe('days before the day that drift, label shift and volumes are measured against'),
  bins: z.int().min(2).max(50).default(10).describe('bins of a numeric column, equally full'),
  minRows: z
    .int()
    .min(1)
    .default(200)
    .describe('rows that a side must have for rates, drift and ratios to be judged'),
  chance: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.001)
    .describe('how often chance alone may pass a limit; few rows widen limits accordingly'),
  sampleRatioP: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.001)
    .describe('arms whose counts are less likely than this end the day'),
  arms: z
    .record(z.string(), z.record(z.string(), z.number().positive()))
    .default({})
    .describe('shares of arms by event type, for logs without propensity'),
  examples: z.int().min(1).max(50).default(5).describe('offending rows that a message names'),
  checks: z
    .record(z.string(), override)
    .default({})
    .describe('overrides by name of the check; * stands for any part of a name'),
});
export type QualityConfig = z.infer<typeof qualityConfig>;
