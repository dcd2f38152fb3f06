/** A model of which a part is trained and the rest stays as given. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { Model, Tensors } from './types.ts';

/**
 * The same model with some weights fixed: `init` gives the others only, and training, which knows
 * nothing of it, computes no gradient for the fixed ones.
 * @param fixed weights by name; the caller keeps and disposes them
 * @throws EdgeloomError `bad-weights` when the model has no weight of a given name
 */
export function withFrozen(model: Model, fixed: Tensors): Model {
  const all = (weights: Tensors): Tensors => ({ ...fixed, ...weights });
  return {
    ...model,
    frozen: { ...model.frozen, ...fixed },
    init(seed) {
      const fresh = model.init(seed);
      for (const name of Object.keys(fixed)) {
        const replaced = fresh[name];
        if (!replaced || `${replaced.shape}` !== `${fixed[name]!.shape}`) {
          throw new EdgeloomError({
            code: 'bad-weights',
            what: `The model ${model.name} has no weight ${name} of shape [${fixed[name]!.shape}]`,
            fix: 'take the fixed weights from a checkpoint of the same tensors folder',
          });
        }
        replaced.dispose();
        delete fresh[name];
      }
      return fresh;
    },
    loss: (weights, batch) => model.loss(all(weights), batch),
    predict: (weights, batch) => model.predict(all(weights), batch),
  };
}
