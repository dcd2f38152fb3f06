/** Declarations in few words. */
import type { Expression } from '../../device/features/spec.ts';
import { type Names, typeOf } from '../../device/features/type-of.ts';

export const source = (name: string): Expression => ({ op: 'source', name });

export const bucketise = (of: Expression, boundaries: readonly number[]): Expression => ({
  op: 'bucketise',
  of,
  boundaries: [...boundaries],
});

export const difference = (of: Expression, minus: Expression): Expression => ({
  op: 'difference',
  of,
  minus,
});

export const cross = (left: Expression, right: Expression): Expression => ({
  op: 'cross',
  left,
  right,
});

/** Names of the sources of an expression, `moment.now` of a decay included. */
export function sourcesOf(expression: Expression): string[] {
  if (expression.op === 'source') return [expression.name];
  const operands = Object.values(expression).filter(
    (value): value is Expression => typeof value === 'object' && 'op' in value,
  );
  const named = operands.flatMap(sourcesOf);
  return expression.op === 'decay' ? ['moment.now', ...named] : named;
}

/** Names of the id tables of an expression. */
export function tablesOf(expression: Expression): string[] {
  if (expression.op === 'id') return [expression.table];
  return Object.values(expression).flatMap((value) =>
    typeof value === 'object' && 'op' in value ? tablesOf(value as Expression) : [],
  );
}

/** Size of a category. */
export const sizeOf = (expression: Expression, names: Names): number =>
  typeOf(expression, names).size;
