/**
 * What the report and the card are made of: the files that the stages wrote, each optional. A part
 * that is absent shows the reason for which its stage was skipped.
 */
import { z } from 'zod';
import { manifestSchema } from '../bundle/manifest.ts';
import { parityReportSchema } from '../parity/check.ts';

/** NaN is null in JSON. */
const number = z.number().nullable();

const estimate = z.looseObject({ value: number, low: number, high: number });
export type EstimateLike = z.infer<typeof estimate>;

const counts = z.record(z.string(), z.number());

/** `account.json` of ingest. */
const account = z.looseObject({
  rowsIn: z.number(),
  stored: z.number(),
  rejected: z.number(),
  duplicates: z.number(),
  byType: z.record(z.string(), z.unknown()).optional(),
  byDate: z.record(z.string(), z.unknown()).optional(),
  rejectsByReason: counts.optional(),
});

/** `summary.json` of stitch. */
const samples = z.looseObject({
  slates: z.number().optional(),
  exposures: z.number().optional(),
  clicks: z.number().optional(),
  decisions: z.number().optional(),
  randomisedDecisions: z.number().optional(),
  usersCapped: z.number().optional(),
  eventsCapped: z.number().optional(),
  dates: z.array(z.string()).optional(),
  notes: z.array(z.string()).optional(),
});

/** `quality.json` of check-data, as far as it is shown. */
const quality = z.looseObject({
  day: z.string(),
  reference: z.array(z.string()),
  checks: z.array(
    z.looseObject({
      check: z.string(),
      table: z.string(),
      column: z.string().nullable(),
      severity: z.enum(['warn', 'stop']),
      passed: z.boolean(),
      value: number,
      bound: number,
      message: z.string(),
      unjudged: z.string().optional(),
      numbers: z.record(z.string(), number).optional(),
    }),
  ),
  volumes: z.array(z.object({ date: z.string(), byType: counts, users: z.number() })),
});
export type Quality = z.infer<typeof quality>;

/** `history.json` of a training. */
const history = z.array(
  z.looseObject({
    epoch: z.number(),
    loss: number,
    valid: z.record(z.string(), number),
    best: z.boolean().optional(),
  }),
);
export type History = z.infer<typeof history>;

const metricReport = z.record(z.string(), estimate);

const evaluation = z.looseObject({
  rows: z.number(),
  users: z.number(),
  positives: z.number().optional(),
  slates: z
    .looseObject({ count: z.number(), rankedShare: number, rankedRowShare: number })
    .optional(),
  models: z.record(z.string(), metricReport),
  differences: z.record(z.string(), metricReport).default({}),
});
export type Evaluation = z.infer<typeof evaluation>;

const calibrationBin = z.looseObject({ predicted: number, observed: number, rows: z.number() });

/** `metrics.json` of the reranker: all rows, and within each scene that has enough of them. */
const rerankerMetrics = evaluation.extend({
  testDate: z.string().optional(),
  byScene: z.record(z.string(), evaluation).optional(),
  calibration: z.record(z.string(), z.array(calibrationBin)).optional(),
});

/** `metrics.json` of uplift. */
const upliftMetrics = z.looseObject({
  rows: z.number(),
  label: z.string().optional(),
  testDate: z.string().optional(),
  ate: estimate.optional(),
  scores: z.record(z.string(), z.looseObject({ qini: estimate })),
  differences: z.record(z.string(), estimate).default({}),
  curve: z.array(z.tuple([z.number(), z.number()])).optional(),
  /** The evaluation's own threshold, of the trained model: not the one that ships. */
  budget: z.looseObject({ asked: z.number(), used: z.number() }).optional(),
});

/** `rule` of `uplift/config.json`: what the phone asks by. */
const upliftRule = z.looseObject({
  threshold: z.number(),
  budget: z.number(),
  used: z.number(),
  rows: z.number(),
});

/** `metrics.json` of MetaFusion: gains in GAUC over the meta model, per cohort. */
const metafusionMetrics = z.looseObject({
  testDate: z.string().optional(),
  cohorts: z.array(
    z.looseObject({
      name: z.string(),
      low: number.optional(),
      high: number.optional(),
      users: z.number().optional(),
      fineTune: estimate.nullable(),
      fused: estimate.nullable(),
    }),
  ),
});

const shapes = z.record(z.string(), z.object({ dtype: z.string(), shape: z.array(z.int()) }));

export const reportInputSchema = z.object({
  /** Day of the run. */
  date: z.iso.date(),
  /** The manifest before card and report. */
  manifest: manifestSchema,
  account: account.optional(),
  samples: samples.optional(),
  quality: quality.optional(),
  /** By name of the training, as it shall be called: `reranker`, `dnn`, `uplift`. */
  trainings: z.record(z.string(), history).default({}),
  reranker: rerankerMetrics.optional(),
  uplift: upliftMetrics.optional(),
  upliftRule: upliftRule.optional(),
  metafusion: metafusionMetrics.optional(),
  /** Per model and entry point, as `config.json` of the export states them. */
  entries: z
    .record(z.string(), z.record(z.string(), z.object({ inputs: shapes, outputs: shapes })))
    .default({}),
  /** Per model. */
  parity: z.record(z.string(), parityReportSchema).default({}),
});

export type ReportInput = z.infer<typeof reportInputSchema>;

/** Rows of a `byDate` or `byType` table, whose values may be counts or balances. */
export function storedBy(table: Record<string, unknown> | undefined): [string, number][] {
  return Object.entries(table ?? {}).flatMap(([key, value]): [string, number][] => {
    if (typeof value === 'number') return [[key, value]];
    const stored = z.looseObject({ stored: z.number() }).safeParse(value);
    return stored.success ? [[key, stored.data.stored]] : [];
  });
}

/** Why the stages whose name begins like this were skipped. */
export function skipReason(input: ReportInput, prefix: string): string | undefined {
  return input.manifest.skipped.find(({ stage }) => stage.includes(prefix))?.reason;
}
