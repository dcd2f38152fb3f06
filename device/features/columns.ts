/** Values of an expression along its axes, and the raw values that a moment has. */
import { FeaturesError } from './errors.ts';
import { orNull } from './operators.ts';
import type { Axis, Source } from './spec.ts';

export type RawValue = number | string | null;

/** By source name: a value, or a list of them where the source has an axis. */
export type RawValues = Record<string, RawValue | ArrayLike<RawValue>>;

/** Values in row-major order, as long as the product of `lengths`. */
export interface Column<V = unknown> {
  axes: readonly Axis[];
  lengths: readonly number[];
  values: V;
}

/** Numbers and categories; null is NaN. */
export type NumberColumn = Column<Float64Array>;
/** Texts and ids. */
export type TextColumn = Column<readonly (string | null)[]>;

/** Raw values of one moment, checked as they are read. */
export class Frame {
  readonly #raw: RawValues;
  readonly #lengths = new Map<Axis, { length: number; by: string }>();
  /** Several features read the same source, or its logarithm. */
  readonly #shared = new Map<string, NumberColumn>();

  readonly #given: ReadonlyMap<string, NumberColumn> | undefined;

  /** @param given values of expressions that were computed before, by `keyOf` */
  constructor(raw: RawValues, given?: ReadonlyMap<string, NumberColumn>) {
    this.#raw = raw;
    this.#given = given;
  }

  /** The values of an expression that were given, if they were. */
  given(key: string): NumberColumn | undefined {
    return this.#given?.get(key);
  }

  /** What `compute` gave when it was asked for under this key before. */
  shared(key: string, compute: () => NumberColumn): NumberColumn {
    const before = this.#shared.get(key);
    if (before) return before;
    const column = compute();
    this.#shared.set(key, column);
    return column;
  }

  numbers(name: string, source: Source): NumberColumn {
    return this.shared(name, () => {
      const { axes, lengths, values } = this.#list(name, source);
      const numbers = new Float64Array(values.length);
      for (let i = 0; i < numbers.length; i++) {
        const value = values[i]!;
        if (typeof value === 'number') numbers[i] = orNull(value);
        else if (value === null) numbers[i] = Number.NaN;
        else throw new FeaturesError('bad-values', name, `Not a number: ${typeof value}`);
      }
      return { axes, lengths, values: numbers };
    });
  }

  texts(name: string, source: Source): TextColumn {
    const { axes, lengths, values } = this.#list(name, source);
    const texts = Array.from(values, (value) => {
      if (value === null || typeof value === 'string') return value;
      throw new FeaturesError('bad-values', name, `Not a text: ${typeof value}`);
    });
    return { axes, lengths, values: texts };
  }

  #list(name: string, { axis }: Source): Column<ArrayLike<RawValue>> {
    const given = Object.hasOwn(this.#raw, name) ? this.#raw[name] : undefined;
    if (given === undefined) throw new FeaturesError('bad-values', name, 'No value was given');
    const isList = typeof given === 'object' && given !== null;
    if (isList !== (axis !== null)) {
      throw new FeaturesError('bad-values', name, isList ? 'A list was given' : 'Not a list');
    }
    if (axis === null) return { axes: [], lengths: [], values: [given as RawValue] };
    const values = given as ArrayLike<RawValue>;
    const first = this.#lengths.get(axis);
    if (!first) this.#lengths.set(axis, { length: values.length, by: name });
    else if (first.length !== values.length) {
      const what = `${values.length} values where ${first.by} has ${first.length}`;
      throw new FeaturesError('bad-values', name, what);
    }
    return { axes: [axis], lengths: [values.length], values };
  }
}

/** Applies `f` to every pair of values: alike along common axes, every with every along the others. */
export function combine(
  left: NumberColumn,
  right: NumberColumn,
  f: (a: number, b: number) => number,
): NumberColumn {
  const axes = [...new Set([...left.axes, ...right.axes])].sort();
  const lengthOf = (axis: Axis): number => {
    const of = left.axes.includes(axis) ? left : right;
    return of.lengths[of.axes.indexOf(axis)]!;
  };
  const lengths = axes.map(lengthOf);
  const values = new Float64Array(lengths.reduce((product, n) => product * n, 1));
  // At most two axes: rows and what stands in a row.
  const inner = lengths.length > 1 ? lengths[1]! : 1;
  const step = (of: NumberColumn): [row: number, place: number] => {
    const strides = axes.map((axis) => {
      const at = of.axes.indexOf(axis);
      return at < 0 ? 0 : of.lengths.slice(at + 1).reduce((product, n) => product * n, 1);
    });
    return [strides[0] ?? 0, strides[1] ?? 0];
  };
  const [leftRow, leftPlace] = step(left);
  const [rightRow, rightPlace] = step(right);
  for (let i = 0; i < values.length; i++) {
    const row = Math.floor(i / inner);
    const place = i - row * inner;
    values[i] = f(
      left.values[row * leftRow + place * leftPlace]!,
      right.values[row * rightRow + place * rightPlace]!,
    );
  }
  return { axes, lengths, values };
}
