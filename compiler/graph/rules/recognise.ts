/** Composite operations found in their elementary form or a simpler one: targets have better ones. */
import { GRU_INPUT } from '../gru.ts';
import { at, sameShape, type ValueId } from '../ir.ts';
import { type Rule, uniformConstant } from './rule.ts';

/** exp(z) / sum(exp(z)) over the last axis, with or without the largest z subtracted first. */
const softmaxFromParts: Rule = (node, { builder }) => {
  if (node.op !== 'divide') return undefined;
  const [top, bottom] = node.inputs as [ValueId, ValueId];
  const exp = builder.producedBy(top, 'exp');
  const sum = builder.producedBy(bottom, 'sum');
  if (!exp || !sum || at(sum.inputs, 0) !== top) return undefined;
  const { axes, keepDims } = sum.attributes;
  if (!keepDims || axes.length !== 1 || axes[0] !== builder.shape(top).length - 1) return undefined;
  const z = at(exp.inputs, 0);
  const shifted = builder.producedBy(z, 'subtract');
  const largest = shifted && builder.producedBy(at(shifted.inputs, 1), 'max');
  const source =
    shifted && largest && at(largest.inputs, 0) === at(shifted.inputs, 0)
      ? at(shifted.inputs, 0)
      : z;
  return [builder.emit('softmax', [source], {})];
};

/** 1 / (1 + exp(−x)). */
const sigmoidFromParts: Rule = (node, { builder }) => {
  if (node.op !== 'divide') return undefined;
  const [one, sum] = node.inputs as [ValueId, ValueId];
  const add = builder.producedBy(sum, 'add');
  if (uniformConstant(builder, one) !== 1 || !add) return undefined;
  const exp = add.inputs.map((id) => builder.producedBy(id, 'exp')).find((n) => n !== undefined);
  const other = add.inputs.find((id) => !builder.producedBy(id, 'exp'));
  const negated = exp && builder.producedBy(at(exp.inputs, 0), 'negate');
  if (!negated || other === undefined || uniformConstant(builder, other) !== 1) return undefined;
  return [builder.emit('sigmoid', negated.inputs, {})];
};

/** a + (−b) → a − b. */
const addOfNegated: Rule = (node, { builder }) => {
  if (node.op !== 'add') return undefined;
  const [a, b] = node.inputs as [ValueId, ValueId];
  const negated = builder.producedBy(b, 'negate');
  return negated && [builder.emit('subtract', [a, at(negated.inputs, 0)], {})];
};

/** u · a + (1 − u) · b → b + u · (a − b): one operation fewer in every step of a GRU. */
const interpolation: Rule = (node, { builder }) => {
  if (node.op !== 'add') return undefined;
  const products = node.inputs.map((id) => builder.producedBy(id, 'multiply'));
  for (const [first, second] of [products, products.toReversed()]) {
    if (!first || !second) continue;
    for (const [i, id] of second.inputs.entries()) {
      const complement = builder.producedBy(id, 'subtract');
      if (!complement || uniformConstant(builder, at(complement.inputs, 0)) !== 1) continue;
      const u = at(complement.inputs, 1);
      if (!first.inputs.includes(u)) continue;
      const a = at(first.inputs, first.inputs[0] === u ? 1 : 0);
      const b = at(second.inputs, 1 - i);
      const shape = builder.shape(u);
      if (![a, b].every((x) => sameShape(builder.shape(x), shape))) continue;
      const moved = builder.emit('multiply', [u, builder.emit('subtract', [a, b], {})], {});
      return [builder.emit('add', [b, moved], {})];
    }
  }
  return undefined;
};

/** (a > c) as a number, asked for being non-zero, is a > c. */
const notEqualToZeroOfCast: Rule = (node, { builder }) => {
  if (node.op !== 'notEqual' && node.op !== 'greater') return undefined;
  const [x, zero] = node.inputs as [ValueId, ValueId];
  const inner = builder.producedBy(x, 'cast');
  const origin = inner && at(inner.inputs, 0);
  if (origin === undefined || builder.get(origin).dtype !== 'bool') return undefined;
  const threshold = uniformConstant(builder, zero);
  const same = builder.shape(zero).length <= builder.shape(origin).length;
  return threshold === 0 && same && builder.get(zero).data?.length === 1 ? [origin] : undefined;
};

/** A constant mask of a recurrence that keeps every step, or holds 0 and 1 only. */
const constantGruMask: Rule = (node, { builder }) => {
  if (node.op !== 'gru' || node.attributes.mask !== 'blend') return undefined;
  const mask = at(node.inputs, GRU_INPUT.mask);
  if (uniformConstant(builder, mask) === 1) {
    return [builder.emit('gru', node.inputs.slice(0, GRU_INPUT.mask), { mask: 'none' })];
  }
  const binary = builder.get(mask).data?.every((m) => m === 0 || m === 1) === true;
  return binary ? [builder.emit('gru', node.inputs, { mask: 'choice' })] : undefined;
};

export const recogniseRules: readonly Rule[] = [
  softmaxFromParts,
  sigmoidFromParts,
  addOfNegated,
  interpolation,
  notEqualToZeroOfCast,
  constantGruMask,
];
