/** Updates made by one TensorFlow graph: an order of magnitude faster for recurrent models. */
import * as tf from '@tensorflow/tfjs';
import {
  type AdamForm,
  type BatchInputs,
  type CompiledTraining,
  compileTraining,
} from '../../compiler/tensorflow/index.ts';
import { type Layout, layoutOf } from './flat-weights.ts';
import type { OptimizerOptions, Snapshot, Trainer } from './trainer.ts';
import type { Model, Tensors } from './types.ts';

/** Symbol of the rows of a batch, and of the length that labels are cut to. */
const BATCH = 'batch';
const CUT = 'cut';

/** A model's columns with the batch, and the cut of its labels, as open sizes. */
export function batchInputs(model: Model): {
  inputs: BatchInputs;
  symbols: Record<string, number[]>;
} {
  const lengths = model.labelCut?.lengths ?? [];
  // One length is no size that varies.
  const cut = lengths.length > 1 ? new Set(model.labelCut!.columns) : new Set<string>();
  const inputs = Object.fromEntries(
    Object.entries(model.inputs).map(([name, { dtype, shape, whole }]) => {
      const row = cut.has(name) ? [CUT, ...shape.slice(1)] : shape;
      return [name, { dtype, shape: whole ? shape : [BATCH, ...row] }];
    }),
  );
  return { inputs, symbols: cut.size > 0 ? { [CUT]: lengths } : {} };
}

export class CompiledTrainer implements Trainer {
  readonly inputs: Model['inputs'];
  readonly layout: Layout;
  readonly #compiled: CompiledTraining;

  private constructor(model: Model, layout: Layout, compiled: CompiledTraining) {
    this.inputs = model.inputs;
    this.layout = layout;
    this.#compiled = compiled;
  }

  /**
   * Compiles the model's loss; takes seconds. Needs the tensorflow backend.
   * @param start the caller keeps it
   * @throws EdgeloomError when something in the model cannot be compiled, naming its line
   */
  static async create(
    model: Model,
    start: Tensors,
    options: OptimizerOptions,
    adam: AdamForm,
  ): Promise<CompiledTrainer> {
    const compiled = await compileTraining({
      ...options,
      ...batchInputs(model),
      name: model.name,
      weights: start,
      frozen: model.frozen ?? {},
      loss: (batch, weights) => model.loss(weights, batch),
      functions: {
        predict: (batch, weights) => ({ logits: model.predict(weights, batch) }),
        loss: (batch, weights) => ({ loss: model.loss(weights, batch) }),
      },
      adam,
    });
    return new CompiledTrainer(model, layoutOf(start), compiled);
  }

  update(batch: Tensors): number {
    return this.#compiled.step(batch);
  }

  accumulate(batch: Tensors): number {
    return this.#compiled.accumulate(batch);
  }

  apply(scale: number): void {
    this.#compiled.apply(scale);
  }

  predict(batch: Tensors): tf.Tensor {
    return this.#compiled.call('predict', batch).logits!;
  }

  loss(batch: Tensors): number {
    const { loss } = this.#compiled.call('loss', batch);
    const value = loss!.dataSync()[0]!;
    loss!.dispose();
    return value;
  }

  weights(): Float32Array {
    return this.#joined(this.#compiled.weights());
  }

  snapshot(): Snapshot {
    const { m, v, step } = this.#compiled.state();
    return { weights: this.weights(), m: this.#joined(m), v: this.#joined(v), step };
  }

  restore({ weights, m, v, step }: Snapshot): void {
    tf.tidy(() => {
      this.#compiled.assign(this.#cut(weights), { m: this.#cut(m), v: this.#cut(v), step });
    });
  }

  dispose(): void {
    this.#compiled.dispose();
  }

  /** One vector of tensors, which it disposes. */
  #joined(tensors: Tensors): Float32Array {
    const { names, sizes, total } = this.layout;
    const out = new Float32Array(total);
    let at = 0;
    names.forEach((name, i) => {
      out.set(tensors[name]!.dataSync() as Float32Array, at);
      at += sizes[i]!;
    });
    tf.dispose(tensors);
    return out;
  }

  #cut(vector: Float32Array): Tensors {
    const { names, shapes, sizes } = this.layout;
    let at = 0;
    return Object.fromEntries(
      names.map((name, i) => {
        const from = at;
        at += sizes[i]!;
        return [name, tf.tensor(vector.slice(from, at), shapes[i]!)];
      }),
    );
  }
}
