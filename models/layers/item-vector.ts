/** The item vector: rows of several id tables side by side. What embedding shards hold per item. */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Random } from '../../lib/random.ts';
import type { Features } from '../engine/features.ts';
import type { Tensors } from '../engine/types.ts';
import { embedding } from './embedding.ts';
import { normal } from './initializers.ts';

export const itemFields = z
  .array(
    z.strictObject({
      name: z.string().describe('column suffix in the samples: `cand_<name>`'),
      rows: z.int().min(1).describe('rows of the table; row 0 stands for unknown ids'),
      width: z.int().min(1).max(256).describe('width of a row'),
    }),
  )
  .min(1);
export type ItemFields = z.infer<typeof itemFields>;

const DEFAULT_WIDTHS: Record<string, number> = { item: 16 };
const OTHER_WIDTH = 8;

/** Tables for a tensors folder; an attribute that the source lacks (one row) is left out. */
export function itemFieldsFor(features: Features, widths: Record<string, number> = {}): ItemFields {
  return features.items.fields
    .filter(({ name, size }) => name === 'item' || size > 1)
    .map(({ name, size }) => ({
      name,
      rows: size,
      width: widths[name] ?? DEFAULT_WIDTHS[name] ?? OTHER_WIDTH,
    }));
}

/** P, the width of an item vector. */
export function itemWidth(fields: ItemFields): number {
  return fields.reduce((sum, { width }) => sum + width, 0);
}

/**
 * Tables under `embedding/<field>`, normal with deviation 2 / √rows, at most ½. The few values of an
 * attribute stand well apart from the start, so that attention can learn which items are alike; each
 * of many ids starts near the unknown one, and moves only as far as its own rows say.
 */
export function itemVectorsInit(fields: ItemFields, random: Random): Tensors {
  return Object.fromEntries(
    fields.map(({ name, rows, width }) => {
      const deviation = Math.min(0.5, 2 / Math.sqrt(rows));
      return [`embedding/${name}`, normal([rows, width], deviation, random)];
    }),
  );
}

/**
 * Item vectors of the ids in `<prefix>_<field>` columns.
 * @returns [...ids, P]
 */
export function itemVectors(
  fields: ItemFields,
  weights: Tensors,
  batch: Tensors,
  prefix: string,
): tf.Tensor {
  const parts = fields.map(({ name }) =>
    embedding(weights[`embedding/${name}`] as tf.Tensor2D, batch[`${prefix}_${name}`]!),
  );
  return parts.length === 1 ? parts[0]! : tf.concat(parts, -1);
}
