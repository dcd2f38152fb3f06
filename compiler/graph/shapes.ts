/** Types of an operation's outputs from the types of its inputs; refuses what does not fit. */
import {
  at,
  type DType,
  elementCount,
  type GruMask,
  type Operation,
  type Shape,
  sameShape,
  type TensorType,
} from './ir.ts';

/** Numpy broadcasting of two shapes. @throws TypeError when they do not fit */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - (rank - a.length)] ?? 1;
    const y = b[i - (rank - b.length)] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new TypeError(`shapes [${a}] and [${b}] do not broadcast`);
    }
    return x === 1 ? y : x;
  });
}

/** Elements that a (clamped) strided range visits. */
export function stridedLength(begin: number, end: number, stride: number): number {
  return Math.max(0, Math.ceil((end - begin) / stride));
}

const replaced = (shape: Shape, axis: number, size: number): number[] =>
  shape.map((old, i) => (i === axis ? size : old));

const swapped = (shape: Shape): [number, number] => [
  at(shape, shape.length - 1),
  at(shape, shape.length - 2),
];

function matmulShape(a: Shape, b: Shape, transposeA: boolean, transposeB: boolean): number[] {
  if (a.length < 2 || b.length < 2) throw new TypeError('matmul needs matrices');
  const [m, k] = transposeA ? swapped(a) : [at(a, a.length - 2), at(a, a.length - 1)];
  const [k2, n] = transposeB ? swapped(b) : [at(b, b.length - 2), at(b, b.length - 1)];
  if (k !== k2) throw new TypeError(`matmul of [${a}] and [${b}]: inner sizes ${k} and ${k2}`);
  return [...broadcastShapes(a.slice(0, -2), b.slice(0, -2)), m, n];
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  if (keepDims) return shape.map((size, i) => (axes.includes(i) ? 1 : size));
  return shape.filter((_, i) => !axes.includes(i));
}

function concatShape(types: readonly TensorType[], axis: number): number[] {
  const first = at(types, 0).shape;
  let total = 0;
  for (const { shape } of types) {
    if (!sameShape(replaced(shape, axis, 0), replaced(first, axis, 0))) {
      throw new TypeError(`concat of [${first}] and [${shape}] along axis ${axis}`);
    }
    total += at(shape, axis);
  }
  return replaced(first, axis, total);
}

/** x, h0, gates kernel, gates bias, state kernel, state bias, mask unless there is none. */
function gruShape(shapes: readonly Shape[], mask: GruMask): number[] {
  const [batch = 0, steps = 0, width = 0] = at(shapes, 0);
  const units = at(shapes, 1).at(-1) ?? 0;
  const rows = width + units;
  const wanted = [
    [batch, steps, width],
    [batch, units],
    ...[[rows, 2 * units], [2 * units], [rows, units], [units]],
    ...(mask === 'none' ? [] : [[batch, steps]]),
  ];
  if (shapes.length !== wanted.length || !shapes.every((s, i) => sameShape(s, at(wanted, i)))) {
    const list = (all: readonly Shape[]): string => all.map((shape) => `[${shape}]`).join(' ');
    throw new TypeError(`gru of ${list(shapes)} in place of ${list(wanted)}`);
  }
  return [batch, steps, units];
}

/** @throws TypeError naming the shapes when the inputs do not fit the operation */
export function inferTypes(
  operation: Operation,
  inputs: readonly TensorType[],
): { shape: number[]; dtype: DType }[] {
  const x = at(inputs, 0);
  const one = (shape: Shape, dtype: DType = x.dtype) => [{ shape: [...shape], dtype }];
  switch (operation.op) {
    case 'add':
    case 'subtract':
    case 'multiply':
    case 'divide':
    case 'maximum':
    case 'minimum':
      return one(broadcastShapes(x.shape, at(inputs, 1).shape));
    case 'greater':
    case 'greaterEqual':
    case 'less':
    case 'lessEqual':
    case 'equal':
    case 'notEqual':
    case 'logicalAnd':
    case 'logicalOr':
      return one(broadcastShapes(x.shape, at(inputs, 1).shape), 'bool');
    case 'select': {
      const [, yes, no] = inputs as [TensorType, TensorType, TensorType];
      return one(broadcastShapes(x.shape, broadcastShapes(yes.shape, no.shape)), yes.dtype);
    }
    case 'cast':
      return one(x.shape, operation.attributes.to);
    case 'matmul': {
      const { transposeA, transposeB } = operation.attributes;
      return one(matmulShape(x.shape, at(inputs, 1).shape, transposeA, transposeB));
    }
    case 'dense': {
      const [n, k] = at(inputs, 1).shape as [number, number];
      if (x.shape.at(-1) !== k) throw new TypeError(`dense of [${x.shape}] with [${n},${k}]`);
      return one([...x.shape.slice(0, -1), n]);
    }
    case 'gru': {
      const shapes = inputs.map((input) => input.shape);
      return one(gruShape(shapes, operation.attributes.mask));
    }
    case 'sum':
    case 'mean':
    case 'max':
    case 'min':
      return one(reducedShape(x.shape, operation.attributes.axes, operation.attributes.keepDims));
    case 'reshape': {
      const { shape } = operation.attributes;
      if (elementCount(shape) !== elementCount(x.shape)) {
        throw new TypeError(`reshape of [${x.shape}] to [${shape}]`);
      }
      return one(shape);
    }
    case 'transpose':
      return one(operation.attributes.permutation.map((axis) => at(x.shape, axis)));
    case 'broadcast': {
      const { shape } = operation.attributes;
      if (!sameShape(broadcastShapes(x.shape, shape), shape)) {
        throw new TypeError(`[${x.shape}] does not broadcast to [${shape}]`);
      }
      return one(shape);
    }
    case 'tile':
      return one(x.shape.map((size, i) => size * at(operation.attributes.repeats, i)));
    case 'concat':
      return one(concatShape(inputs, operation.attributes.axis));
    case 'pack': {
      for (const { shape } of inputs) {
        if (!sameShape(shape, x.shape)) throw new TypeError(`pack of [${x.shape}] and [${shape}]`);
      }
      return one(x.shape.toSpliced(operation.attributes.axis, 0, inputs.length));
    }
    case 'unpack': {
      const { axis } = operation.attributes;
      const shape = x.shape.filter((_, i) => i !== axis);
      return Array.from({ length: at(x.shape, axis) }, () => ({ shape, dtype: x.dtype }));
    }
    case 'split': {
      const { axis, sizes } = operation.attributes;
      return sizes.map((size) => ({ shape: replaced(x.shape, axis, size), dtype: x.dtype }));
    }
    case 'slice':
      return one(operation.attributes.size);
    case 'stridedSlice': {
      const { begin, end, strides } = operation.attributes;
      return one(begin.map((b, i) => stridedLength(b, at(end, i), at(strides, i))));
    }
    case 'pad': {
      const { before, after } = operation.attributes;
      return one(x.shape.map((size, i) => size + at(before, i) + at(after, i)));
    }
    case 'gather': {
      const { axis, batchDims } = operation.attributes;
      const indices = at(inputs, 1).shape;
      return one([
        ...x.shape.slice(0, axis),
        ...indices.slice(batchDims),
        ...x.shape.slice(axis + 1),
      ]);
    }
    case 'oneHot':
      return one([...x.shape, operation.attributes.depth], 'float32');
    default:
      return one(x.shape);
  }
}
