/** Declarations in few words. Statistics that are left open are fitted on the training days. */
import { operandsOf } from '../../device/features/parts.ts';
import type { Expression } from '../../device/features/spec.ts';
import { type Names, typeOf } from '../../device/features/type-of.ts';
import type { DeclaredExpression as Declared } from '../contracts/feature-declaration.ts';

export const source = (name: string): Extract<Expression, { op: 'source' }> => ({
  op: 'source',
  name,
});

export const bucketise = (of: Expression, boundaries: readonly number[]): Expression => ({
  op: 'bucketise',
  of,
  boundaries: [...boundaries],
});

export const difference = (of: string, minus: string): Declared => ({
  op: 'difference',
  of: source(of),
  minus: source(minus),
});

export const cross = (left: Declared, right: Declared): Declared => ({ op: 'cross', left, right });

export const clip = (of: Declared, low: number, high: number): Declared => ({
  ...{ op: 'clip', of },
  ...{ low, high },
});

/** In buckets at equal shares. */
export const inBuckets = (of: Declared, quantiles: number): Declared => ({
  op: 'bucketise',
  of,
  boundaries: { quantiles },
});

/** Whether a count or a flag is 1 or more: no, yes, unknown. */
export const yes = (name: string): Declared => ({
  op: 'bucketise',
  of: source(name),
  boundaries: [1],
});

/** As a number of mean 0 and deviation 1; 0 where it is unknown. */
export const standardised = (of: Declared): Declared => ({
  ...{ op: 'standardise', of },
  ...{ mean: 'fit', std: 'fit', missing: 0 },
});

/** ln(1 + x) of a number within [0, high], standardised. */
export const scaled = (name: string, high: number): Declared =>
  standardised({ op: 'log1p', of: clip(source(name), 0, high) });

export const decay = (name: string, quantiles: number): Declared => ({
  op: 'decay',
  ended: source(name),
  boundaries: { quantiles },
});

export const hash = (name: string, most: number, buckets: number): Declared => ({
  ...{ op: 'hash', of: source(name) },
  ...{ values: { most }, buckets },
});

export const categoryId = (axis: string): Declared => ({
  ...{ op: 'id', of: source(`${axis}.category`) },
  table: 'category',
});

/** Names of the id tables of an expression. */
export const tablesOf = (expression: Expression): string[] =>
  expression.op === 'id' ? [expression.table] : operandsOf(expression).flatMap(tablesOf);

/** Size of a category. */
export const sizeOf = (expression: Expression, names: Names): number =>
  typeOf(expression, names).size;
