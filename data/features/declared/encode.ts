/** Declared features of a date's samples as tensors. */

import { toFloat32 } from '../../../device/features/operators.ts';
import type { SampleKind } from '../../../device/features/spec.ts';
import type { DuckDb } from '../../duckdb.ts';
import { axesOf, itemColumn, listSql } from '../bindings.ts';
import { ENCODED_ROWS } from '../encoded-rows.ts';
import type { FittedFeatures } from '../fit.ts';
import { TensorFile } from '../tensor-file.ts';
import { ValueReader } from '../value-reader.ts';
import {
  axesOfLayout,
  declaredLayout,
  declaredTensors,
  lengthColumn,
  paddingOf,
  USER_COLUMN,
} from './layout.ts';

/** Rows that DuckDB hands out at a time. */
const BATCH_ROWS = 2048;

/**
 * Writes the samples of `date` in the order of the other tensors of the kind: row i is row i there.
 * @param path where the file goes
 * @param rows how many samples of the date are encoded
 */
export async function encodeDeclared(
  db: DuckDb,
  kind: SampleKind,
  date: string,
  path: string,
  { spec, catalogue }: Pick<FittedFeatures, 'spec' | 'catalogue'>,
  rows: number,
): Promise<void> {
  const layout = declaredLayout(spec, kind);
  const lists = spec.lists[kind];
  const reader = new ValueReader(
    kind,
    layout.columns.map(({ expression }) => expression),
    spec,
    catalogue,
  );
  const axes = axesOfLayout(layout).filter((axis) => axesOf(kind).includes(axis));
  const { where, order } = ENCODED_ROWS[kind];
  const statement = `select enum_code(user_key::user_code)::integer as user_place,
      ${[
        ...reader.columns,
        ...axes.map(
          (axis) =>
            `len(${listSql(kind, itemColumn(kind, axis))})::integer as "${lengthColumn(axis)}"`,
        ),
      ].join(',\n      ')}
    from ${kind} where date = $date::date and ${where} order by ${order}`;
  const file = await TensorFile.create(path, rows, declaredTensors(layout, lists), BATCH_ROWS);
  const { buffers } = file;
  try {
    for await (const batch of db.batches(statement, { date })) {
      const values = reader.read(batch);
      buffers[USER_COLUMN]!.set(batch.numbers('user_place'));
      for (const axis of axes) {
        const length = batch.numbers(lengthColumn(axis));
        const out = buffers[lengthColumn(axis)]!;
        for (let row = 0; row < batch.rows; row++) out[row] = Math.min(length[row]!, lists[axis]!);
      }
      for (const column of layout.columns) {
        const out = buffers[column.name]!;
        const list = values.lists(column.expression);
        const width = column.axis ? lists[column.axis]! : 1;
        out.fill(paddingOf(column), 0, batch.rows * width);
        for (let row = 0; row < batch.rows; row++) {
          const n = Math.min(width, list.length(row));
          const start = list.start(row);
          for (let k = 0; k < n; k++) {
            const value = list.values[start + k]!;
            out[row * width + k] = column.dtype === 'F32' ? toFloat32(value) : value;
          }
        }
      }
      await file.flush(batch.rows);
    }
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
