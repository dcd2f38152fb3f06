/** Expressions of features.json in words. */
import type { Expression } from '../../device/features/spec.ts';
import { NOW } from '../../device/features/type-of.ts';

/** A number in at most six significant digits. */
const short = (value: number): string => String(Number(value.toPrecision(6)));

const listed = (values: readonly (number | string)[]): string =>
  values.length === 0
    ? 'none'
    : values.map((v) => (typeof v === 'number' ? short(v) : `"${v}"`)).join(', ');

/** What the expression does to its sources, as a phrase. */
export function inWords(expression: Expression): string {
  switch (expression.op) {
    case 'source':
      return expression.name;
    case 'log1p':
      return `ln(1 + ${inWords(expression.of)})`;
    case 'logit':
      return `logit(${inWords(expression.of)})`;
    case 'known':
      return `1 when ${inWords(expression.of)} is known, else 0`;
    case 'relative':
      return `${inWords(expression.of)} minus its mean over the slate`;
    case 'clip':
      return `${inWords(expression.of)} within [${short(expression.low)}, ${short(expression.high)}]`;
    case 'standardise': {
      const { of, mean, std, missing } = expression;
      return `(${inWords(of)} − ${short(mean)}) / ${short(std)}; unknown: ${short(missing)}`;
    }
    case 'difference':
      return `${inWords(expression.of)} − ${inWords(expression.minus)}`;
    case 'ratio':
      return `${inWords(expression.of)} / (${inWords(expression.by)} + ${short(expression.smoothing)})`;
    case 'bucketise': {
      const { of, boundaries } = expression;
      return `bucket of ${inWords(of)}, boundaries ${listed(boundaries)}; unknown: ${boundaries.length + 1}`;
    }
    case 'decay': {
      const { ended, boundaries } = expression;
      return `bucket of ${NOW} − ${inWords(ended)}, boundaries ${listed(boundaries)}; unknown: ${boundaries.length + 1}`;
    }
    case 'one_hot': {
      const { of, values } = expression;
      return `place of ${inWords(of)} among ${listed(values)}; another: ${values.length}, unknown: ${values.length + 1}`;
    }
    case 'id':
      return `row of ${inWords(expression.of)} in the table ${expression.table}; unknown: 0`;
    case 'hash': {
      const { of, values, buckets } = expression;
      return `place of ${inWords(of)} among ${listed(values)}; another: ${values.length} + hash in ${buckets} buckets, unknown: ${values.length + buckets}`;
    }
    case 'cross':
      return `(${inWords(expression.left)}) × (${inWords(expression.right)})`;
  }
}
