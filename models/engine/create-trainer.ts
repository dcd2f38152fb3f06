/** Chooses how updates are computed. */
import { nativeBackend } from '../../compiler/trace/raw-op.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { CompiledTrainer } from './compiled-trainer.ts';
import { EagerTrainer } from './eager-trainer.ts';
import type { Execution, OptimizerOptions, Trainer } from './trainer.ts';
import type { Model, Tensors } from './types.ts';

/** What is possible here: compiled needs TensorFlow. */
export function possible({ mode, adam }: Execution): Execution {
  const compiled = mode === 'compiled' && nativeBackend() !== undefined;
  return compiled ? { mode, adam } : { mode: 'eager', adam: 'exact' };
}

/**
 * A trainer at its start. Compiling takes seconds.
 * @param start weights that are trained; the caller keeps them
 * @throws EdgeloomError when the model cannot be compiled, naming the line
 */
export async function createTrainer(
  execution: Execution,
  model: Model,
  start: Tensors,
  optimizer: OptimizerOptions,
  { onProgress }: RunOptions = {},
): Promise<Trainer> {
  const { mode, adam } = possible(execution);
  if (mode === 'eager') return new EagerTrainer(model, start, optimizer);
  onProgress?.({ message: `compiling ${model.name}`, fraction: 0 });
  return CompiledTrainer.create(model, start, optimizer, adam);
}
