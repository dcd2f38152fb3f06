/** Parts of a row that rerank and decision tensors share. */
import type { Behaviour, Feature, GroupFeature, SampleKind } from '../../device/features/spec.ts';
import type { Batch, ListColumn } from '../columns/duckdb-columns.ts';
import type { Catalogue } from './catalogue.ts';
import type { FittedFeatures } from './fit.ts';
import type { ColumnBuffer, ColumnSpec } from './tensor-file.ts';
import { type BatchValues, ValueReader } from './value-reader.ts';

export type Buffers = Record<string, ColumnBuffer>;

const ids = ['item', 'category', 'brand', 'creator'] as const;

/** Id columns `<prefix>_item` … `_creator` of `length` places. */
export const idColumns = (prefix: string, length: number): Record<string, ColumnSpec> =>
  Object.fromEntries(ids.map((id) => [`${prefix}_${id}`, { dtype: 'I32', shape: [length] }]));

/** Writes the id columns of the item at `place` of the catalogue, as it was at `time`. */
export function idEncoder(
  buffers: Buffers,
  prefix: string,
  catalogue: Catalogue,
): (at: number, place: number, time: number) => void {
  const item = buffers[`${prefix}_item`]!;
  const category = buffers[`${prefix}_category`]!;
  const brand = buffers[`${prefix}_brand`]!;
  const creator = buffers[`${prefix}_creator`]!;
  return (at, place, time) => {
    const attributes = catalogue.at(place, time);
    item[at] = catalogue.rows[place] ?? 0;
    category[at] = attributes.category;
    brand[at] = attributes.brand;
    creator[at] = attributes.creator;
  };
}

/** A sequence of behaviours: what it is made of and how long it may be. */
export interface SequenceSpec {
  prefix: string;
  length: number;
  behaviour: Behaviour;
  /** Features of an action. */
  actions: readonly GroupFeature[];
}

export const sequenceColumns = ({
  prefix,
  length,
  actions,
}: SequenceSpec): Record<string, ColumnSpec> => ({
  ...idColumns(prefix, length),
  [`${prefix}_action`]: { dtype: 'I32', shape: [length, actions.length] },
  [`${prefix}_decay`]: { dtype: 'I32', shape: [length] },
  [`${prefix}_mask`]: { dtype: 'F32', shape: [length] },
  [`${prefix}_known`]: { dtype: 'F32', shape: [length] },
});

/** Reads the categories of sequences and context, and numbers. */
export const readerOf = (
  kind: SampleKind,
  { spec, catalogue }: Pick<FittedFeatures, 'spec' | 'catalogue'>,
  sequences: readonly SequenceSpec[],
  others: readonly Feature[],
): ValueReader =>
  new ValueReader(
    kind,
    [
      ...sequences.flatMap(({ behaviour, actions }) => [...actions, spec.decay[behaviour]]),
      ...others,
    ].map(({ expression }) => expression),
    spec,
    catalogue,
  );

/**
 * Encodes one sequence of every row of a batch, oldest first, padding at the end. Where there is no
 * behaviour, or none of its actions is known, action indexes are −1 (no one in the multi-hot vector).
 */
export function encodeSequence(
  { prefix, length, behaviour, actions }: SequenceSpec,
  batch: Batch,
  values: BatchValues,
  buffers: Buffers,
  { spec, catalogue }: Pick<FittedFeatures, 'spec' | 'catalogue'>,
): void {
  const items = batch.lists(`${prefix}_item`);
  const known = batch.lists(`${prefix}_known`);
  const decay = values.lists(spec.decay[behaviour].expression);
  const categories = actions.map(({ expression }) => values.lists(expression));
  const time = batch.numbers('decision_ts');
  const mask = buffers[`${prefix}_mask`]!;
  const knownOut = buffers[`${prefix}_known`]!;
  const decayOut = buffers[`${prefix}_decay`]!;
  const actionOut = buffers[`${prefix}_action`]!;
  const encodeIds = idEncoder(buffers, prefix, catalogue);
  const width = actions.length;
  actionOut.fill(-1);
  decayOut.fill(-1);
  for (let row = 0; row < batch.rows; row++) {
    const n = Math.min(length, items.length(row));
    for (let k = 0; k < n; k++) {
      const at = row * length + k;
      encodeIds(at, element(items, row, k), time[row]!);
      mask[at] = 1;
      decayOut[at] = element(decay, row, k);
      if (element(known, row, k) !== 1) continue;
      knownOut[at] = 1;
      for (let f = 0; f < width; f++) {
        actionOut[at * width + f] = actions[f]!.offset + element(categories[f]!, row, k);
      }
    }
  }
}

export const element = (column: ListColumn, row: number, k: number): number =>
  column.values[column.start(row) + k]!;

/** Encodes the context of every row of a batch. */
export function encodeContext(
  features: readonly GroupFeature[],
  batch: Batch,
  values: BatchValues,
  context: ColumnBuffer,
): void {
  const width = features.length;
  features.forEach(({ offset, expression }, f) => {
    const categories = values.lists(expression);
    for (let row = 0; row < batch.rows; row++) {
      context[row * width + f] = offset + element(categories, row, 0);
    }
  });
}

/** Copies a column of numbers, NaN as 0. */
export function copyNumbers(batch: Batch, name: string, out: ColumnBuffer): void {
  const source = batch.numbers(name);
  for (let row = 0; row < batch.rows; row++) {
    out[row] = Number.isNaN(source[row]!) ? 0 : source[row]!;
  }
}
