/** Updates made op by op, on any backend. All weights are one vector; see flat-weights.ts. */
import * as tf from '@tensorflow/tfjs';
import { learningRateAt, numbers } from '../../compiler/tensorflow/index.ts';
import { type AdamState, adamStart, adamUpdate, disposeAdam } from './adam.ts';
import { flatten, type Layout, layoutOf, unflatten } from './flat-weights.ts';
import { eagerScorer, type Scorer } from './scorer.ts';
import type { OptimizerOptions, Snapshot, Trainer } from './trainer.ts';
import type { Model, Tensors } from './types.ts';

export class EagerTrainer implements Trainer {
  readonly inputs: Model['inputs'];
  readonly layout: Layout;
  readonly #model: Model;
  readonly #options: OptimizerOptions;
  #adam: AdamState;
  #sum: tf.Tensor1D | undefined;

  /** @param start the caller keeps it */
  constructor(model: Model, start: Tensors, options: OptimizerOptions) {
    this.#model = model;
    this.inputs = model.inputs;
    this.layout = layoutOf(start);
    this.#options = options;
    this.#adam = adamStart(tf.tidy(() => flatten(start, this.layout)));
  }

  update(batch: Tensors): number {
    const { loss, gradient } = this.#gradient(batch);
    this.#step(gradient);
    return loss;
  }

  accumulate(batch: Tensors): number {
    const { loss, gradient } = this.#gradient(batch);
    const before = this.#sum;
    this.#sum = before ? tf.add<tf.Tensor1D>(before, gradient) : gradient;
    if (before) tf.dispose([before, gradient]);
    return loss;
  }

  apply(scale: number): void {
    const sum = this.#sum ?? tf.zerosLike(this.#adam.weights);
    this.#sum = undefined;
    const gradient = tf.mul<tf.Tensor1D>(sum, scale);
    sum.dispose();
    this.#step(gradient);
  }

  /** All gradients as one vector, in the order of the layout. */
  #gradient(batch: Tensors): { loss: number; gradient: tf.Tensor1D } {
    const { layout } = this;
    let loss = Number.NaN;
    const gradient = tf.tidy(() => {
      const { names } = layout;
      const weights = unflatten(this.#adam.weights, layout);
      const forward = (...values: tf.Tensor[]) =>
        this.#model.loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])), batch);
      const { value, grads } = tf.valueAndGrads(forward)(names.map((name) => weights[name]!));
      loss = value.dataSync()[0]!;
      return tf.concat1d(grads.map((grad) => grad.reshape<tf.Tensor1D>([-1])));
    });
    return { loss, gradient };
  }

  /** Disposes the gradient. */
  #step(gradient: tf.Tensor1D): void {
    const before = this.#adam;
    const { learningRate, schedule = {}, ...rest } = this.#options;
    const rate = learningRateAt(numbers, learningRate, schedule, before.step + 1);
    this.#adam = adamUpdate(before, gradient, { learningRate: rate, ...rest });
    gradient.dispose();
    disposeAdam(before);
  }

  predict(batch: Tensors): tf.Tensor {
    return this.#scored((scorer) => scorer.predict(batch));
  }

  loss(batch: Tensors): number {
    return this.#scored((scorer) => scorer.loss(batch));
  }

  #scored<T>(use: (scorer: Scorer) => T): T {
    const weights = tf.tidy(() => unflatten(this.#adam.weights, this.layout));
    try {
      return use(eagerScorer(this.#model, weights));
    } finally {
      tf.dispose(weights);
    }
  }

  weights(): Float32Array {
    return this.#adam.weights.dataSync() as Float32Array;
  }

  snapshot(): Snapshot {
    const read = (tensor: tf.Tensor) => tensor.dataSync() as Float32Array;
    const { weights, m, v, step } = this.#adam;
    return { weights: read(weights), m: read(m), v: read(v), step };
  }

  restore({ weights, m, v, step }: Snapshot): void {
    disposeAdam(this.#adam);
    this.#adam = { weights: tf.tensor1d(weights), m: tf.tensor1d(m), v: tf.tensor1d(v), step };
  }

  dispose(): void {
    this.#sum?.dispose();
    disposeAdam(this.#adam);
  }
}
