/** The learning rate of each step, and its sum: formulas of the step alone, on numbers and in the graph. */
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

/** Steps from the full rate to the floor. */
function spanOf({ warmupSteps = 0, decay, totalSteps }: Schedule): number {
  if (totalSteps !== undefined && totalSteps > warmupSteps) return totalSteps - warmupSteps;
  throw new RangeError(`a ${decay} schedule needs totalSteps above warmupSteps`);
}

/** @param step counted from 1 */
export function learningRateAt<T>(
  ops: Arithmetic<T>,
  base: number,
  schedule: Schedule,
  step: T,
): T {
  const { warmupSteps = 0, decay = 'constant', floor = 0 } = schedule;
  const one = ops.number(1);
  let rate = ops.number(base);
  if (warmupSteps > 0) {
    rate = ops.mul(rate, ops.min(one, ops.div(step, ops.number(warmupSteps))));
  }
  if (decay === 'constant') return rate;
  const since = ops.sub(step, ops.number(warmupSteps));
  const span = ops.number(spanOf(schedule));
  const done = ops.max(ops.number(0), ops.min(one, ops.div(since, span)));
  const left =
    decay === 'linear'
      ? ops.sub(one, done)
      : ops.mul(ops.number(0.5), ops.add(one, ops.cos(ops.mul(ops.number(Math.PI), done))));
  const share = ops.add(ops.number(floor), ops.mul(ops.number(1 - floor), left));
  return ops.mul(rate, share);
}

/** The rates of the steps 1 … `steps`, added up. */
export function learningRateSum<T>(
  ops: Arithmetic<T>,
  base: number,
  schedule: Schedule,
  steps: T,
): T {
  const { warmupSteps = 0, decay = 'constant', floor = 0 } = schedule;
  const [zero, half, one] = [0, 0.5, 1].map((value) => ops.number(value)) as [T, T, T];
  const warm = ops.min(steps, ops.number(warmupSteps));
  const rising = ops.div(
    ops.mul(ops.mul(half, warm), ops.add(warm, one)),
    ops.number(Math.max(1, warmupSteps)),
  );
  const since = ops.max(zero, ops.sub(steps, ops.number(warmupSteps)));
  if (decay === 'constant') return ops.mul(ops.number(base), ops.add(rising, since));
  const span = spanOf(schedule);
  const done = ops.min(since, ops.number(span));
  // Σ cos(kφ) for k = 1 … n is sin((n + ½)φ) / (2 sin ½φ) − ½, and sin x is cos(x − ½π).
  const angle = Math.PI / span;
  const wave = ops.cos(
    ops.sub(ops.mul(ops.add(done, half), ops.number(angle)), ops.number(Math.PI / 2)),
  );
  const cosines = ops.sub(ops.div(wave, ops.number(2 * Math.sin(angle / 2))), half);
  const falling =
    decay === 'linear'
      ? ops.sub(done, ops.div(ops.mul(done, ops.add(done, one)), ops.number(2 * span)))
      : ops.mul(half, ops.add(done, cosines));
  const share = ops.add(ops.mul(ops.number(floor), since), ops.mul(ops.number(1 - floor), falling));
  return ops.mul(ops.number(base), ops.add(rising, share));
}
