/** A SavedModel that is loaded: calls by signature, tensors in and out. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import { requireNative } from '../trace/native-recorder.ts';
import { isOutside, outsideAtRun } from './index-errors.ts';

interface SavedModel {
  predict(inputs: Record<string, tf.Tensor>): Record<string, tf.Tensor>;
  dispose(): void;
}
interface TfNodeModule {
  node: {
    loadSavedModel(path: string, tags: string[], signature: string): Promise<SavedModel>;
  };
}

/** The tfjs-node that is already loaded: its GPU package is another module. */
async function tfNode(): Promise<TfNodeModule['node']> {
  const module = requireNative().isGPUPackage
    ? await import('@tensorflow/tfjs-node-gpu')
    : await import('@tensorflow/tfjs-node');
  return (module.node ? module : (module as unknown as { default: typeof module }).default)
    .node as unknown as TfNodeModule['node'];
}

export class Session {
  /** For messages. */
  readonly #name: string;
  readonly #signatures: ReadonlyMap<string, SavedModel>;
  #disposed = false;

  private constructor(name: string, signatures: ReadonlyMap<string, SavedModel>) {
    this.#name = name;
    this.#signatures = signatures;
  }

  /** Writes the file into a folder of its own (tfjs-node keeps what it loads by path), loads it, removes it. */
  static async load(
    name: string,
    bytes: Uint8Array,
    signatures: readonly string[],
  ): Promise<Session> {
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-graph-'));
    const loaded = new Map<string, SavedModel>();
    try {
      await writeFile(join(folder, 'saved_model.pb'), bytes);
      const node = await tfNode();
      for (const signature of signatures) {
        loaded.set(signature, await node.loadSavedModel(folder, ['serve'], signature));
      }
      return new Session(name, loaded);
    } catch (error) {
      for (const model of loaded.values()) model.dispose();
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /**
   * Blocks until TensorFlow has run. The caller disposes the outputs, and the inputs, which it keeps.
   * @throws EdgeloomError `disposed`, `bad-batch` for an index that the graph computes
   */
  call(signature: string, inputs: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
    const model = this.#signatures.get(signature);
    if (!model) throw new RangeError(`the graph has no signature ${signature}`);
    this.#assertOpen();
    try {
      return model.predict(inputs);
    } catch (error) {
      throw isOutside(error) ? outsideAtRun(error, `${this.#name}, ${signature}`) : error;
    }
  }

  #assertOpen(): void {
    if (!this.#disposed) return;
    throw new EdgeloomError({
      code: 'disposed',
      what: 'The compiled graph has been disposed',
      where: this.#name,
      fix: 'compile it again, or dispose it after its last use',
    });
  }

  /** Once more does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const model of this.#signatures.values()) model.dispose();
  }
}
