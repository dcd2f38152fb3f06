/** Random graphs through every target, and what became of each. */
import { EdgeloomError } from '../../lib/errors.ts';
import { type Deviation, deviation, type Prepared, prepare } from './deviation.ts';
import { FLOAT_TARGETS, ROUNDING_TARGETS, type Target } from './parity.ts';
import { randomSubject } from './random-graph.ts';

export const ALL_TARGETS: readonly Target[] = [...FLOAT_TARGETS, ...ROUNDING_TARGETS];

/** Beyond this a float target is wrong, unless a comparison near its threshold explains it. */
const FLOAT_TOLERANCE = 2e-5;

export type Outcome =
  | { kind: 'right'; found: Deviation }
  | { kind: 'wrong'; found: Deviation }
  /** The kernel of tfjs, or the operation of the graph, that cannot be expressed. */
  | { kind: 'refused'; name: string; why: string }
  | { kind: 'crashed'; why: string };

const isRight = (target: Target, { error, outside }: Deviation): boolean =>
  outside === 0 || (FLOAT_TARGETS.includes(target) && error <= FLOAT_TOLERANCE);

/** "… (kernel Prod of float32[2])", "add of [1,2], [2] has no TFLite form: …". */
const NAMED = /\(kernel (\w+) of|^(\w+) (?:of|with) /;

/** A refusal that names nothing counts as a crash. */
function failure(error: unknown): Outcome {
  const why = error instanceof Error ? error.message : String(error);
  const [, kernel, operation] = NAMED.exec(why) ?? [];
  const name = kernel ?? operation;
  const refused = error instanceof EdgeloomError && error.code === 'unsupported-op';
  return refused && name ? { kind: 'refused', name, why } : { kind: 'crashed', why };
}

/** One graph through the targets; numbers beyond the profile's bounds are wrong. */
export async function outcomes(
  seed: number,
  targets: readonly Target[] = ALL_TARGETS,
): Promise<Map<Target, Outcome>> {
  const results = new Map<Target, Outcome>();
  let prepared: Prepared;
  try {
    prepared = prepare(randomSubject(seed), seed);
  } catch (error) {
    for (const target of targets) results.set(target, failure(error));
    return results;
  }
  for (const target of targets) {
    try {
      const found = await deviation(prepared, target);
      results.set(target, { kind: isRight(target, found) ? 'right' : 'wrong', found });
    } catch (error) {
      results.set(target, failure(error));
    }
  }
  return results;
}
