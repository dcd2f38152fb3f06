/** The raw values of a sample by the sources of features.json, and where each was found. */
import type { RawValue, RawValues } from '../../device/features/columns.ts';
import type { FeatureSpec, SampleKind, Source } from '../../device/features/spec.ts';
import { attributeOf, columnName, isSingle, itemColumn } from '../features/bindings.ts';
import type { Found, Row } from './find.ts';
import type { KnownItem } from './items.ts';

/** A sequence of items whose rows are in tensors: prefix of its columns and of its tensors, and its axis. */
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
  video: [],
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
  const along = (column: string): RawValue[] =>
    isSingle(kind, column) ? [(row[column] ?? null) as RawValue] : listOf<RawValue>(row, column);
  for (const [source, { axis }] of Object.entries(spec.sources)) {
    const column = columnName(kind, source);
    const attribute = attributeOf(kind, source);
    if (column) {
      const raw = axis ? along(column) : ((row[column] ?? null) as RawValue);
      found.set(source, { source, axis, column, raw });
    } else if (axis && attribute) {
      const items = itemColumn(kind, axis);
      const raw = along(items).map(
        (item) => itemAt(item as string).attributes?.[attribute] ?? null,
      );
      found.set(source, { source, axis, column: `items.${attribute} of ${items}`, raw });
    }
  }
  return found;
}

/** As the interpreter takes them. */
export const asRawValues = (sources: Map<string, RawSource>): RawValues =>
  Object.fromEntries([...sources].map(([name, { raw }]) => [name, raw]));
