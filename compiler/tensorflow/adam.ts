/**
 * Adam (Kingma and Ba, ICLR 2015) in the graph, with clipping by the gradients' global norm and decay
 * of the weights apart from the gradient (Loshchilov and Hutter, ICLR 2019). The constants and the
 * place of ε are tfjs's: w −= lr · m̂ / (√v̂ + ε).
 */
import { NodeArithmetic } from './arithmetic.ts';
import { boolAttr, type NodeDefs, type TfVariable, typeAttr } from './node-defs.ts';
import { learningRateAt, learningRateSum, type Schedule } from './schedule.ts';

export const BETA1 = 0.9;
export const BETA2 = 0.999;
export const EPSILON = 1e-7;

export interface AdamOptions {
  learningRate: number;
  schedule?: Schedule | undefined;
  /** Largest Euclidean norm of all gradients together; longer ones are scaled to it. */
  clipNorm?: number | undefined;
  /** Share of a weight that one unit of step size takes away, apart from the gradient. @default 0 */
  weightDecay?: number | undefined;
}

/** A weight with its moments. */
export interface Slots {
  weight: TfVariable;
  m: TfVariable;
  v: TfVariable;
}

/** What every weight's update shares in one step; float32 nodes unless said otherwise. */
export interface StepScalars {
  /** Steps done before this one. */
  before: string;
  /** This step's number, from 1. */
  step: string;
  rate: string;
  /** 1 − β₁ᵗ and 1 − β₂ᵗ. */
  correction1: string;
  correction2: string;
  /** lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) and ε √(1 − β₂ᵗ): the same update without m̂ and v̂. */
  combinedRate: string;
  combinedEpsilon: string;
  /** 1 − lr · decay; undefined without decay. */
  kept: string | undefined;
  /** For steps that were left out: the rate of other steps than this one. */
  rateAt(f: NodeArithmetic, step: string): string;
  /** What decay leaves of a weight that rests between two steps; undefined without decay. */
  keptBetween(f: NodeArithmetic, from: string, to: string): string | undefined;
  /** Sets the step's number for the next call; runs after the given nodes. */
  advance(after: readonly string[]): string;
}

/** The scalars are computed in float64. */
export function stepScalars(
  defs: NodeDefs,
  scope: string,
  step: TfVariable,
  { learningRate, schedule = {}, weightDecay = 0 }: AdamOptions,
): StepScalars {
  const d = new NodeArithmetic(defs, `${scope}/scalar`, 'float64');
  const f = new NodeArithmetic(defs, `${scope}/scalar`, 'float32');
  const done = defs.read(step);
  const before = d.cast(done, step.type);
  const one = d.number(1);
  const t = d.add(before, one);
  const rate = learningRateAt(d, learningRate, schedule, t);
  const correction1 = d.sub(one, d.pow(d.number(BETA1), t));
  const correction2 = d.sub(one, d.pow(d.number(BETA2), t));
  const root = d.sqrt(correction2);
  const narrow = (node: string) => f.cast(node, 'float64');
  const kept =
    weightDecay === 0 ? undefined : narrow(d.sub(one, d.mul(rate, d.number(weightDecay))));
  const steady = !schedule.warmupSteps && (schedule.decay ?? 'constant') === 'constant';
  return {
    before: narrow(before),
    step: narrow(t),
    rate: narrow(rate),
    correction1: narrow(correction1),
    correction2: narrow(correction2),
    combinedRate: narrow(d.div(d.mul(rate, root), correction1)),
    combinedEpsilon: narrow(d.mul(d.number(EPSILON), root)),
    kept,
    rateAt: (own, at) =>
      steady ? own.number(learningRate) : learningRateAt(own, learningRate, schedule, at),
    keptBetween: (own, from, to) => {
      if (kept === undefined) return undefined;
      const gap = own.sub(to, from);
      if (steady) return own.pow(kept, gap);
      const sum = (at: string) => learningRateSum(own, learningRate, schedule, at);
      const mean = own.div(own.sub(sum(to), sum(from)), own.max(gap, own.number(1)));
      return own.pow(own.sub(own.number(1), own.mul(mean, own.number(weightDecay))), gap);
    },
    advance: (after) => {
      const next = defs.add(`${scope}/scalar/next`, 'AddV2', [done, oneOf(defs, step)], {
        T: typeAttr(step.type),
      });
      return defs.write(`${scope}/write/step`, step, next, after);
    },
  };
}

