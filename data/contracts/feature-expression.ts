/**
 * The operators as JSON, once for `features.json` and once for declarations, where statistics may be left
 * to the training days. What each means is in `device/features/spec.ts`.
 */
import { z } from 'zod';
import { OPERATORS } from '../../device/features/check-expression.ts';
import type { Expression } from '../../device/features/spec.ts';

const text = z.string().min(1);
const finite = z.number();
const op = <O extends Expression['op']>(name: O) => z.literal(name);

/** What fitting finds. */
interface Statistics {
  boundaries: z.ZodType;
  values: z.ZodType;
  mean: z.ZodType;
  std: z.ZodType;
}

/** All statistics are there. */
export const FITTED = {
  boundaries: z
    .array(finite)
    .describe('strictly ascending; a value on one belongs above it; may be empty'),
  values: z.array(z.string()),
  mean: finite,
  std: z.number().positive(),
};

/** One operator with its operands, nested as deep as a feature needs. */
export function expressionSchema<E, S extends Statistics>(statistics: S) {
  const { boundaries, values, mean, std } = statistics as S;
  const of: z.ZodType<E> = z.lazy(() => expression as unknown as z.ZodType<E>);
  const operators = [
    z.strictObject({ op: op('source'), name: text }).describe('a raw value, see `sources`'),
    z.strictObject({ op: op('log1p'), of }).describe('ln(1 + x), negative x as 0'),
    z.strictObject({ op: op('logit'), of }).describe('ln(p / (1 − p)), p within [1e-6, 1 − 1e-6]'),
    z.strictObject({ op: op('known'), of }).describe('1, or 0 for null'),
    z
      .strictObject({ op: op('relative'), of })
      .describe('minus the mean over the slate’s candidates'),
    z
      .strictObject({ op: op('clip'), of, low: finite, high: finite })
      .describe('within [low, high]'),
    z
      .strictObject({
        op: op('standardise'),
        of,
        mean: mean as S['mean'],
        std: std as S['std'],
        missing: finite.describe('the result where the operand is null'),
      })
      .describe('(x − mean) / std'),
    z
      .strictObject({ op: op('difference'), of, minus: of })
      .describe('such as candidate minus watched: of score, impression time, impression position'),
    z
      .strictObject({ op: op('ratio'), of, by: of, smoothing: finite })
      .describe('of / (by + smoothing)'),
    z
      .strictObject({ op: op('bucketise'), of, boundaries: boundaries as S['boundaries'] })
      .describe('number of boundaries ≤ x'),
    z
      .strictObject({ op: op('decay'), ended: of, boundaries: boundaries as S['boundaries'] })
      .describe('bucket of now − ended, at the moment of attention, never in the encoder state'),
    z
      .strictObject({ op: op('one_hot'), of, values: values as S['values'] })
      .describe('place in `values`; then others, then null'),
    z.strictObject({ op: op('id'), of, table: text }).describe('row of an id table; 0 = unknown'),
    z
      .strictObject({
        op: op('hash'),
        of,
        values: values as S['values'],
        buckets: z.int().min(1),
      })
      .describe('place in `values`; then FNV-1a 32 mod buckets, then null'),
    z.strictObject({ op: op('cross'), left: of, right: of }).describe('left · size(right) + right'),
  ] as const;
  const expression = z.discriminatedUnion('op', operators, {
    error: ({ input, code }) => (code === 'invalid_union' ? unknownOperator(input) : undefined),
  });
  return expression;
}

function unknownOperator(input: unknown): string {
  const given = (input as { op?: unknown } | null)?.op;
  const names = Object.keys(OPERATORS).join(', ');
  return `no operator ${String(given)}; there are ${names}`;
}
