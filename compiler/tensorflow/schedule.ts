/** The learning rate of each step: a formula of the step alone, on numbers and in the graph. */
import type { Arithmetic } from './arithmetic.ts';

export interface Schedule {
  /** Steps over which the rate rises from 0. @default 0 */
  warmupSteps?: number;
  /** How it falls afterwards. @default 'constant' */
  decay?: 'constant' | 'linear' | 'cosine';
  /** Step at which it has fallen to `floor`; needed unless constant. */
  totalSteps?: number;
  /** Share of the full rate that is left at the end. @default 0 */
  floor?: number;
}

/** @param step counted from 1 */
export function learningRateAt<T>(
  ops: Arithmetic<T>,
  base: number,
  { warmupSteps = 0, decay = 'constant', totalSteps, floor = 0 }: Schedule,
  step: T,
): T {
  const one = ops.number(1);
  let rate = ops.number(base);
  if (warmupSteps > 0) {
    rate = ops.mul(rate, ops.min(one, ops.div(step, ops.number(warmupSteps))));
  }
  if (decay === 'constant') return rate;
  if (totalSteps === undefined || totalSteps <= warmupSteps) {
    throw new RangeError(`a ${decay} schedule needs totalSteps above warmupSteps`);
  }
  const since = ops.sub(step, ops.number(warmupSteps));
  const span = ops.number(totalSteps - warmupSteps);
  const done = ops.max(ops.number(0), ops.min(one, ops.div(since, span)));
  const left =
    decay === 'linear'
      ? ops.sub(one, done)
      : ops.mul(ops.number(0.5), ops.add(one, ops.cos(ops.mul(ops.number(Math.PI), done))));
  const share = ops.add(ops.number(floor), ops.mul(ops.number(1 - floor), left));
  return ops.mul(rate, share);
}
