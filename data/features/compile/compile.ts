/**
 * A feature as a DuckDB expression: the rules of device/features/spec.ts over columns instead of raw
 * values. Where a number may be infinite or NaN, it is null from the first operator on.
 */
import type { Expression } from '../../../device/features/spec.ts';
import { type Names as Declared, NOW, typeOf } from '../../../device/features/type-of.ts';
import { sqlText } from '../../duckdb.ts';
import { lnSql, log1pSql } from './logarithm.ts';
import { Names, sqlNumber, Values } from './values.ts';

/** Where a source is in a relation. */
export interface BoundColumn {
  /** DOUBLE or VARCHAR: a scalar, or a list that is never null along the source's axis. */
  sql: string;
  /** Whether numbers are finite or null already, as integers are. */
  finite: boolean;
}

export type Binding = (source: string) => BoundColumn;

/**
 * @param binding columns of the sources that the expression names
 * @returns SQL of an INTEGER (a category) or a DOUBLE, of a list, or of a list (candidates) of lists
 * @throws FeaturesError `bad-features` when operands do not fit
 */
export function compileFeature(
  expression: Expression,
  declared: Declared,
  binding: Binding,
): string {
  typeOf(expression, declared);
  return new Compiler(declared, binding).values(expression).toSql();
}

/** Puts compiled columns in the place that a statement keeps for them. */
export function withFeatures(statement: string, columns: string): string {
  const [before, after, ...others] = statement.split('/* features */');
  if (after === undefined || others.length > 0) {
    throw new Error('the statement keeps no place, or several, for compiled features');
  }
  return `${before}${columns}${after}`;
}

const CLIP = 1e-6;

class Compiler {
  readonly #names = new Names();
  readonly #declared: Declared;
  readonly #binding: Binding;

  constructor(declared: Declared, binding: Binding) {
    this.#declared = declared;
    this.#binding = binding;
  }

