/** An expression as it comes out of JSON: operators, their fields, nothing else. */
import { FeaturesError } from './errors.ts';
import type { Expression, Operator } from './spec.ts';

type Field = 'expression' | 'number' | 'positive' | 'count' | 'text' | 'ascending' | 'distinct';

/** By operator, its fields and what each must be. */
export const OPERATORS: {
  [O in Operator]: Record<Exclude<keyof Extract<Expression, { op: O }>, 'op'>, Field>;
} = {
  source: { name: 'text' },
  log1p: { of: 'expression' },
  logit: { of: 'expression' },
  known: { of: 'expression' },
  relative: { of: 'expression' },
  clip: { of: 'expression', low: 'number', high: 'number' },
  standardise: { of: 'expression', mean: 'number', std: 'positive', missing: 'number' },
  difference: { of: 'expression', minus: 'expression' },
  ratio: { of: 'expression', by: 'expression', smoothing: 'number' },
  bucketise: { of: 'expression', boundaries: 'ascending' },
  decay: { ended: 'expression', boundaries: 'ascending' },
  one_hot: { of: 'expression', values: 'distinct' },
  id: { of: 'expression', table: 'text' },
  hash: { of: 'expression', values: 'distinct', buckets: 'count' },
  cross: { left: 'expression', right: 'expression' },
};

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);

const WANTED: Record<
  Exclude<Field, 'expression'>,
  [what: string, holds: (v: unknown) => boolean]
> = {
  number: ['a finite number', isNumber],
  positive: ['a number above 0', (v) => isNumber(v) && v > 0],
  count: ['an integer from 1 to 2³¹ − 1', (v) => Number.isInteger(v) && isCount(v as number)],
  text: ['a text', (v) => typeof v === 'string' && v !== ''],
  ascending: [
    'a list of finite numbers, strictly ascending',
    (v) => Array.isArray(v) && v.every((b, i) => isNumber(b) && (i === 0 || v[i - 1] < b)),
  ],
  distinct: ['a list of different texts', isDistinct],
};

const isCount = (value: number): boolean => value >= 1 && value < 2 ** 31;

/** Whether a value is a list of texts of which no two are equal. */
export function isDistinct(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((text) => typeof text === 'string') &&
    new Set(value).size === value.length
  );
}

/** @throws FeaturesError `bad-features` on an unknown operator, or an unknown, missing or wrong field */
export function checkExpression(value: unknown, where: string): Expression {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FeaturesError('bad-features', where, 'An expression is an object with `op`');
  }
  const { op, ...given } = value as Record<string, unknown>;
  if (typeof op !== 'string' || !Object.hasOwn(OPERATORS, op)) {
    throw new FeaturesError('bad-features', where, `Unknown operator ${JSON.stringify(op)}`);
  }
  const fields = OPERATORS[op as Operator] as Record<string, Field>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name)) {
      throw new FeaturesError('bad-features', where, `${op} has no field ${name}`);
    }
  }
  const checked: Record<string, unknown> = { op };
  for (const [name, field] of Object.entries(fields)) {
    const at = `${where}.${name}`;
    if (field === 'expression') checked[name] = checkExpression(given[name], at);
    else {
      const [what, holds] = WANTED[field];
      if (!holds(given[name])) throw new FeaturesError('bad-features', at, `Not ${what}`);
      checked[name] = given[name];
    }
  }
  return checked as Expression;
}
