/** The item vectors of a trained model: one row per known item, and the row of unknown ones. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { SafetensorsFile } from '../../lib/safetensors.ts';
import { type ItemFields, itemWidth } from '../../models/layers/item-vector.ts';
import type { RowDtype } from '../shards/format.ts';
import { openShards } from '../shards/open.ts';
import { writeShards } from '../shards/write.ts';
import type { TensorMap } from './entry-point.ts';

export interface ItemRows {
  /** Ids of the rows from 1 on; row 0 is the unknown one. */
  ids: string[];
  /** P. */
  width: number;
  /** Row-major [ids.length + 1, width]. */
  table: Float32Array;
}

const vocabularySchema = z.looseObject({ version: z.literal(1), item: z.array(z.string()) });

/**
 * Joins the rows of the id tables: an item's own, and those of its attributes at the end of training.
 * @throws EdgeloomError `bad-tensors` when vocabulary and tables do not fit
 */
export async function readItemRows(
  tensorsDir: string,
  fields: ItemFields,
  weights: TensorMap,
): Promise<ItemRows> {
  const path = join(tensorsDir, 'vocabulary.json');
  const vocabulary = vocabularySchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const file = await SafetensorsFile.open(join(tensorsDir, 'items.safetensors'));
  try {
    const rows = vocabulary.item.length + 1;
    const width = itemWidth(fields);
    const table = new Float32Array(rows * width);
    let offset = 0;
    for (const field of fields) {
      const values = weights[`embedding/${field.name}`]!.dataSync() as Float32Array;
      const own = field.name === 'item';
      const attribute = own ? null : (await file.read(field.name)).data;
      if ((own && field.rows !== rows) || (attribute && attribute.length !== rows)) {
        throw new EdgeloomError({
          code: 'bad-tensors',
          what: `The model has ${field.rows} rows of ${field.name}, the tensors ${rows} items`,
          where: path,
          fix: 'export with the tensors that the model was trained on',
        });
      }
      for (let row = 0; row < rows; row++) {
        const from = (attribute ? attribute[row]! : row) * field.width;
        table.set(values.subarray(from, from + field.width), row * width + offset);
      }
      offset += field.width;
    }
    return { ids: vocabulary.item, width, table };
  } finally {
    await file.close();
  }
}

/** Writes the shards, and reads them back: the rows as a phone has them. */
export async function storeItemRows(
  rows: ItemRows,
  place: { outDir: string; model: string; modelVersion: string; dtype: RowDtype },
  options: RunOptions = {},
): Promise<{ files: string[]; decoded: ItemRows }> {
  const { width, ids, table } = rows;
  const outDir = join(place.outDir, 'embeddings');
  const written = await writeShards({
    ...place,
    ...options,
    ids,
    vectors: table.subarray(width),
    unknown: table.subarray(0, width),
    outDir,
  });
  const shards = await openShards(outDir);
  try {
    const decoded = new Float32Array(table.length);
    decoded.set(table.subarray(0, width));
    decoded.set(await shards.lookup(ids), width);
    const names = [...written.shards.map(({ path }) => path), 'index.json'];
    if (written.parquet) names.push(written.parquet.path);
    return {
      files: names.map((name) => `embeddings/${name}`),
      decoded: { ids, width, table: decoded },
    };
  } finally {
    await shards.close();
  }
}
