/** The models of the bench by name, each with what its random batches need. */
import type { Model } from '../../models/engine/types.ts';
import { rerankerConfig, rerankerModel } from '../../models/reranker/model.ts';
import type { RowsOf } from './data.ts';
import { type PeerModel, peerModel } from './models.ts';

export type ModelName = PeerModel | 'reranker';

const CATEGORIES = 50;

/** Lengths and widths as in tensors of the simulated world. */
const RERANKER = {
  candidates: 50,
  exposures: 50,
  pageViews: 20,
  exposureAction: 22,
  pageViewAction: 30,
  exposureDecay: 8,
  pageViewDecay: 8,
  dense: 3,
  context: 30,
};

/** @param rows of the table of items */
export function benchModel(name: ModelName, rows: number): { model: Model; rowsOf: RowsOf } {
  if (name !== 'reranker') return { model: peerModel(name, rows), rowsOf: () => rows };
  const fields = [
    { name: 'item', rows, width: 16 },
    { name: 'category', rows: CATEGORIES, width: 8 },
  ];
  return {
    model: rerankerModel(rerankerConfig.parse({ fields, ...RERANKER })),
    rowsOf: (column) => (column.endsWith('_category') ? CATEGORIES : rows),
  };
}
