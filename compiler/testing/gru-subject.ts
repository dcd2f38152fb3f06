/** For tests: a recurrence of random sizes and weights, with masks of any pattern. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import type { NamedArrays } from '../graph/interpret.ts';
import { elementCount } from '../graph/ir.ts';
import { composite } from '../trace/composite.ts';
import { type InputType, record } from '../trace/record.ts';
import { expected, type Subject } from './parity.ts';

export interface GruSizes {
  batch: number;
  steps: number;
  width: number;
  units: number;
  /** `choice`: 0 and 1, gaps and empty rows included; `blend`: any number from 0 to 1. */
  mask: 'none' | 'choice' | 'blend';
  /** The first state: an input, or zeros. */
  start: 'input' | 'zeros';
  seed: number;
}

function weightsOf({ width, units, seed }: GruSizes): tf.Tensor[] {
  const random = Random.of(seed, 'weights');
  const rows = width + units;
  return [[rows, 2 * units], [2 * units], [rows, units], [units]].map((shape) =>
    tf.tensor(
      Float32Array.from({ length: elementCount(shape) }, () => random.normal(0, 0.5)),
      shape,
    ),
  );
}

/** Straight from the formula, one step after another. */
function fromFormula(x: tf.Tensor, h0: tf.Tensor, weights: tf.Tensor[], mask?: tf.Tensor) {
  const [gatesKernel, gatesBias, stateKernel, stateBias] = weights as [
    tf.Tensor2D,
    tf.Tensor,
    tf.Tensor2D,
    tf.Tensor,
  ];
  let h = h0;
  const states = tf.unstack(x, 1).map((xt, t) => {
    const gates = tf.sigmoid(tf.add(tf.matMul(tf.concat([xt, h], 1), gatesKernel), gatesBias));
    const [r, u] = tf.split(gates, 2, 1) as [tf.Tensor, tf.Tensor];
    const read = tf.concat([xt, tf.mul(r, h)], 1);
    const c = tf.tanh(tf.add(tf.matMul(read, stateKernel), stateBias));
    const next = tf.add(tf.mul(u, h), tf.mul(tf.sub(1, u), c));
    const m = mask ? tf.slice(mask, [0, t], [-1, 1]) : tf.scalar(1);
    h = tf.add(tf.mul(m, next), tf.mul(tf.sub(1, m), h));
    return h;
  });
  return tf.stack(states, 1);
}

/** states [B, T, H] of `x`, `h0` if it is an input, and `mask` or `weight` (a mask that blends). */
export function gruSubject(sizes: GruSizes): Subject {
  const { batch, steps, width, units, mask: kind, start } = sizes;
  const weights = weightsOf(sizes);
  const inputs: Record<string, InputType> = { x: { shape: [batch, steps, width] } };
  if (start === 'input') inputs.h0 = { shape: [batch, units] };
  const maskName = { none: undefined, choice: 'mask', blend: 'weight' }[kind];
  if (maskName) inputs[maskName] = { shape: [batch, steps] };
  return {
    inputs,
    masks: kind === 'choice' ? ['mask'] : [],
    run: (tensors) => {
      const x = tensors.x as tf.Tensor;
      const h0 = tensors.h0 ?? tf.zeros([batch, units]);
      const mask = maskName ? tensors[maskName] : undefined;
      const operands = [x, h0, ...weights, ...(mask ? [mask] : [])];
      const attributes = { mask: mask ? 'blend' : 'none' } as const;
      const states = composite('gru', operands, attributes, () =>
        fromFormula(x, h0, weights, mask),
      );
      return { states };
    },
  };
}

/** Random inputs and the states that tfjs computes for them. */
export function gruRow(sizes: GruSizes): { inputs: NamedArrays; wanted: NamedArrays } {
  const random = Random.of(sizes.seed, 'row');
  const subject = gruSubject(sizes);
  const inputs = Object.fromEntries(
    Object.entries(subject.inputs).map(([name, { shape }]) => {
      const value = { mask: () => Number(random.chance(0.6)), weight: () => random.uniform() }[
        name
      ];
      const draw = value ?? (() => random.normal());
      return [name, Float32Array.from({ length: elementCount(shape) }, draw)];
    }),
  );
  return { inputs, wanted: expected(subject, inputs) };
}

export const gruGraph = (sizes: GruSizes) => {
  const { run, inputs, masks } = gruSubject(sizes);
  return record(run, inputs, { masks });
};
