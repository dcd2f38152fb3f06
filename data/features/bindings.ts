/** Where the sources of features are in the samples. */
import type { Axis } from '../../device/features/spec.ts';
import { NOW } from '../../device/features/type-of.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { SOURCES } from '../contracts/feature-sources.ts';
import { DECISION_COLUMNS, RERANK_COLUMNS } from '../stitch/sample-schema.ts';
import type { Binding, BoundColumn } from './compile/compile.ts';

interface Samples {
  columns: Record<string, string>;
  /** By axis, what the names of its columns begin with. */
  prefixes: Partial<Record<Axis, string>>;
}

const SAMPLES = {
  rerank: {
    columns: RERANK_COLUMNS,
    prefixes: { candidate: 'cand_', exposure: 'exp_', page_view: 'pv_' },
  },
  decision: {
    columns: DECISION_COLUMNS,
    prefixes: { exposure: 'since_exp_', page_view: 'sclk_' },
  },
} satisfies Record<string, Samples>;
export type SampleKind = keyof typeof SAMPLES;

/** The name of a source's column, or null: the samples do not have every source (items have their own table). */
export function columnName(kind: SampleKind, source: string): string | null {
  const declared = SOURCES[source];
  if (!declared) return null;
  const { columns, prefixes }: Samples = SAMPLES[kind];
  const name = source.slice(source.indexOf('.') + 1);
  const prefix = declared.axis === null ? '' : prefixes[declared.axis];
  if (prefix === undefined) return null;
  const column = source === NOW ? 'decision_ts' : `${prefix}${name}`;
  return Object.hasOwn(columns, column) ? column : null;
}

/** The column of a source as an expression, or null when the samples do not have it. */
export function columnOf(kind: SampleKind, source: string): BoundColumn | null {
  const column = columnName(kind, source);
  if (!column) return null;
  const declared = SOURCES[source]!;
  const type = (SAMPLES[kind] as Samples).columns[column]!;
  const isText = type.startsWith('VARCHAR');
  // Integers become doubles once, not at every boundary; they are finite.
  const finite = isText || !type.startsWith('DOUBLE');
  const list = declared.axis === null ? column : `coalesce(${column}, [])`;
  const cast = declared.axis === null ? 'double' : 'double[]';
  return { sql: finite && !isText ? `${list}::${cast}` : list, finite };
}

/** Sources as columns of the views `rerank`, `train_rerank`, `decision`, `train_decision`. */
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
