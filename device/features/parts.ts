/**
 * The parts of a feature that pairs candidates with behaviours. A pair feature has as many values as
 * candidates times behaviours, so that storing them for training would take more room than everything
 * else. Its parts run along one of the two lists each; the pairs are made of them when attention needs
 * them, by the expression itself: a phone evaluates it from raw values, training from stored parts.
 */
import type { Expression } from './spec.ts';
import { type Names, NOW, typeOf } from './type-of.ts';

/** Equal expressions have equal keys, in whatever order their fields stand. */
export const keyOf = (expression: Expression): string =>
  JSON.stringify(expression, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

/** Operands in the order of evaluation; a decay's `moment.now` is one. */
export function operandsOf(expression: Expression): Expression[] {
  const operands = Object.values(expression).filter(
    (value): value is Expression => typeof value === 'object' && value !== null && 'op' in value,
  );
  return expression.op === 'decay' ? [{ op: 'source', name: NOW }, ...operands] : operands;
}

/** Names of the sources that an expression reads, in the order of reading, each once. */
export function sourcesOf(expression: Expression): string[] {
  if (expression.op === 'source') return [expression.name];
  return [...new Set(operandsOf(expression).flatMap(sourcesOf))];
}

/**
 * The largest operands that run along one list at most; the expression itself when it does. They are
 * numbers (null is NaN; to be kept as float64) or categories.
 */
export function partsOf(expression: Expression, names: Names): Expression[] {
  if (typeOf(expression, names).axes.length < 2) return [expression];
  const parts = operandsOf(expression).flatMap((operand) => partsOf(operand, names));
  return [...new Map(parts.map((part) => [keyOf(part), part])).values()];
}
