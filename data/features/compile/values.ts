/** SQL of values along axes: a scalar, a list per row, or a list of lists. */
import type { Axis } from '../../../device/features/spec.ts';

/** A float64 exactly, as a DOUBLE literal. @param value finite */
export const sqlNumber = (value: number): string => `(${(value + 0).toExponential()})`;

/** A name, a place in a struct or pair, or a number of another type: cheap to repeat. */
const isSimple = (sql: string): boolean => /^[\w."]+(\[\d\]|::double)?$/.test(sql);

/** Gives every lambda of a statement its own parameter. */
export class Names {
  #next = 0;

  fresh(): string {
    return `v${this.#next++}`;
  }
}

/** `body` applied to every value of `sql`; operators are joined into one lambda where that is cheap. */
export class Values {
  readonly axes: readonly Axis[];
  readonly #names: Names;
  readonly #sql: string;
  readonly #body: ((value: string) => string) | null;

  constructor(
    names: Names,
    axes: readonly Axis[],
    sql: string,
    body: ((value: string) => string) | null = null,
  ) {
    this.#names = names;
    this.axes = axes;
    this.#sql = sql;
    this.#body = body;
  }

  /** @param f repeats its operand nowhere: it may get a long expression */
  once(f: (value: string) => string): Values {
    const before = this.#body;
    return new Values(this.#names, this.axes, this.#sql, before ? (v) => f(`(${before(v)})`) : f);
  }

  /** @param f may repeat its operand: it gets a name */
  map(f: (value: string) => string): Values {
    const named = this.#body ? new Values(this.#names, this.axes, this.toSql()) : this;
    return new Values(this.#names, this.axes, named.#sql, f);
  }

  toSql(): string {
    const body = this.#body;
    if (!body) return this.#sql;
    const each = (depth: number, sql: string): string => {
      if (depth === 0) return body(sql);
      const v = this.#names.fresh();
      return `list_transform(${sql}, lambda ${v}: ${each(depth - 1, v)})`;
    };
    if (this.axes.length > 0 || isSimple(this.#sql)) return each(this.axes.length, this.#sql);
    return bound(this.#names, this.#sql, body);
  }

  /**
   * Pairs values along common axes, combines every with every along the others.
   * @param f repeats neither operand
   */
  combine(other: Values, f: (a: string, b: string) => string): Values {
    const axes = [...new Set([...this.axes, ...other.axes])].sort();
    type Side = { axes: readonly Axis[]; sql: string };
    const pair = (rest: readonly Axis[], a: Side, b: Side): string => {
      const [axis, ...inner] = rest;
      if (!axis) return f(a.sql, b.sql);
      const v = this.#names.fresh();
      const [inA, inB] = [a.axes[0] === axis, b.axes[0] === axis];
      const [restA, restB] = [a.axes.slice(1), b.axes.slice(1)];
      if (inA && inB) {
        const next = pair(inner, { axes: restA, sql: `${v}[1]` }, { axes: restB, sql: `${v}[2]` });
        return `list_transform(list_zip(${a.sql}, ${b.sql}), lambda ${v}: ${next})`;
      }
      const next = inA
        ? pair(inner, { axes: restA, sql: v }, b)
        : pair(inner, a, { axes: restB, sql: v });
      return `list_transform(${inA ? a.sql : b.sql}, lambda ${v}: ${next})`;
    };
    // What stands inside the other's lambda would be computed again for each of its values.
    const named = (side: Values, then: (sql: string) => string): string => {
      const sql = side.toSql();
      return side.axes.length < axes.length && !isSimple(sql)
        ? bound(this.#names, sql, then)
        : then(sql);
    };
    const sql = named(this, (a) =>
      named(other, (b) => pair(axes, { axes: this.axes, sql: a }, { axes: other.axes, sql: b })),
    );
    return new Values(this.#names, axes, sql);
  }

  /** Takes a whole list at once. @param f may repeat its operand */
  whole(f: (list: string) => string): Values {
    const sql = this.toSql();
    return new Values(this.#names, this.axes, isSimple(sql) ? f(sql) : bound(this.#names, sql, f));
  }

  fresh(): string {
    return this.#names.fresh();
  }
}

/** An expression under a name: SQL has no `let`, a lambda over a list of one is one. */
function bound(names: Names, sql: string, then: (name: string) => string): string {
  const v = names.fresh();
  return `list_transform([${sql}], lambda ${v}: ${then(v)})[1]`;
}
