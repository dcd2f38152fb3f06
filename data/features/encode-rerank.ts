/** Rerank samples of a date as tensors. */

import { toFloat32 } from '../../device/features/operators.ts';
import type { Batch } from '../columns/duckdb-columns.ts';
import { type DuckDb, textList } from '../duckdb.ts';
import { withFeatures } from './compile/compile.ts';
import type { DayRows } from './day-rows.ts';
import {
  type Buffers,
  copyNumbers,
  element,
  encodeContext,
  encodeSequence,
  idColumns,
  idEncoder,
  readerOf,
  type SequenceSpec,
  sequenceColumns,
} from './encode-parts.ts';
import type { FittedFeatures } from './fit.ts';
import { featuresSql } from './open-samples.ts';
import { type ColumnSpec, TensorFile } from './tensor-file.ts';
import type { BatchValues } from './value-reader.ts';

/** Rows that DuckDB hands out at a time. */
export const BATCH_ROWS = 2048;

export interface RerankAccount {
  rows: number;
  exposures: number;
  clicks: number;
  longs: number;
  likes: number;
}

const sequences = ({ spec }: FittedFeatures): SequenceSpec[] => [
  {
    prefix: 'exp',
    length: spec.sizes.exposures,
    behaviour: 'exposure',
    actions: spec.actions.exposure,
  },
  {
    prefix: 'pv',
    length: spec.sizes.pageViews,
    behaviour: 'page_view',
    actions: spec.actions.page_view,
  },
];

function columnsOf(fitted: FittedFeatures): Record<string, ColumnSpec> {
  const { sizes, context } = fitted.spec;
  const N = sizes.candidates;
  const one = (dtype: 'F32' | 'I32', names: string[], shape: number[]) =>
    Object.fromEntries(names.map((name) => [name, { dtype, shape }]));
  return {
    ...one('I32', ['sample', 'user', 'slate', 'scene', 'date'], []),
    ...idColumns('cand', N),
    cand_dense: { dtype: 'F32', shape: [N, sizes.dense] },
    cand_position: { dtype: 'I32', shape: [N] },
    ...one(
      'F32',
      ['cand_mask', 'label_mask', 'label_click', 'label_long', 'label_like', 'popularity'],
      [N],
    ),
    ...Object.assign({}, ...sequences(fitted).map(sequenceColumns)),
    context: { dtype: 'I32', shape: [context.length] },
  };
}

/** Writes the samples of `date` that exposed something, numbered on from `firstSample`, `firstSlate`. */
export async function encodeRerank(
  db: DuckDb,
  date: string,
  path: string,
  fitted: FittedFeatures,
  { samples, firstSample, firstSlate }: DayRows,
  onRows: (rows: number) => void,
): Promise<RerankAccount> {
  const account: RerankAccount = { rows: samples, exposures: 0, clicks: 0, longs: 0, likes: 0 };
  const file = await TensorFile.create(path, samples, columnsOf(fitted), BATCH_ROWS);
  let next = firstSample;
  const dayNumber = Date.parse(date) / 86_400_000;
  try {
    const { spec } = fitted;
    const reader = readerOf('rerank', fitted, sequences(fitted), [...spec.context, ...spec.dense]);
    const columns = reader.columns.join(',\n    ');
    const statement = withFeatures(await featuresSql('rerank-rows'), columns);
    for await (const batch of db.batches(statement, { date, scenes: textList(spec.scenes) })) {
      const { buffers } = file;
      const values = reader.read(batch);
      const slate = batch.numbers('slate');
      for (let row = 0; row < batch.rows; row++) {
        buffers.sample![row] = next++;
        buffers.slate![row] = firstSlate + slate[row]! - 1;
        buffers.date![row] = dayNumber;
      }
      copyNumbers(batch, 'user', buffers.user!);
      copyNumbers(batch, 'scene_index', buffers.scene!);
      encodeCandidates(batch, values, buffers, fitted, account);
      for (const sequence of sequences(fitted)) {
        encodeSequence(sequence, batch, values, buffers, fitted);
      }
      encodeContext(spec.context, batch, values, buffers.context!);
      await file.flush(batch.rows);
      onRows(batch.rows);
    }
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
  return account;
}

function encodeCandidates(
  batch: Batch,
  values: BatchValues,
  buffers: Buffers,
  { spec, catalogue, popularity }: FittedFeatures,
  account: RerankAccount,
): void {
  const N = spec.sizes.candidates;
  const items = batch.lists('cand_item');
  const positions = batch.lists('cand_position');
  const exposed = batch.lists('label_exposed');
  const labels = (['click', 'long', 'like'] as const).map((name) => ({
    source: batch.lists(`label_${name}`),
    out: buffers[`label_${name}`]!,
    total: `${name}s` as 'clicks' | 'longs' | 'likes',
  }));
  const time = batch.numbers('decision_ts');
  const encodeIds = idEncoder(buffers, 'cand', catalogue);
  const dense = buffers.cand_dense!;
  const width = spec.dense.length;
  const numbers = spec.dense.map(({ expression }) => values.lists(expression));
  buffers.cand_position!.fill(-1);
  for (let row = 0; row < batch.rows; row++) {
    const n = Math.min(N, items.length(row));
    for (let k = 0; k < n; k++) {
      const at = row * N + k;
      const place = element(items, row, k);
      encodeIds(at, place, time[row]!);
      buffers.cand_mask![at] = 1;
      buffers.cand_position![at] = element(positions, row, k);
      buffers.popularity![at] = popularity[place]!;
      if (element(exposed, row, k) !== 1) continue;
      buffers.label_mask![at] = 1;
      account.exposures++;
      for (const { source, out, total } of labels) {
        if (element(source, row, k) !== 1) continue;
        out[at] = 1;
        account[total]++;
      }
    }
    numbers.forEach((list, f) => {
      for (let k = 0; k < n; k++) {
        dense[(row * N + k) * width + f] = toFloat32(element(list, row, k));
      }
    });
  }
}
