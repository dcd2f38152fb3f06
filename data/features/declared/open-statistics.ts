/** Statistics that a declaration leaves open, and putting fitted ones in their place. */
import type { Expression } from '../../../device/features/spec.ts';
import { NOW } from '../../../device/features/type-of.ts';
import type { DeclaredExpression } from '../../contracts/feature-declaration.ts';
import { source } from '../declare.ts';

/** What is to be found in the values of `of` on the training days. */
export type Need =
  | { find: 'boundaries'; of: Expression; buckets: number }
  | { find: 'values'; of: Expression; most: number }
  | { find: 'moments'; of: Expression };

/** By what is asked for; moments are mean and deviation. */
export interface Statistic {
  boundaries?: number[];
  values?: string[];
  moments?: { mean: number; std: number };
  /** There was no value to find it in. */
  none?: boolean;
}

type Fields = Record<string, unknown>;

const isExpression = (value: unknown): value is DeclaredExpression =>
  typeof value === 'object' && value !== null && 'op' in value;

/**
 * The expression with fitted statistics, from the innermost on.
 * @param answer undefined where it is not known yet: then the expression is not, either
 */
export function close(
  expression: DeclaredExpression,
  answer: (need: Need) => Statistic | undefined,
): Expression | undefined {
  const closed: Fields = {};
  for (const [name, value] of Object.entries(expression)) {
    closed[name] = isExpression(value) ? close(value, answer) : value;
    if (closed[name] === undefined) return undefined;
  }
  for (const [name, need] of needsOf(closed)) {
    const found = answer(need);
    if (!found) return undefined;
    closed[name] = found.boundaries ?? found.values ?? found.moments?.[name as 'mean' | 'std'];
  }
  return closed as unknown as Expression;
}

/** By field, what one operator leaves open. */
function needsOf(fields: Fields): [field: string, need: Need][] {
  const { op, boundaries, values } = fields;
  const operand = (fields.of ?? fields.ended) as Expression;
  const of: Expression =
    op === 'decay' ? { op: 'difference', of: source(NOW), minus: operand } : operand;
  if (boundaries && !Array.isArray(boundaries)) {
    const { quantiles } = boundaries as { quantiles: number };
    return [['boundaries', { find: 'boundaries', of, buckets: quantiles }]];
  }
  if (values && !Array.isArray(values)) {
    return [['values', { find: 'values', of, most: (values as { most: number }).most }]];
  }
  return ['mean', 'std']
    .filter((name) => fields[name] === 'fit')
    .map((name) => [name, { find: 'moments', of }]);
}

/** The expression with statistics of the largest size that fitting can find: for checks of types. */
export function provisional(expression: DeclaredExpression): Expression {
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  return close(expression, (need) => {
    switch (need.find) {
      case 'boundaries':
        return { boundaries: upTo(need.buckets - 1) };
      case 'values':
        return { values: upTo(need.most).map(String) };
      case 'moments':
        return { moments: { mean: 0, std: 1 } };
    }
  })!;
}
