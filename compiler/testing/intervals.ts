/**
 * Interval arithmetic over operations of the graph: from what the inputs may be to what the outputs
 * may be, element by element. Both ends are inclusive; they hold whatever rounding to float32 adds.
 */
import { prepareOperation } from '../graph/interpret.ts';
import {
  at,
  makeArray,
  type Node,
  type Operation,
  type OpName,
  type TensorType,
  type TypedArray,
} from '../graph/ir.ts';

export interface Interval {
  low: TypedArray;
  high: TypedArray;
}

export const exactly = (data: TypedArray): Interval => ({ low: data, high: data });

/** Of the value itself: kernels of exp, tanh and divisions err by some units in the last place. */
const RELATIVE_ROUNDING = 2e-6;
const ABSOLUTE_ROUNDING = 1e-6;

/** The outputs grow with every input. */
const increasing = new Set<OpName>([
  ...(['identity', 'reshape', 'transpose', 'broadcast', 'tile', 'concat', 'pack'] as const),
  ...(['unpack', 'split', 'slice', 'stridedSlice', 'pad', 'reverse'] as const),
  ...(['add', 'maximum', 'minimum', 'relu', 'elu', 'tanh', 'sigmoid', 'exp', 'log'] as const),
  ...(['sqrt', 'floor', 'ceil', 'cast', 'logicalAnd', 'logicalOr'] as const),
  ...(['sum', 'mean', 'max', 'min', 'cumulativeSum'] as const),
]);
const decreasing = new Set<OpName>(['negate', 'rsqrt', 'logicalNot']);

/** Sums of many terms round in units of the largest partial sum. */
const summing = new Set<OpName>(['sum', 'mean', 'cumulativeSum', 'matmul', 'dense']);

export interface Step {
  node: Node;
  inputs: readonly TensorType[];
  outputs: readonly TensorType[];
}

type Data = readonly TypedArray[];

/** Runs an operation of the same types and, unless told, the same attributes. */
function compute({ node, inputs, outputs }: Step, data: Data, other?: Operation): TypedArray[] {
  return prepareOperation(other ?? node, inputs, outputs)(data);
}

const mapped = (data: TypedArray, f: (x: number, i: number) => number): TypedArray => {
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = f(at(data, i), i);
  return result;
};

const plain = (op: 'multiply' | 'divide' | 'greater' | 'less' | 'equal'): Operation => ({
  op,
  attributes: {},
});

/** Elementwise least and greatest of several arrays; NaN (0 · ∞) leaves the end open. */
function hull(arrays: readonly TypedArray[]): Interval {
  const first = at(arrays, 0);
  const pick = (f: (...xs: number[]) => number, open: number): TypedArray =>
    mapped(first, (_, i) => {
      const value = f(...arrays.map((array) => at(array, i)));
      return Number.isNaN(value) ? open : value;
    });
  return {
    low: pick(Math.min, Number.NEGATIVE_INFINITY),
    high: pick(Math.max, Number.POSITIVE_INFINITY),
  };
}

const lows = (inputs: readonly Interval[]): TypedArray[] => inputs.map(({ low }) => low);
const highs = (inputs: readonly Interval[]): TypedArray[] => inputs.map(({ high }) => high);
const middle = ({ low, high }: Interval): TypedArray =>
  mapped(low, (x, i) => (x + at(high, i)) / 2);
const radius = ({ low, high }: Interval): TypedArray =>
  mapped(low, (x, i) => (at(high, i) - x) / 2);
const size = (data: TypedArray): TypedArray => mapped(data, Math.abs);
const isExact = ({ low, high }: Interval): boolean =>
  low === high || low.every((x, i) => x === at(high, i));

function corners(step: Step, op: 'multiply' | 'divide', inputs: readonly Interval[]): Interval {
  const [a, b] = inputs as [Interval, Interval];
  const products = [a.low, a.high].flatMap((x) =>
    [b.low, b.high].map((y) => at(compute(step, [x, y], plain(op)), 0)),
  );
  return hull(products);
}

