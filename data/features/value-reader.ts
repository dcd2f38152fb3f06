/**
 * Values of expressions for samples of one kind. What stands in columns alone is compiled and computed by
 * DuckDB; what reads attributes of items, whose versions the catalogue holds, or takes logarithms, which
 * are cheap here and long in SQL, is computed by the device's interpreter over the rest. Both give equal
 * bits.
 */
import {
  Frame,
  type NumberColumn,
  type RawValue,
  type RawValues,
} from '../../device/features/columns.ts';
import { type Evaluate, evaluator } from '../../device/features/evaluate.ts';
import { keyOf, operandsOf, sourcesOf } from '../../device/features/parts.ts';
import type { Axis, Expression, SampleKind } from '../../device/features/spec.ts';
import { type Names, typeOf } from '../../device/features/type-of.ts';
import type { Batch, ListColumn } from '../columns/duckdb-columns.ts';
import { attributeOf, bindingOf, columnName, itemColumn, listSql } from './bindings.ts';
import { attributeValue, type Catalogue } from './catalogue.ts';
import { compileFeature } from './compile/compile.ts';

/** A value that a statement gives. */
interface Compiled {
  column: string;
  axis: Axis | null;
  /** Whether something that is interpreted reads it. */
  isOperand: boolean;
}

/** Prefix of a reader's columns in a statement. */
const ITEM = 'value_item_';

export class ValueReader {
  readonly #kind: SampleKind;
  readonly #catalogue: Catalogue;
  readonly #names: Names;
  /** By key of the expression. */
  readonly #compiled = new Map<string, Compiled>();
  readonly #columns: string[] = [];
  readonly #interpreted = new Map<string, Evaluate>();
  /** Attributes of items that interpreted expressions read, by source. */
  readonly #attributes = new Map<string, Axis>();