function oneOf(defs: NodeDefs, { type }: TfVariable): string {
  return type === 'int64'
    ? defs.constant('int64', [], BigInt64Array.of(1n))
    : defs.constant('int32', [], Int32Array.of(1));
}

/** The gradients scaled so that their common norm is at most `clipNorm`. */
export function clipped(
  f: NodeArithmetic,
  gradients: readonly string[],
  clipNorm: number | undefined,
  exact: boolean,
): string[] {
  if (clipNorm === undefined) return [...gradients];
  const norm = f.sqrt(
    exact
      ? // As eager training does, which keeps all gradients in one vector: the order of a sum shows.
        f.sum(f.square(f.concatFlat(gradients)))
      : f.mul(f.addN(gradients.map((g) => f.op('L2Loss', [g]))), f.number(2)),
  );
  const limit = f.number(clipNorm);
  const scale = f.div(limit, f.max(norm, limit));
  return gradients.map((g) => f.mul(g, scale));
}

export interface UpdateInput {
  defs: NodeDefs;
  scope: string;
  slots: Slots;
  gradient: string;
  scalars: StepScalars;
  /** Nodes that read the weights and run before any write, as `^name`. */
  barrier: string;
}

/** In eager training's order of operations: equal weights up to the last bits. @returns the writes */
export function exactUpdate({
  defs,
  scope,
  slots,
  gradient,
  scalars,
  barrier,
}: UpdateInput): string[] {
  const f = new NodeArithmetic(defs, scope, 'float32');
  const { weight, m, v } = slots;
  const read = (variable: TfVariable) => defs.read(variable);
  const decayed = (value: string, beta: number, addend: string) =>
    f.add(f.mul(value, f.number(beta)), f.mul(addend, f.number(1 - beta)));
  const newM = decayed(read(m), BETA1, gradient);
  const newV = decayed(read(v), BETA2, f.square(gradient));
  const mHat = f.div(newM, scalars.correction1);
  const vHat = f.div(newV, scalars.correction2);
  const move = f.mul(f.div(mHat, f.add(f.sqrt(vHat), f.number(EPSILON))), scalars.rate);
  const old = read(weight);
  const kept = scalars.kept === undefined ? old : f.mul(old, scalars.kept);
  const newWeight = f.sub(kept, move);
  const after = [barrier, `^${newWeight}`];
  return [
    defs.write(`${scope}/write/${weight.name}`, weight, newWeight, after),
    defs.write(`${scope}/write/${m.name}`, m, newM, after),
    defs.write(`${scope}/write/${v.name}`, v, newV, after),
  ];
}

/** One fused kernel. Given powers of 0, it uses the combined rate and ε as they are. @returns the writes */
export function fastUpdate({
  defs,
  scope,
  slots,
  gradient,
  scalars,
  barrier,
}: UpdateInput): string[] {
  const f = new NodeArithmetic(defs, scope, 'float32');
  const { weight, m, v } = slots;
  let before = barrier;
  if (scalars.kept !== undefined) {
    const kept = f.mul(defs.read(weight), scalars.kept);
    before = `^${defs.write(`${scope}/decay/${weight.name}`, weight, kept, [barrier])}`;
  }
  const zero = f.number(0);
  const apply = defs.add(
    `${scope}/apply/${weight.name}`,
    'ResourceApplyAdam',
    [
      ...[weight.name, m.name, v.name, zero, zero, scalars.combinedRate],
      ...[f.number(BETA1), f.number(BETA2), scalars.combinedEpsilon, gradient, before],
    ],
    { T: typeAttr('float32'), use_locking: boolAttr(false), use_nesterov: boolAttr(false) },
  );
  return [apply];
}
