/**
 * A feature as a person declares it: an expression of `features.json` in which what is to be fitted on the
 * training days is left open. Shipped declarations and those of a settings file are both of this form.
 */
import { z } from 'zod';
import type { Expression } from '../../device/features/spec.ts';
import { expressionSchema, FITTED } from './feature-expression.ts';

/** Boundaries at equal shares of the known values. */
type Quantiles = { quantiles: number };
/** The most frequent texts. */
type Most = { most: number };

/** The grid on which quantiles are taken. */
export const QUANTILE_GRID = 120;

type Open<Field, Name> = Field extends Expression
  ? DeclaredExpression
  : Name extends 'boundaries'
    ? Field | Quantiles
    : Name extends 'values'
      ? Field | Most
      : Name extends 'mean' | 'std'
        ? Field | 'fit'
        : Field;

/** An expression; statistics may be left open. */
export type DeclaredExpression = {
  [O in Expression['op']]: {
    [Name in keyof Extract<Expression, { op: O }>]: Open<
      Extract<Expression, { op: O }>[Name],
      Name
    >;
  };
}[Expression['op']];

export interface Declaration {
  name: string;
  expression: DeclaredExpression;
}

const OPEN = {
  boundaries: z.union([
    FITTED.boundaries,
    z.strictObject({
      quantiles: z.int().min(2).max(QUANTILE_GRID).describe('buckets at equal shares'),
    }),
  ]),
  values: z.union([
    FITTED.values,
    z.strictObject({ most: z.int().min(1).max(10_000).describe('so many, the most frequent') }),
  ]),
  mean: z.union([FITTED.mean, z.literal('fit')]),
  std: z.union([FITTED.std, z.literal('fit')]),
};

export const declaredExpression = expressionSchema<DeclaredExpression, typeof OPEN>(OPEN);

export const declaration = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'a name is lower case letters, digits and _, a letter first')
    .describe('as it stands in features.json and in the tensors'),
  expression: declaredExpression,
});
