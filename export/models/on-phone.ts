/** A model with item vectors as a phone has them. */
import * as tf from '@tensorflow/tfjs';
import type { ItemFields } from '../../models/layers/item-vector.ts';
import type { TensorMap } from './entry-point.ts';

/**
 * On the phone an item's vector is one row, found by the item's id. The model's functions then read
 * one table where training has one per attribute. The caller disposes the new `embedding/item`.
 */
export function onPhone<Config extends { fields: ItemFields }>(
  config: Config,
  weights: TensorMap,
  rows: { width: number; table: Float32Array },
): { config: Config; weights: TensorMap } {
  const count = rows.table.length / rows.width;
  const kept = Object.entries(weights).filter(([name]) => !name.startsWith('embedding/'));
  return {
    config: { ...config, fields: [{ name: 'item', rows: count, width: rows.width }] },
    weights: {
      ...Object.fromEntries(kept),
      'embedding/item': tf.tensor2d(rows.table, [count, rows.width]),
    },
  };
}
