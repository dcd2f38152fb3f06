/** For tests: TensorFlow as tfjs's backend, where its native library is there. */
import { startTensorflow as start } from '../trace/start-tensorflow.ts';

/** True when the `tensorflow` backend is current now. */
export async function startTensorflow(): Promise<boolean> {
  try {
    await start();
    return true;
  } catch {
    return false;
  }
}

/** Random numbers of a seed: an LCG is random enough for test data. */
export function numbersOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
