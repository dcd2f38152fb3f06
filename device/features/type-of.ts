/** What an expression gives: kind, axes and size; and whether its operands fit. */
import { FeaturesError } from './errors.ts';
import type { Axis, Expression, FeatureSpec } from './spec.ts';

export interface ExpressionType {
  kind: 'number' | 'text' | 'id' | 'category';
  /** None, one, or `candidate` and a behaviour. */
  axes: readonly Axis[];
  /** Of a category: indexes are 0 … size − 1. Otherwise 0. */
  size: number;
  /** Whether it is never null. */
  always: boolean;
}

/** What expressions may name. */
export type Names = Pick<FeatureSpec, 'sources' | 'tables'>;

const MAX_SIZE = 2 ** 31 - 1;

/** The moment's source that `decay` subtracts from. */
export const NOW = 'moment.now';

/** @throws FeaturesError `bad-features` */
export function typeOf(expression: Expression, names: Names, where = 'expression'): ExpressionType {
  const refuse = (what: string): never => {
    throw new FeaturesError('bad-features', where, what);
  };
  const operand = (of: Expression, field: string, ...kinds: ExpressionType['kind'][]) => {
    const type = typeOf(of, names, `${where}.${field}`);
    if (!kinds.includes(type.kind)) {
      refuse(`${expression.op} takes ${kinds.join(' or ')} as \`${field}\`, not ${type.kind}`);
    }
    return type;
  };
  const number = (axes: readonly Axis[], always = false): ExpressionType => ({
    kind: 'number',
    axes,
    size: 0,
    always,
  });
  const category = (axes: readonly Axis[], size: number): ExpressionType => {
    if (size > MAX_SIZE) refuse(`${size} values are more than an int32 can count`);
    return { kind: 'category', axes, size, always: true };
  };
  const together = (left: ExpressionType, right: ExpressionType): readonly Axis[] => {
    const axes = [...new Set([...left.axes, ...right.axes])].sort();
    if (axes.length > 1 && (axes.length > 2 || axes[0] !== 'candidate')) {
      refuse(`${axes.join(' and ')} cannot be combined`);
    }
    return axes;
  };
  switch (expression.op) {
    case 'source': {
      const { name } = expression;
      if (!Object.hasOwn(names.sources, name)) refuse(`Unknown source ${name}`);
      const { type, axis } = names.sources[name]!;
      return { kind: type, axes: axis ? [axis] : [], size: 0, always: false };
    }
    case 'log1p':
    case 'logit':
      return number(operand(expression.of, 'of', 'number').axes);
    case 'clip': {
      if (expression.low > expression.high) refuse('`low` is above `high`');
      const { axes, always } = operand(expression.of, 'of', 'number');
      return number(axes, always);
    }
    case 'known':
      return number(operand(expression.of, 'of', 'number', 'text', 'id').axes, true);
    case 'standardise':
      return number(operand(expression.of, 'of', 'number').axes, true);
    case 'relative': {
      const { axes } = operand(expression.of, 'of', 'number');
      if (axes.join() !== 'candidate') refuse('relative takes one number per candidate');
      return number(axes);
    }
    case 'difference':
      return number(
        together(
          operand(expression.of, 'of', 'number'),
          operand(expression.minus, 'minus', 'number'),
        ),
      );
    case 'ratio':
      return number(
        together(operand(expression.of, 'of', 'number'), operand(expression.by, 'by', 'number')),
      );
    case 'bucketise':
      return category(
        operand(expression.of, 'of', 'number').axes,
        expression.boundaries.length + 2,
      );
    case 'decay': {
      const now = names.sources[NOW];
      if (now?.type !== 'number' || now.axis !== null)
        refuse('decay wants the number `moment.now`');
      return category(
        operand(expression.ended, 'ended', 'number').axes,
        expression.boundaries.length + 2,
      );
    }
    case 'one_hot':
      return category(operand(expression.of, 'of', 'text').axes, expression.values.length + 2);
    case 'id': {
      const { table } = expression;
      if (!Object.hasOwn(names.tables, table)) refuse(`Unknown table ${table}`);
      return category(operand(expression.of, 'of', 'id').axes, names.tables[table]!.length + 1);
    }
    case 'hash': {
      const { of, values, buckets } = expression;
      return category(operand(of, 'of', 'text', 'id').axes, values.length + buckets + 1);
    }
    case 'cross': {
      const left = operand(expression.left, 'left', 'category');
      const right = operand(expression.right, 'right', 'category');
      return category(together(left, right), left.size * right.size);
    }
  }
}
