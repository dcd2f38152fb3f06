/** Operations that do nothing, or nothing but change the shape. */
import { at, sameShape, type ValueId } from '../ir.ts';
import { broadcastShapes } from '../shapes.ts';
import { type Rule, uniformConstant } from './rule.ts';

const neutral = { add: 0, subtract: 0, multiply: 1, divide: 1 } as const;
const commutes = new Set(['add', 'multiply']);

/** x + 0, x − 0, 1 · x, x / 1. */
const neutralOperand: Rule = (node, { builder }) => {
  if (!(node.op in neutral)) return undefined;
  const constant = neutral[node.op as keyof typeof neutral];
  const [a, b] = node.inputs as [ValueId, ValueId];
  const kept =
    uniformConstant(builder, b) === constant
      ? [a, b]
      : commutes.has(node.op) && uniformConstant(builder, a) === constant
        ? [b, a]
        : undefined;
  if (!kept) return undefined;
  const [x, other] = kept as [ValueId, ValueId];
  const { shape } = builder.get(x);
  // The constant may also have broadcast x: then the operation is not void.
  const widened = builder.shape(other).some((size, i, all) => {
    const own = shape[i - (all.length - shape.length)];
    return size !== 1 && size !== own;
  });
  return widened || builder.shape(other).length > shape.length ? undefined : [x];
};

/** The larger, or the smaller, of x and x. */
const sameOperands: Rule = (node) => {
  if (node.op !== 'maximum' && node.op !== 'minimum') return undefined;
  const [a, b] = node.inputs as [ValueId, ValueId];
  return a === b ? [a] : undefined;
};

/** 0 · x, which for finite x is 0: the first step of a recurrence from zeros. */
const timesZero: Rule = (node, { builder }) => {
  if (node.op !== 'multiply') return undefined;
  if (!node.inputs.some((id) => uniformConstant(builder, id) === 0)) return undefined;
  const [a, b] = node.inputs as [ValueId, ValueId];
  const shape = broadcastShapes(builder.shape(a), builder.shape(b));
  const zero = builder.scalar(0, builder.get(a).dtype);
  return [builder.emit('broadcast', [zero], { shape })];
};

/** Casts to the own type, and bool → number → bool. */
const voidCast: Rule = (node, { builder }) => {
  if (node.op !== 'cast') return undefined;
  const x = at(node.inputs, 0);
  if (builder.get(x).dtype === node.attributes.to) return [x];
  const inner = builder.producedBy(x, 'cast');
  const origin = inner && at(inner.inputs, 0);
  if (origin === undefined || builder.get(origin).dtype !== 'bool') return undefined;
  return node.attributes.to === 'bool'
    ? [origin]
    : [builder.emit('cast', [origin], node.attributes)];
};

/** Data movements whose output has the input's elements in the input's order. */
const voidMovement: Rule = (node, { builder }) => {
  const x = at(node.inputs, 0);
  const { shape } = builder.get(x);
  const out = (): readonly ValueId[] | undefined => [x];
  switch (node.op) {
    case 'identity':
      return out();
    case 'broadcast':
      return sameShape(node.attributes.shape, shape) ? out() : undefined;
    case 'tile':
      return node.attributes.repeats.every((n) => n === 1) ? out() : undefined;
    case 'slice':
      return sameShape(node.attributes.size, shape) ? out() : undefined;
    case 'pad':
      return [...node.attributes.before, ...node.attributes.after].every((n) => n === 0)
        ? out()
        : undefined;
    case 'concat':
      return node.inputs.length === 1 ? out() : undefined;
    case 'split':
      return node.attributes.sizes.length === 1 ? out() : undefined;
    case 'reverse':
      return node.attributes.axes.every((axis) => at(shape, axis) === 1) ? out() : undefined;
    case 'pack':
      return node.inputs.length === 1
        ? [builder.reshape(x, shape.toSpliced(node.attributes.axis, 0, 1))]
        : undefined;
    case 'unpack':
      return at(shape, node.attributes.axis) === 1
        ? [builder.reshape(x, shape.toSpliced(node.attributes.axis, 1))]
        : undefined;
    default:
      return undefined;
  }
};

/** Sums, means and extremes over axes of size one. */
const voidReduction: Rule = (node, { builder }) => {
  if (node.op !== 'sum' && node.op !== 'mean' && node.op !== 'max' && node.op !== 'min') {
    return undefined;
  }
  const x = at(node.inputs, 0);
  const { axes, keepDims } = node.attributes;
  const shape = builder.shape(x);
  if (!axes.every((axis) => at(shape, axis) === 1)) return undefined;
  return [builder.reshape(x, keepDims ? shape : shape.filter((_, i) => !axes.includes(i)))];
};

/** The one element of an axis has the whole probability. */
const voidSoftmax: Rule = (node, { builder }) => {
  if (node.op !== 'softmax') return undefined;
  const shape = builder.shape(at(node.inputs, 0));
  if (shape.at(-1) !== 1) return undefined;
  return [builder.emit('broadcast', [builder.scalar(1)], { shape })];
};

export const identityRules: readonly Rule[] = [
  neutralOperand,
  sameOperands,
  timesZero,
  voidCast,
  voidMovement,
  voidReduction,
  voidSoftmax,
];
