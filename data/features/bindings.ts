/** Where the sources of features are in the samples. */
import type { Axis, Source } from '../../device/features/spec.ts';
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

/** The column of a source, or null: the samples do not have every source (items have their own table). */
export function columnOf(kind: SampleKind, source: string): BoundColumn | null {
  const declared = SOURCES[source];
  if (!declared) return null;
  const column = columnName(SAMPLES[kind], source, declared);
  const type = column && (SAMPLES[kind] as Samples).columns[column];
  if (!column || !type) return null;
  const isText = type.startsWith('VARCHAR');
  // Integers become doubles once, not at every boundary; they are finite.
  const finite = isText || !type.startsWith('DOUBLE');
  const list = declared.axis === null ? column : `coalesce(${column}, [])`;
  const cast = declared.axis === null ? 'double' : 'double[]';
  return { sql: finite && !isText ? `${list}::${cast}` : list, finite };
}

function columnName(samples: Samples, source: string, { axis }: Source): string | null {
  const name = source.slice(source.indexOf('.') + 1);
  if (axis === null) return name === 'now' ? 'decision_ts' : name;
  const prefix = samples.prefixes[axis];
  return prefix ? `${prefix}${name}` : null;
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
