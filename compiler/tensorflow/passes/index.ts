/** All passes over a training graph. */
import type { TfGraph } from '../ir.ts';
import { foldingRules } from './folding.ts';
import { biasRules, onesAndZerosRules } from './fusion.ts';
import { movementRules, productRules } from './movement.ts';
import { rewrite, type TfRule } from './rewrite.ts';

function together(...sets: Record<string, readonly TfRule[]>[]): Record<string, readonly TfRule[]> {
  const all: Record<string, readonly TfRule[]> = {};
  for (const set of sets) {
    for (const [op, rules] of Object.entries(set)) all[op] = [...(all[op] ?? []), ...rules];
  }
  return all;
}

const neutral = together(movementRules, onesAndZerosRules, foldingRules);
const faster = together(neutral, productRules, biasRules);

/**
 * An equal graph with fewer and faster operations. Needs the tensorflow backend.
 * @param exact leave out what may change the last bit of a result (another kernel for a product)
 */
export const optimiseTraining = (graph: TfGraph, exact: boolean): TfGraph =>
  rewrite(graph, exact ? neutral : faster);