function quotient(step: Step, inputs: readonly Interval[]): Interval {
  const [a, b] = inputs as [Interval, Interval];
  const result = corners(step, 'divide', inputs);
  // A divisor that may be 0 leaves the quotient open.
  const spans = mapped(b.low, (x, i) => Number(x <= 0 && at(b.high, i) >= 0));
  const ones = mapped(a.low, () => 1);
  const open = at(compute(step, [ones, spans], plain('multiply')), 0);
  return {
    low: mapped(result.low, (x, i) => (at(open, i) ? Number.NEGATIVE_INFINITY : x)),
    high: mapped(result.high, (x, i) => (at(open, i) ? Number.POSITIVE_INFINITY : x)),
  };
}

/** |a·b − ab| ≤ |a|·rb + ra·(|b| + rb), for products that are linear in both. */
function bilinear(step: Step, inputs: readonly Interval[]): Interval {
  const [a, b, bias] = inputs as [Interval, Interval, Interval | undefined];
  const product = (x: TypedArray, y: TypedArray, shift?: TypedArray): TypedArray => {
    const none = bias && (shift ?? makeArray('float32', bias.low.length));
    // A relu comes after the interval.
    const linear: Operation =
      step.node.op === 'dense' ? { op: 'dense', attributes: { activation: 'none' } } : step.node;
    return at(compute(step, none ? [x, y, none] : [x, y], linear), 0);
  };
  const [ma, mb, ra, rb] = [middle(a), middle(b), radius(a), radius(b)];
  const wide = mapped(size(mb), (x, i) => x + at(rb, i));
  const centre = product(ma, mb, bias && middle(bias));
  const first = product(size(ma), rb, bias && radius(bias));
  const second = product(ra, wide);
  const relu = step.node.op === 'dense' && step.node.attributes.activation === 'relu';
  const end = (sign: number): TypedArray =>
    mapped(centre, (x, i) => {
      const value = x + sign * (at(first, i) + at(second, i));
      return relu ? Math.max(0, value) : value;
    });
  return { low: end(-1), high: end(1) };
}

/** pᵢ is least where the i-th logit is least and all others are greatest. */
function softmax({ inputs }: Step, [x]: readonly Interval[]): Interval {
  const { low, high } = x as Interval;
  const width = at(inputs, 0).shape.at(-1) ?? 1;
  const end = (own: TypedArray, others: TypedArray): TypedArray =>
    mapped(own, (logit, i) => {
      const start = i - (i % width);
      let sum = 1;
      for (let j = start; j < start + width; j++) {
        if (j !== i) sum += Math.exp(at(others, j) - logit);
      }
      return 1 / sum;
    });
  return { low: end(low, high), high: end(high, low) };
}

function comparison(step: Step, inputs: readonly Interval[]): Interval {
  const [a, b] = inputs as [Interval, Interval];
  const both = (x: Data, y: Data): Interval => {
    const [p, q] = [at(compute(step, x), 0), at(compute(step, y), 0)];
    return { low: p, high: q };
  };
  switch (step.node.op) {
    case 'greater':
    case 'greaterEqual':
      return both([a.low, b.high], [a.high, b.low]);
    case 'less':
    case 'lessEqual':
      return both([a.high, b.low], [a.low, b.high]);
    default: {
      const apart = (op: 'greater' | 'less', x: TypedArray, y: TypedArray): TypedArray =>
        at(compute(step, [x, y], plain(op)), 0);
      const above = apart('greater', a.low, b.high);
      const below = apart('less', a.high, b.low);
      const same = [
        [a.low, b.low],
        [a.high, b.high],
        [a.low, b.high],
      ].map((pair) => at(compute(step, pair, plain('equal')), 0));
      const overlap = Uint8Array.from(above, (x, i) => Number(!x && !at(below, i)));
      const certain = Uint8Array.from(overlap, (x, i) => Number(x && same.every((s) => at(s, i))));
      if (step.node.op === 'equal') return { low: certain, high: overlap };
      return { low: overlap.map((x) => 1 - x), high: certain.map((x) => 1 - x) };
    }
  }
}

