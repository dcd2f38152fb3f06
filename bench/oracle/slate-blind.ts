/**
 * The reranker without the slate: every candidate is encoded as if it were alone, with its place.
 * What the whole reranker gains over it is what it learnt from the other candidates. The place stays,
 * for a GRU over the slate counts as well, and attention falls with the place in every world.
 */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import type { Model, Tensors } from '../../models/engine/types.ts';
import { stackedGru, stackedGruInit } from '../../models/layers/gru.ts';
import { itemWidth } from '../../models/layers/item-vector.ts';
import { slateCrossEntropy } from '../../models/losses/binary-cross-entropy.ts';
import {
  encodeBatch,
  type RerankerConfig,
  rerank,
  rerankerModel,
} from '../../models/reranker/model.ts';

/** Numbers that tell a candidate's place. */
const PLACE = 2;

/** [1, N, PLACE] */
const places = (candidates: number): tf.Tensor3D =>
  tf.tensor3d(
    Array.from({ length: candidates }, (_, k) => [
      k / candidates,
      Math.log1p(k) / Math.log1p(candidates),
    ]).flat(),
    [1, candidates, PLACE],
  );

/** One GRU step from zero per candidate, [B, N, H]; the last one's is zero, as it stands for the slate. */
function aloneStates(config: RerankerConfig, weights: Tensors, inputs: Tensors): tf.Tensor3D {
  const { candidates: N, hidden, layers, dense } = config;
  const batch = inputs.cand_mask!.shape[0]!;
  const width = itemWidth(config.fields) + dense + PLACE;
  const place = tf.tile(places(N), [batch, 1, 1]);
  const own = tf.concat([inputs.cand_vec!, inputs.cand_dense!, place], 2);
  const alone = own.reshape<tf.Tensor3D>([batch * N, 1, width]);
  const mask = inputs.cand_mask!.reshape<tf.Tensor2D>([batch * N, 1]);
  const states = stackedGru(weights, 'candidate', layers, alone, mask).reshape([batch, N, hidden]);
  const keep = tf.tensor3d(
    Array.from({ length: N }, (_, k) => (k < N - 1 ? 1 : 0)),
    [1, N, 1],
  );
  return tf.mul(states, keep) as tf.Tensor3D;
}

export function slateBlindModel(config: RerankerConfig): Model {
  const whole = rerankerModel(config);
  const inputsOf = (weights: Tensors, batch: Tensors): Tensors => {
    const inputs = encodeBatch(config, weights, batch);
    return { ...inputs, cand_state: aloneStates(config, weights, inputs) };
  };
  return {
    ...whole,
    name: 'reranker-slate-blind',
    init: (seed) =>
      tf.tidy(() => {
        const width = itemWidth(config.fields) + config.dense + PLACE;
        const random = Random.of(seed, 'slate-blind', 'candidate');
        const own = stackedGruInit('candidate', config.layers, width, config.hidden, random);
        return { ...whole.init(seed), ...own };
      }),
    predict: (weights, batch) => rerank(config, weights, inputsOf(weights, batch)),
    loss: (weights, batch) => {
      const logits = rerank(config, weights, inputsOf(weights, batch), batch.label_mask!.shape[1]!);
      return slateCrossEntropy(logits, batch.label_click!, batch.label_mask!);
    },
  };
}
