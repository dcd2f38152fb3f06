/** How far two sets of outputs lie apart. */

import type { NamedArrays } from '../../compiler/runtimes/runtime.ts';

/** One evaluation of a model: inputs to outputs, by the names of the model file. */
export type ModelFunction = (inputs: NamedArrays) => Promise<NamedArrays>;

export interface Difference {
  /** Largest absolute difference. */
  maxAbs: number;
  /** RMS of the difference over RMS of the expected values; 0 when both are all zeros. */
  relativeRms: number;
  /** Values compared. */
  values: number;
}

export interface OutputPair {
  expected: NamedArrays;
  actual: NamedArrays;
}

/**
 * Compares outputs over all pairs. A missing output, another length or a value that is not finite
 * counts as infinitely far: a runtime that fails without an error returns such things.
 */
export function compareOutputs(pairs: Iterable<OutputPair>): Difference {
  let maxAbs = 0;
  let squares = 0;
  let energy = 0;
  let values = 0;
  for (const { expected, actual } of pairs) {
    for (const [name, want] of Object.entries(expected)) {
      const got = actual[name];
      if (!got || got.length !== want.length) {
        maxAbs = Number.POSITIVE_INFINITY;
        squares = Number.POSITIVE_INFINITY;
        continue;
      }
      for (let i = 0; i < want.length; i++) {
        const raw = Math.abs(got[i]! - want[i]!);
        const difference = Number.isFinite(raw) ? raw : Number.POSITIVE_INFINITY;
        maxAbs = Math.max(maxAbs, difference);
        squares += difference * difference;
        energy += want[i]! ** 2;
        values += 1;
      }
    }
  }
  const relativeRms = squares === 0 ? 0 : Math.sqrt(squares / energy);
  return { maxAbs, relativeRms, values };
}
