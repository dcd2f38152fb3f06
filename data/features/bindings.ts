/** Where the sources of features are in the samples. */

import { sourcesOf } from '../../device/features/parts.ts';
import type { Axis, Expression, SampleKind } from '../../device/features/spec.ts';
import { SAMPLE_KINDS } from '../../device/features/spec.ts';
import { NOW } from '../../device/features/type-of.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { SOURCES } from '../contracts/feature-sources.ts';
import { DECISION_COLUMNS, RERANK_COLUMNS, VIDEO_COLUMNS } from '../stitch/sample-schema.ts';
import type { Binding, BoundColumn } from './compile/compile.ts';

interface Columns {
  columns: Record<string, string>;
  /** By axis, what the names of its columns begin with. */
  prefixes: Partial<Record<Axis, string>>;
}

const COLUMNS: Record<SampleKind, Columns> = {
  rerank: {
    columns: RERANK_COLUMNS,
    prefixes: {
      ...{ candidate: 'cand_', exposure: 'exp_', page_view: 'pv_' },
      ...{ cart: 'cart_', order: 'ord_' },
    },
  },
  decision: {
    columns: DECISION_COLUMNS,
    prefixes: { exposure: 'since_exp_', page_view: 'sclk_', click: 'clk_' },
  },
  video: {
    columns: VIDEO_COLUMNS,
    // The phone compares all candidates; a sample has the one that was shown, a list of one.
    prefixes: { candidate: 'target_', watched: 'watched_', ordered: 'ordered_' },
  },
};

/** Attributes of items: their versions are in the catalogue, not in the samples. */
export const ATTRIBUTES = ['category', 'brand', 'creator', 'duration_ms', 'price_level'] as const;
export type Attribute = (typeof ATTRIBUTES)[number];

/** Axes that samples of a kind have. */
export const axesOf = (kind: SampleKind): Axis[] => Object.keys(COLUMNS[kind].prefixes) as Axis[];

const nameOf = (source: string): string => source.slice(source.indexOf('.') + 1);

/** The name of a source's column, or null: the samples do not have every source (items have their own table). */
export function columnName(kind: SampleKind, source: string): string | null {
  const declared = SOURCES[source];
  if (!declared) return null;
  const { columns, prefixes } = COLUMNS[kind];
  const prefix = declared.axis === null ? '' : prefixes[declared.axis];
  if (prefix === undefined) return null;
  const column = source === NOW ? 'decision_ts' : `${prefix}${nameOf(source)}`;
  return Object.hasOwn(columns, column) ? column : null;
}

/** The column of the items along an axis. */
export const itemColumn = (kind: SampleKind, axis: Axis): string =>
  `${COLUMNS[kind].prefixes[axis]}item`;

/** The attribute that a source names of the items along its axis; null when it is another value. */
export function attributeOf(kind: SampleKind, source: string): Attribute | null {
  const axis = SOURCES[source]?.axis;
  if (!axis || !(axis in COLUMNS[kind].prefixes) || columnName(kind, source)) return null;
  return ATTRIBUTES.find((attribute) => attribute === nameOf(source)) ?? null;
}

/** Kinds of samples that can have every source of an expression. */
export const kindsOf = (expression: Expression): SampleKind[] =>
  SAMPLE_KINDS.filter((kind) =>
    sourcesOf(expression).every(
      (source) => columnName(kind, source) !== null || attributeOf(kind, source) !== null,
    ),
  );

/** Whether a column has one value a row, although its source runs along an axis: a list of one. */
export const isSingle = (kind: SampleKind, column: string): boolean =>
  !COLUMNS[kind].columns[column]!.endsWith('[]');

/** A column as a list that is never null. */
export const listSql = (kind: SampleKind, column: string): string =>
  isSingle(kind, column) ? `[${column}]` : `coalesce(${column}, [])`;

/** The column of a source as an expression, or null when the samples do not have it. */
function columnOf(kind: SampleKind, source: string): BoundColumn | null {
  const column = columnName(kind, source);
  if (!column) return null;
  const { axis } = SOURCES[source]!;
  const type = COLUMNS[kind].columns[column]!;
  const isText = type.startsWith('VARCHAR');
  // Integers become doubles once, not at every boundary; they are finite.
  const finite = isText || !type.startsWith('DOUBLE');
  const value = axis === null ? column : listSql(kind, column);
  const cast = axis === null ? 'double' : 'double[]';
  return { sql: finite && !isText ? `${value}::${cast}` : value, finite };
}

/** Sources as columns of the views `rerank`, `decision`, `video`, and `train_` with each of these. */
export const bindingOf =
  (kind: SampleKind): Binding =>
  (source) => {
    const column = columnOf(kind, source);
    if (column) return column;
    throw new EdgeloomError({
      code: 'no-such-source',
      what: `The ${kind} samples have no column for the source ${source}`,
      fix: 'compile features over other sources, or interpret this one',
    });
  };
