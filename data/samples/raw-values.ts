/** The raw values of a sample by the sources of features.json, and where each was found. */
import type { RawValue, RawValues } from '../../device/features/columns.ts';
import type { FeatureSpec, Source } from '../../device/features/spec.ts';
import { columnName, type SampleKind } from '../features/bindings.ts';
import type { Found, Row } from './find.ts';
import type { KnownItem } from './items.ts';

/** A sequence of items of a sample: prefix of its columns and of its tensors, and the axis it is. */
export interface Sequence {
  columns: string;
  tensors: string;
  axis: Source['axis'];
}

export const SEQUENCES: Record<SampleKind, Sequence[]> = {
  rerank: [
    { columns: 'cand', tensors: 'cand', axis: 'candidate' },
    { columns: 'exp', tensors: 'exp', axis: 'exposure' },
    { columns: 'pv', tensors: 'pv', axis: 'page_view' },
  ],
  decision: [
    { columns: 'since_exp', tensors: 'since', axis: 'exposure' },
    { columns: 'sclk', tensors: 'sclk', axis: 'page_view' },
    { columns: 'unexposed', tensors: 'unexposed', axis: null },
  ],
};

export const listOf = <T>(row: Row, column: string): T[] => (row[column] ?? []) as T[];

export interface RawSource {
  /** Name in features.json. */
  source: string;
  axis: Source['axis'];
  /** Column of the samples, or of the item table at the moment. */
  column: string;
  raw: RawValue | RawValue[];
}

/** Sources that the samples of this kind have; the others are left out. */
export function rawSources(
  { kind, row }: Found & { kind: SampleKind },
  spec: Pick<FeatureSpec, 'sources'>,
  itemAt: (id: string) => KnownItem,
): Map<string, RawSource> {
  const found = new Map<string, RawSource>();
  for (const [source, { axis }] of Object.entries(spec.sources)) {
    const column = columnName(kind, source);
    if (column) {
      const raw = axis ? listOf<RawValue>(row, column) : ((row[column] ?? null) as RawValue);
      found.set(source, { source, axis, column, raw });
      continue;
    }
    const sequence = axis && SEQUENCES[kind].find((one) => one.axis === axis);
    const field = source.slice(source.indexOf('.') + 1);
    if (!sequence || !isAttribute(field)) continue;
    const raw = listOf<string>(row, `${sequence.columns}_item`).map(
      (item) => itemAt(item).attributes?.[field] ?? null,
    );
    found.set(source, { source, axis, column: `items.${field} of ${sequence.columns}_item`, raw });
  }
  return found;
}

type Attribute = 'category' | 'duration_ms' | 'price_level';
const isAttribute = (field: string): field is Attribute =>
  ['category', 'duration_ms', 'price_level'].includes(field);

/** As the interpreter takes them. */
export const asRawValues = (sources: Map<string, RawSource>): RawValues =>
  Object.fromEntries([...sources].map(([name, { raw }]) => [name, raw]));
