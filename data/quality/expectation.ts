/** The words in which expectations are declared; `expectations.ts` uses them. */
import type { EventType } from '../contracts/device-log.ts';
import type { Limits } from './result.ts';

export type TableName =
  | EventType
  | 'tables.items'
  | 'tables.users'
  | 'tables.history'
  | 'samples.rerank'
  | 'samples.decisions'
  | 'samples.user_days';

/** Every row for which `among` holds is one for which `holds` holds; the value is the share of the others. */
export interface RowRule {
  kind: 'required' | 'range' | 'rule';
  /** Column or name of the rule. */
  column: string;
  /** SQL over the table's columns; null where nothing can be said. `$low`, `$high` are bound. */
  holds: string;
  bounds?: { low: number; high: number };
  limits: Limits;
  /** A log in which no row has the column is one that never had it. */
  optional?: boolean;
  what: string;
  mend: string;
}

/** The values of a column stand in another table; the value is the share of rows that do not. */
export interface Reference {
  kind: 'reference';
  column: string;
  /** Columns of this table and, in the same order, of the other. */
  columns: readonly string[];
  to: { table: TableName; columns: readonly string[] };
  limits: Limits;
  mend: string;
}

/** Σ of ÷ Σ among, per day. */
export interface Rate {
  kind: 'rate';
  column: string;
  of: string;
  among: string;
  /** Of each day's rate. */
  limits: Limits;
  /** Of the day's rate over the reference's. */
  shift: Limits;
}

export type Expectation = RowRule | Reference | Rate;

export interface DriftColumn {
  name: string;
  /** SQL over the table's columns, derived ones among them. */
  expression: string;
  numeric: boolean;
  /** Of the PSI; those of the divergence follow from them. */
  limits: Limits;
}

export interface TableExpectations {
  table: TableName;
  /** Keys: no two rows share one. */
  grain: readonly (readonly string[])[];
  /** The column that names a row in messages; null where rows are persons. */
  rowKey: string | null;
  /** False for tables without a date of their own. */
  dated: boolean;
  /** Columns worked out of lists while reading: name → SQL over the columns of the file. */
  derived?: Readonly<Record<string, string>>;
  expectations: readonly Expectation[];
  drift: readonly DriftColumn[];
}

/** Nothing may break it. */
const NEVER: Limits = { stop: 0 };

/** Columns without which a row means nothing. */
export const required = (...columns: string[]): RowRule[] =>
  columns.map((column) => ({
    kind: 'required',
    column,
    holds: `"${column}" is not null`,
    limits: NEVER,
    what: `have no ${column}`,
    mend: 'send the field from the app, or reject such rows at ingest',
  }));

/** Columns that may be absent on a share of the rows; a log that never has the column is not judged. */
export const mostly = (column: string, limits: Limits): RowRule => ({
  kind: 'required',
  column,
  holds: `"${column}" is not null`,
  limits,
  optional: true,
  what: `have no ${column}`,
  mend: 'find the app version that stopped sending the field',
});

export const range = (
  column: string,
  low: number,
  high: number,
  limits: Limits = NEVER,
  expression = `"${column}"`,
): RowRule => ({
  kind: 'range',
  column,
  holds: `${expression} between $low and $high`,
  bounds: { low, high },
  limits,
  what: `have ${column} outside ${low} … ${high}`,
  mend: 'look at the unit and the clock of what writes the field',
});

export const rule = (
  column: string,
  what: string,
  holds: string,
  mend: string,
  limits: Limits = NEVER,
): RowRule => ({ kind: 'rule', column, holds, limits, what, mend });

export const refers = (
  columns: readonly string[],
  table: TableName,
  limits: Limits,
  mend: string,
  others: readonly string[] = columns,
): Reference => ({
  kind: 'reference',
  column: columns.join('+'),
  columns,
  to: { table, columns: others },
  limits,
  mend,
});

export const rate = (
  column: string,
  of: string,
  among: string,
  limits: Limits,
  shift: Limits,
): Rate => ({ kind: 'rate', column, of, among, limits, shift });

/** The customary reading of the PSI: above 0.1 a shift, above 0.25 a large one. */
const DRIFT: Limits = { warn: 0.1, stop: 0.25 };
/** For what changes with every release of the app. */
export const MAY_CHANGE: Limits = { warn: 0.25 };

export const numeric = (name: string, expression = `"${name}"`): DriftColumn => ({
  name,
  expression,
  numeric: true,
  limits: DRIFT,
});

export const categorical = (
  name: string,
  expression = `"${name}"`,
  limits: Limits = DRIFT,
): DriftColumn => ({ name, expression, numeric: false, limits });
