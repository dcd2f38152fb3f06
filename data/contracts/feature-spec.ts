/**
 * FeatureSpec, version 2: how raw events, items and moments become the model's inputs.
 *
 * Fitted on training dates, written as `features.json` beside the tensors and shipped in the bundle.
 * `data/features/compile` makes DuckDB expressions of it, `device/features` interprets it; the meaning
 * of every operator, null and rounding is in `device/features/spec.ts`, whose types this schema has.
 *
 * An action vector of a behaviour whose actions are unknown (seed history) is all zeros.
 */
import { z } from 'zod';
import { checkSpec } from '../../device/features/check-spec.ts';
import { AXES, type Expression, SAMPLE_KINDS } from '../../device/features/spec.ts';
import { featureSizes } from '../../lib/feature-sizes.ts';
import { expressionSchema, FITTED } from './feature-expression.ts';

const text = z.string().min(1);

export const expression = expressionSchema<Expression, typeof FITTED>(FITTED);
const of: z.ZodType<Expression> = expression;

const size = z.int().min(1);
const feature = z.strictObject({ name: text, expression: of });
const group = z.array(
  feature.extend({
    offset: z.int().min(0).describe('index of the first category in the multi-hot vector'),
    size: size.describe('number of categories, those for other values and for null included'),
  }),
);
const sized = z.strictObject({ expression: of, size: z.int().min(2) });
const samples = z.enum(SAMPLE_KINDS);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const featureSpec = z
  .strictObject({
    version: z.literal(2),
    statistics: z
      .strictObject({
        version: size.describe('of the rules of fitting'),
        config: z.record(z.string(), z.number()).describe('the knobs of fitting'),
        vocabulary: sha256.describe('SHA-256 of vocabulary.json'),
        sha256: sha256.describe(
          'of all else in this file as canonical JSON: equal statistics have equal hashes',
        ),
      })
      .describe('what was fitted, told apart'),
    trainDates: z
      .array(z.iso.date())
      .min(1)
      .describe('every statistic was fitted on these dates only'),
    utcOffsetMinutes: z
      .int()
      .describe('minutes east of UTC of the business day; `hour` is in this offset'),
    items: z
      .strictObject({
        fields: z
          .array(z.strictObject({ name: z.enum(['item', 'category', 'brand', 'creator']), size }))
          .describe(
            'id tables of an item, in the order of the embedding row; size counts row 0 = unknown',
          ),
        minCount: z
          .int()
          .min(1)
          .describe('appearances in training dates that give an item a row of its own'),
      })
      .describe('item ids and attributes as rows of embedding tables'),
    tables: z
      .record(z.string(), z.array(z.string()))
      .describe('texts of the id tables that expressions look up, by row − 1'),
    sources: z
      .record(
        z.string(),
        z.strictObject({
          type: z.enum(['number', 'text', 'id']),
          axis: z.enum(AXES).nullable(),
          what: z.string().describe('in terms of the device log'),
        }),
      )
      .describe('the raw values that the expressions name'),
    actions: z
      .strictObject({ exposure: group, page_view: group })
      .describe('what the user did with an item, one multi-hot vector per kind of behaviour'),
    decay: z
      .strictObject({ exposure: sized, page_view: sized })
      .describe(
        'time since a behaviour ended; enters at the attention, never in the encoder state',
      ),
    dense: z.array(feature).describe('per candidate, in the order of the last axis of cand_dense'),
    context: group.describe('the moment of a rerank decision'),
    decisionContext: group.describe('the moment of a request decision (uplift)'),
    declared: z
      .array(
        feature.extend({
          samples: z.array(samples).min(1).describe('moments that have all of its sources'),
        }),
      )
      .describe(
        'fitted and interpreted as the others; a model reads one only when a group above has it too',
      ),
    lists: z
      .record(samples, z.partialRecord(z.enum(AXES), size))
      .describe('by moment, the longest list along each axis'),
    sizes: featureSizes,
    scenes: z.array(z.string()).describe('scene names by scene index − 1; index 0 = unknown scene'),
    absent: z
      .array(z.strictObject({ name: z.string(), why: z.string() }))
      .describe('features of the design that this source does not have, and why'),
  })
  .superRefine((spec, context) => {
    try {
      checkSpec(spec);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  });