  /** @param expressions categories and numbers whose sources samples of the kind have */
  constructor(
    kind: SampleKind,
    expressions: readonly Expression[],
    names: Names,
    catalogue: Catalogue,
  ) {
    this.#kind = kind;
    this.#names = names;
    this.#catalogue = catalogue;
    for (const expression of expressions) {
      if (this.#compile(expression, false)) continue;
      this.#interpreted.set(keyOf(expression), evaluator(expression, names));
    }
    if (this.#attributes.size > 0) this.#columns.push('decision_ts::double as value_now');
    for (const axis of new Set(this.#attributes.values())) {
      const items = listSql(kind, itemColumn(kind, axis));
      this.#columns.push(`code_each(${items}) as ${ITEM}${axis}`);
    }
  }

  /** What a statement over the samples must select, each with a name of its own; may be empty. */
  get columns(): readonly string[] {
    return this.#columns;
  }

  read(batch: Batch): BatchValues {
    return new BatchValues(
      batch,
      this.#compiled,
      this.#interpreted,
      this.#attributes,
      this.#catalogue,
      this.#kind,
    );
  }

  /** Compiles the expression, or as much of it as can be. @returns whether all of it was */
  #compile(expression: Expression, isOperand: boolean): boolean {
    const key = keyOf(expression);
    const before = this.#compiled.get(key);
    if (before) {
      before.isOperand ||= isOperand;
      return true;
    }
    const { axes, kind } = typeOf(expression, this.#names);
    const missing = sourcesOf(expression).filter((name) => columnName(this.#kind, name) === null);
    if (missing.length > 0 || axes.length > 1 || hasLogarithm(expression)) {
      if (expression.op === 'source') this.#addAttribute(expression.name);
      else for (const operand of operandsOf(expression)) this.#compile(operand, true);
      return false;
    }
    const column = `value_${this.#compiled.size}`;
    const sql = compileFeature(expression, this.#names, bindingOf(this.#kind));
    const axis = axes[0] ?? null;
    const known = axis ? `known_each(${sql})` : `known(${sql})`;
    this.#columns.push(`${kind === 'number' ? known : sql} as ${column}`);
    this.#compiled.set(key, { column, axis, isOperand });
    return true;
  }

  #addAttribute(source: string): void {
    const { axis } = this.#names.sources[source]!;
    if (!axis || !attributeOf(this.#kind, source)) {
      throw new RangeError(`${this.#kind} samples have no ${source} that could be interpreted`);
    }
    this.#attributes.set(source, axis);
  }
}

const hasLogarithm = (expression: Expression): boolean =>
  expression.op === 'log1p' ||
  expression.op === 'logit' ||
  operandsOf(expression).some(hasLogarithm);

/** Values of one batch. Unknown numbers are NaN. */
export class BatchValues {
  readonly #batch: Batch;
  readonly #compiled: ReadonlyMap<string, Compiled>;
  readonly #interpreted: ReadonlyMap<string, Evaluate>;
  readonly #frames: () => Frame[];
  readonly #lists = new Map<string, ListColumn>();

  constructor(
    batch: Batch,
    compiled: ReadonlyMap<string, Compiled>,
    interpreted: ReadonlyMap<string, Evaluate>,
    attributes: ReadonlyMap<string, Axis>,
    catalogue: Catalogue,
    kind: SampleKind,
  ) {
    this.#batch = batch;
    this.#compiled = compiled;
    this.#interpreted = interpreted;
    let frames: Frame[] | undefined;
    this.#frames = () => {
      frames ??= framesOf(batch, compiled, attributes, catalogue, kind);
      return frames;
    };
  }

  /** By row, the values along the axes: pairs with candidates first, a list of one for a value of the moment. */
  lists(expression: Expression): ListColumn {
    const key = keyOf(expression);
    const before = this.#lists.get(key);
    if (before) return before;
    const compiled = this.#compiled.get(key);
    const found = compiled ? columnOf(this.#batch, compiled) : this.#interpret(key);
    this.#lists.set(key, found);
    return found;
  }

  #interpret(key: string): ListColumn {
    const evaluate = this.#interpreted.get(key);
    if (!evaluate) throw new RangeError(`the reader was not made for ${key}`);
    const rows = this.#frames().map((frame) => evaluate(frame).values);
    const starts = [0];
    for (const values of rows) starts.push(starts.at(-1)! + values.length);
    const values = new Float64Array(starts.at(-1)!);
    rows.forEach((of, row) => {
      values.set(of, starts[row]);
    });
    return { values, start: (row) => starts[row]!, length: (row) => rows[row]!.length };
  }
}

const columnOf = (batch: Batch, { column, axis }: Compiled): ListColumn =>
  axis
    ? batch.lists(column)
    : { values: batch.numbers(column), start: (row) => row, length: () => 1 };

/** By row, what was compiled and the attributes of the items, for the interpreter. */
function framesOf(
  batch: Batch,
  compiled: ReadonlyMap<string, Compiled>,
  attributes: ReadonlyMap<string, Axis>,
  catalogue: Catalogue,
  kind: SampleKind,
): Frame[] {
  const operands = [...compiled].filter(([, { isOperand }]) => isOperand);
  const columns = operands.map(([key, of]) => ({
    key,
    axes: of.axis ? [of.axis] : [],
    list: columnOf(batch, of),
  }));
  const now = attributes.size > 0 ? batch.numbers('value_now') : [];
  const items = [...attributes].map(([source, axis]) => ({
    source,
    of: attributeOf(kind, source)!,
    list: batch.lists(`${ITEM}${axis}`),
  }));
  return Array.from({ length: batch.rows }, (_, row) => {
    const given = new Map<string, NumberColumn>();
    for (const { key, axes, list } of columns) {
      const values = rowOf(list, row);
      given.set(key, { axes, lengths: axes.map(() => values.length), values });
    }
    const raw: RawValues = {};
    for (const { source, of, list } of items) {
      raw[source] = Array.from(
        rowOf(list, row),
        (place): RawValue => attributeValue(catalogue.at(place, now[row]!), of),
      );
    }
    return new Frame(raw, given);
  });
}

function rowOf(list: ListColumn, row: number): Float64Array {
  const start = list.start(row);
  const values = new Float64Array(list.length(row));
  for (let k = 0; k < values.length; k++) values[k] = list.values[start + k]!;
  return values;
}
