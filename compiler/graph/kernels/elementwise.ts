/** Operations that compute each element on its own. */
import {
  at,
  elementCount,
  makeArray,
  type OpName,
  type Shape,
  sameShape,
  type TypedArray,
} from '../ir.ts';
import { type BinaryLoop, binaryLoops, type UnaryLoop, unaryLoops } from './loops.ts';
import { broadcastSteps, indexMap, type KernelTable, type Prepare } from './types.ts';

type BinaryName =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'maximum'
  | 'minimum'
  | 'greater'
  | 'greaterEqual'
  | 'less'
  | 'lessEqual'
  | 'equal'
  | 'notEqual'
  | 'logicalAnd'
  | 'logicalOr';

type UnaryName =
  | 'logicalNot'
  | 'negate'
  | 'abs'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'rsqrt'
  | 'square'
  | 'floor'
  | 'ceil'
  | 'sin'
  | 'cos'
  | 'relu'
  | 'elu'
  | 'sigmoid'
  | 'tanh';

const binaryFunctions: Record<BinaryName, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  greater: (a, b) => Number(a > b),
  greaterEqual: (a, b) => Number(a >= b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  equal: (a, b) => Number(a === b),
  notEqual: (a, b) => Number(a !== b),
  logicalAnd: (a, b) => Number(a !== 0 && b !== 0),
  logicalOr: (a, b) => Number(a !== 0 || b !== 0),
};

const unaryFunctions: Record<UnaryName, (x: number) => number> = {
  logicalNot: (x) => Number(x === 0),
  negate: (x) => -x,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  square: (x) => x * x,
  floor: Math.floor,
  ceil: Math.ceil,
  sin: Math.sin,
  cos: Math.cos,
  relu: (x) => Math.max(0, x),
  elu: (x) => (x >= 0 ? x : Math.expm1(x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

/** Undefined when the input already has the output's shape. */
const mapTo = (from: Shape, to: Shape): Int32Array | undefined =>
  sameShape(from, to) ? undefined : indexMap(to, broadcastSteps(from, to));

function loopOf(compute: (a: number, b: number) => number): BinaryLoop {
  return (out, a, b, mapA, mapB) => {
    for (let i = 0; i < out.length; i++) {
      out[i] = compute(at(a, mapA ? at(mapA, i) : i), at(b, mapB ? at(mapB, i) : i));
    }
  };
}

function binary<K extends BinaryName>(name: K): Prepare<K> {
  const loop = binaryLoops[name] ?? loopOf(binaryFunctions[name]);
  return (_, inputs, outputs) => {
    const { shape, dtype } = at(outputs, 0);
    const total = elementCount(shape);
    const mapA = mapTo(at(inputs, 0).shape, shape);
    const mapB = mapTo(at(inputs, 1).shape, shape);
    return ([a, b]) => {
      const out = makeArray(dtype, total);
      loop(out, a as TypedArray, b as TypedArray, mapA, mapB);
      return [out];
    };
  };
}

function unary<K extends UnaryName>(name: K): Prepare<K> {
  const compute = unaryFunctions[name];
  const loop: UnaryLoop =
    unaryLoops[name] ??
    ((out, x) => {
      for (let i = 0; i < out.length; i++) out[i] = compute(at(x, i));
    });
  return (_, __, outputs) =>
    ([x]) => {
      const input = x as TypedArray;
      const out = makeArray(at(outputs, 0).dtype, input.length);
      loop(out, input);
      return [out];
    };
}

const select: Prepare<'select'> = (_, inputs, outputs) => {
  const { shape, dtype } = at(outputs, 0);
  const total = elementCount(shape);
  const [mapC, mapA, mapB] = inputs.map((input) => mapTo(input.shape, shape));
  return ([condition, yes, no]) => {
    const out = makeArray(dtype, total);
    for (let i = 0; i < total; i++) {
      const chosen = at(condition as TypedArray, mapC ? at(mapC, i) : i) !== 0;
      out[i] = chosen
        ? at(yes as TypedArray, mapA ? at(mapA, i) : i)
        : at(no as TypedArray, mapB ? at(mapB, i) : i);
    }
    return [out];
  };
};

const cast: Prepare<'cast'> =
  ({ to }) =>
  ([x]) => {
    const input = x as TypedArray;
    const out = makeArray(to, input.length);
    for (let i = 0; i < out.length; i++) {
      const value = input[i] as number;
      out[i] = to === 'bool' ? Number(value !== 0) : value;
    }
    return [out];
  };

export const elementwiseKernels: KernelTable<BinaryName | UnaryName | 'select' | 'cast'> = {
  add: binary('add'),
  subtract: binary('subtract'),
  multiply: binary('multiply'),
  divide: binary('divide'),
  maximum: binary('maximum'),
  minimum: binary('minimum'),
  greater: binary('greater'),
  greaterEqual: binary('greaterEqual'),
  less: binary('less'),
  lessEqual: binary('lessEqual'),
  equal: binary('equal'),
  notEqual: binary('notEqual'),
  logicalAnd: binary('logicalAnd'),
  logicalOr: binary('logicalOr'),
  logicalNot: unary('logicalNot'),
  negate: unary('negate'),
  abs: unary('abs'),
  exp: unary('exp'),
  log: unary('log'),
  sqrt: unary('sqrt'),
  rsqrt: unary('rsqrt'),
  square: unary('square'),
  floor: unary('floor'),
  ceil: unary('ceil'),
  sin: unary('sin'),
  cos: unary('cos'),
  relu: unary('relu'),
  elu: unary('elu'),
  sigmoid: unary('sigmoid'),
  tanh: unary('tanh'),
  select,
  cast,
};

/** True for operations of two inputs that broadcast. */
export const isBinary = (op: OpName): op is BinaryName => op in binaryFunctions;