function select(step: Step, inputs: readonly Interval[]): Interval {
  const [c, yes, no] = inputs as [Interval, Interval, Interval];
  const chosen = [c.low, c.high].flatMap((condition) =>
    [lows, highs].map((end) => at(compute(step, [condition, ...end([yes, no])]), 0)),
  );
  const { low, high } = hull(chosen);
  const type = at(step.outputs, 0).dtype;
  if (type === 'float32') return { low, high };
  const typed = (data: TypedArray): TypedArray => {
    const result = makeArray(type, data.length);
    result.set(data);
    return result;
  };
  return { low: typed(low), high: typed(high) };
}

/** What lies anywhere in the values, for indices that are not certain. */
function anyOf(values: TypedArray, length: number): Interval {
  const sorted = Float32Array.from(values).sort();
  const filled = (x: number): TypedArray => new Float32Array(length).fill(x);
  return { low: filled(at(sorted, 0)), high: filled(at(sorted, sorted.length - 1)) };
}

function ends(step: Step, inputs: readonly Interval[]): Interval[] {
  const { node, outputs } = step;
  const pair = (low: Data, high: Data): Interval[] => {
    const [p, q] = [compute(step, low), compute(step, high)];
    return outputs.map((_, i) => ({ low: at(p, i), high: at(q, i) }));
  };
  if (increasing.has(node.op)) return pair(lows(inputs), highs(inputs));
  if (decreasing.has(node.op)) return pair(highs(inputs), lows(inputs));
  const x = at(inputs, 0);
  const y = inputs[1] ?? x;
  const length = outputs.map(({ shape }) => shape.reduce((n, s) => n * s, 1));
  switch (node.op) {
    case 'subtract':
      return pair([x.low, y.high], [x.high, y.low]);
    case 'multiply':
      return [corners(step, 'multiply', inputs)];
    case 'divide':
      return [quotient(step, inputs)];
    case 'square':
    case 'abs': {
      const { low, high } = hull([x.low, x.high].map((data) => at(compute(step, [data]), 0)));
      return [{ low: mapped(low, (v, i) => (at(x.low, i) * at(x.high, i) < 0 ? 0 : v)), high }];
    }
    case 'sin':
    case 'cos': {
      const [centre] = compute(step, [middle(x)]) as [TypedArray];
      const reach = radius(x);
      const end = (sign: number): TypedArray =>
        mapped(centre, (v, i) => Math.max(-1, Math.min(1, v + sign * at(reach, i))));
      return [{ low: end(-1), high: end(1) }];
    }
    case 'matmul':
    case 'dense':
      return [bilinear(step, inputs)];
    case 'softmax':
      return [softmax(step, inputs)];
    case 'select':
      return [select(step, inputs)];
    case 'gather':
      if (!isExact(y)) return [anyOf(Float32Array.of(...x.low, ...x.high), at(length, 0))];
      return pair([x.low, y.low], [x.high, y.low]);
    case 'oneHot': {
      if (isExact(x)) return pair([x.low], [x.high]);
      const { on, off } = node.attributes;
      return [anyOf(Float32Array.of(on, off), at(length, 0))];
    }
    default:
      return [comparison(step, inputs)];
  }
}

/** What an operation may put out when every runtime rounds in its own way. */
export function propagate(step: Step, inputs: readonly Interval[]): Interval[] {
  const magnitudes = (): TypedArray[] =>
    compute(
      step,
      inputs.map(({ low, high }) => at([hull([size(low), size(high)]).high], 0)),
    );
  const scales = summing.has(step.node.op) ? magnitudes() : [];
  return ends(step, inputs).map(({ low, high }, i) => {
    if (at(step.outputs, i).dtype !== 'float32') return { low, high };
    const slack = (x: number, j: number): number => {
      const scale = Math.max(Math.abs(x), Math.abs(scales[i]?.[j] ?? 0));
      return Number.isFinite(scale) ? scale * RELATIVE_ROUNDING + ABSOLUTE_ROUNDING : 0;
    };
    return {
      low: mapped(low, (x, j) => x - slack(x, j)),
      high: mapped(high, (x, j) => x + slack(x, j)),
    };
  });
}