  /** Numbers are finite or null. */
  values(expression: Expression): Values {
    const of = (operand: Expression) => this.values(operand);
    switch (expression.op) {
      case 'source': {
        const { type } = this.#declared.sources[expression.name]!;
        const { values, finite } = this.#source(expression.name);
        return finite || type !== 'number' ? values : values.map(orNull);
      }
      case 'log1p':
        return log1pSql(
          of(expression.of).map(
            (v) => `case when ${v} > 0 then ${v} when ${v} is not null then ${sqlNumber(0)} end`,
          ),
        );
      case 'logit':
        return lnSql(
          of(expression.of)
            .map(clip(CLIP, 1 - CLIP))
            .map((v) => `${v} / (${sqlNumber(1)} - ${v})`),
        );
      case 'clip':
        return of(expression.of).map(clip(expression.low, expression.high));
      case 'known':
        return of(expression.of).once((v) => `(${v} is not null)::double`);
      case 'standardise': {
        const { mean, std, missing } = expression;
        return of(expression.of)
          .once((v) => `(${v} - ${sqlNumber(mean)}) / ${sqlNumber(std)}`)
          .map((v) => `case when isfinite(${v}) then ${v} + 0 else ${sqlNumber(missing)} end`);
      }
      case 'relative':
        return relative(of(expression.of));
      case 'difference': {
        const { minus } = expression;
        const found = of(expression.of).combine(of(minus), (a, b) => `(${a}) - (${b})`);
        return this.#isInteger(expression.of) && this.#isInteger(minus) ? found : found.map(orNull);
      }
      case 'ratio': {
        const smoothing = sqlNumber(expression.smoothing);
        return of(expression.of)
          .combine(of(expression.by), (a, b) => `(${a}) / ((${b}) + ${smoothing})`)
          .map(orNull);
      }
      case 'bucketise':
        return this.#bucketise(expression.of, expression.boundaries);
      case 'decay': {
        const now: Expression = { op: 'source', name: NOW };
        const age: Expression = { op: 'difference', of: now, minus: expression.ended };
        return this.#bucketise(age, expression.boundaries);
      }
      case 'one_hot': {
        const { values } = expression;
        const place = placeOf(values);
        return of(expression.of).map(
          (v) =>
            `case when ${v} is null then ${values.length + 1} else coalesce(${place(v)}, ${values.length}) end`,
        );
      }
      case 'id': {
        const place = placeOf(this.#declared.tables[expression.table]!);
        return of(expression.of).once((v) => `coalesce(${place(v)} + 1, 0)`);
      }
      case 'hash': {
        const { length } = expression.values;
        const { buckets } = expression;
        const place = placeOf(expression.values);
        return of(expression.of).map(
          (v) =>
            `case when ${v} is null then ${length + buckets} else coalesce(${place(v)}, (${length} + fnv1a32(${v}) % ${buckets})::integer) end`,
        );
      }
      case 'cross': {
        const { size } = typeOf(expression.right, this.#declared);
        return of(expression.left).combine(
          of(expression.right),
          (a, b) => `(${a}) * ${size} + (${b})`,
        );
      }
    }
  }

  #source(name: string): { values: Values; finite: boolean } {
    const { axis } = this.#declared.sources[name]!;
    const { sql, finite } = this.#binding(name);
    return { values: new Values(this.#names, axis ? [axis] : [], sql), finite };
  }

  /** Whether it is a column of integers, differences of which cannot overflow a DOUBLE. */
  #isInteger(expression: Expression): boolean {
    return expression.op === 'source' && this.#binding(expression.name).finite;
  }

  /** A raw number need not be made finite first: the last bucket is for all that is not. */
  #bucketise(of: Expression, boundaries: readonly number[]): Values {
    const raw = of.op === 'source' ? this.#source(of.name) : null;
    const values = raw?.values ?? this.values(of);
    const isKnown =
      raw && !raw.finite ? (v: string) => `isfinite(${v})` : (v: string) => `${v} is not null`;
    return values.map(
      (v) =>
        `case when ${isKnown(v)} then ${countUpTo(boundaries, v)} else ${boundaries.length + 1} end`,
    );
  }
}

/** How many of the ascending boundaries are ≤ v, by halving: fewer comparisons than one for each. */
function countUpTo(boundaries: readonly number[], v: string): string {
  const search = (low: number, high: number): string => {
    if (low === high) return String(low);
    const middle = (low + high) >> 1;
    const [above, below] = [search(middle + 1, high), search(low, middle)];
    return `case when ${v} >= ${sqlNumber(boundaries[middle]!)} then ${above} else ${below} end`;
  };
  return search(0, boundaries.length);
}

const orNull = (v: string): string => `case when isfinite(${v}) then ${v} + 0 end`;

const clip = (low: number, high: number) => (v: string) =>
  `case when ${v} < ${sqlNumber(low)} then ${sqlNumber(low)} when ${v} > ${sqlNumber(high)} then ${sqlNumber(high)} else ${v} end`;

/** A text's place among known ones, null when it is another one. An enumeration finds it by hash. */
const placeOf = (values: readonly string[]) => (v: string) =>
  values.length === 0
    ? 'null::integer'
    : `enum_code(try_cast(${v} as enum(${values.map(sqlText).join(', ')})))::integer`;

/** Adds from the first candidate on, as the rule says. */
function relative(values: Values): Values {
  const mean = values.whole((list) => {
    const [known, sum, next] = [values.fresh(), values.fresh(), values.fresh()];
    const filtered = `list_filter(${list}, lambda ${known}: ${known} is not null)`;
    return `{'x': ${list}, 'm': list_reduce(list_prepend(${sqlNumber(0)}, ${filtered}), lambda ${sum}, ${next}: ${sum} + ${next}) / list_count(${list})}`;
  });
  return mean
    .whole((pair) => {
      const v = values.fresh();
      return `list_transform(${pair}.x, lambda ${v}: ${v} - ${pair}.m)`;
    })
    .map(orNull);
}
