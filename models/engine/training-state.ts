/** Where training stands, on disk: enough to go on as if it had never stopped. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsFile, writeSafetensors } from '../../lib/safetensors.ts';

/** One finished epoch. */
export interface EpochRecord {
  epoch: number;
  /** Mean training loss over the epoch, as the weights moved. */
  loss: number;
  steps: number;
  valid: Record<string, number>;
  /** True when these weights were the best so far. */
  best: boolean;
}

/** The place in training. The order of the batches follows from seed and epoch, see dataset.ts. */
export interface Cursor {
  /** Zero-based epoch and the batches of it that are done. */
  epoch: number;
  batch: number;
  /** Optimiser updates so far. */
  step: number;
  /** Sums over the current epoch, for its mean loss. */
  lossSum: number;
  lossRows: number;
  history: EpochRecord[];
  finished: boolean;
}

export interface TrainingState {
  cursor: Cursor;
  weights: Float32Array;
  m: Float32Array;
  v: Float32Array;
  /** Weights of the best epoch so far; those of the start before the first epoch ends. */
  best: Float32Array;
}

const FILE = 'state.safetensors';

/** Writes the state atomically. `identity` names what is being trained; see {@link loadState}. */
export async function saveState(
  folder: string,
  identity: string,
  { cursor, ...vectors }: TrainingState,
): Promise<void> {
  const tensors = Object.fromEntries(
    Object.entries(vectors).map(([name, data]) => [name, { shape: [data.length], data }]),
  );
  await writeSafetensors(join(folder, FILE), tensors, { identity, cursor: JSON.stringify(cursor) });
}

/**
 * The saved state, or undefined when there is none or it belongs to another training (other data,
 * model, parameters or seed). Leftovers of writes that were cut off are removed.
 */
export async function loadState(
  folder: string,
  identity: string,
): Promise<TrainingState | undefined> {
  const names = await readdir(folder);
  for (const name of names) {
    if (name.startsWith(`${FILE}.partial-`)) await rm(join(folder, name), { force: true });
  }
  if (!names.includes(FILE)) return undefined;
  const file = await SafetensorsFile.open(join(folder, FILE));
  try {
    if (file.metadata.identity !== identity) return undefined;
    const vector = async (name: string) => (await file.read(name)).data as Float32Array;
    return {
      cursor: JSON.parse(file.metadata.cursor!) as Cursor,
      weights: await vector('weights'),
      m: await vector('m'),
      v: await vector('v'),
      best: await vector('best'),
    };
  } finally {
    await file.close();
  }
}
