/**
 * What a file of a profile may put out, from the step sizes of its quantisation alone: intervals are
 * carried through the graph and widened where the profile rounds. A constant is the number that the
 * file stores; an activation moves by half a step where it is rounded once.
 */
import type { NamedArrays } from '../graph/interpret.ts';
import {
  at,
  type Graph,
  type Node,
  type Quantization,
  type TypedArray,
  type ValueId,
  valueById,
} from '../graph/ir.ts';
import { isDynamicProduct, isEmbedding, swapped } from '../onnx/lower-dynamic.ts';
import { toFloat16 } from '../tflite/float16.ts';
import { dataInputs, type QuantizationPlan, runsInInt8, sharesParameters } from '../tflite/plan.ts';
import {
  perRow,
  quantizeArray,
  quantizeBias,
  sameQuantization,
  scaleOf,
  symmetric,
  zeroPointOf,
} from '../tflite/quantize.ts';
import type { StoragePlan } from '../tflite/storage.ts';
import { exactly, type Interval, propagate } from './intervals.ts';

/** Rounding to a step: half of one, and what float32 adds to the quotient. */
const ROUNDED = 0.51;
/**
 * An int8 kernel: half a step for its result, half for its fixed-point multipliers and tables. QDQ
 * files need the first half only.
 */
const COMPUTED = 1.01;
/** Zero points of run-time quantisation are rounded too, which moves the ends by half a step. */
const AT_RUN_TIME = 1.01;
const UINT8_STEPS = 255;
const FLOAT32_ROUNDING = 2 ** -22;

export type Rounding =
  | { profile: 'float32' }
  /** `dense` is how a format stores the weights of a dense layer. */
  | { profile: 'int8'; plan: QuantizationPlan; dense: typeof perRow }
  | { profile: 'stored'; storage: StoragePlan }
  | { profile: 'dynamic'; smallest: number };
type Int8Rounding = Extract<Rounding, { profile: 'int8' }>;

const widened = ({ low, high }: Interval, by: (i: number) => number): Interval => ({
  low: Float32Array.from(low, (x, i) => x - by(i)),
  high: Float32Array.from(high, (x, i) => x + by(i)),
});

/** Into the numbers that the parameters have: values beyond saturate. */
function rounded(interval: Interval, quantization: Quantization, steps: number): Interval {
  const scale = scaleOf(quantization);
  const [least, most] = [-128, 127].map((q) => scale * (q - zeroPointOf(quantization)));
  const clamp = (x: number): number => Math.max(least as number, Math.min(most as number, x));
  const { low, high } = widened(interval, () => scale * steps);
  const ends = { low: low.map(clamp), high: high.map(clamp) };
  // Runtimes multiply steps and scale in float32.
  return widened(
    ends,
    (i) => FLOAT32_ROUNDING * Math.max(Math.abs(at(ends.low, i)), Math.abs(at(ends.high, i))),
  );
}

const restored = (data: ArrayLike<number>, { scale, zeroPoint }: Quantization): Interval => {
  const width = data.length / scale.length;
  return exactly(
    Float32Array.from(data, (q, i) => {
      const row = Math.floor(i / width);
      return at(scale, row) * (q - at(zeroPoint, row));
    }),
  );
};

function restoredHalf(data: TypedArray): Interval {
  return exactly(
    Float32Array.from(toFloat16(data), (half) => {
      const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
      const size =
        exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
      return half & 0x8000 ? -size : size;
    }),
  );
}

const asSymmetric = (data: TypedArray): Interval => {
  const { data: bytes, quantization } = symmetric(data);
  return restored(bytes, quantization);
};

const asRows = (data: TypedArray, shape: readonly number[]): Interval => {
  const [n, k] = shape as [number, number];
  const rows = perRow(data, [n, k], new Float32Array(n), 1);
  return restored(rows.data, rows.quantization);
};

/** With a scale per column. */
const asColumns = (data: TypedArray, shape: readonly number[]): Interval => {
  const [k, n] = shape as [number, number];
  return exactly(swapped(asRows(swapped(data, [k, n]), [n, k]).low, [n, k]));
};

/** Activations in 8 bits over the range of each row of `width` elements, 0 included. */
function atRunTime(interval: Interval, width: number): Interval {
  const { low, high } = interval;
  const step = (row: number): number => {
    let [least, most] = [0, 0];
    for (let i = row * width; i < (row + 1) * width; i++) {
      least = Math.min(least, at(low, i));
      most = Math.max(most, at(high, i));
    }
    return (most - least) / UINT8_STEPS;
  };
  const steps = Array.from({ length: low.length / width }, (_, row) => step(row));
  return widened(interval, (i) => AT_RUN_TIME * at(steps, Math.floor(i / width)));
}

/** One run of a graph in intervals. */
class Bounds {
  readonly #graph: Graph;
  readonly #rounding: Rounding;
  /** In the value's own type, or in the int8 parameters of the plan where an int8 node made it. */
  readonly #held = new Map<ValueId, Interval>();
  readonly #inInt8 = new Set<ValueId>();

  constructor(graph: Graph, rounding: Rounding) {
    this.#graph = graph;
    this.#rounding = rounding;
  }

  run(inputs: NamedArrays): Record<string, Interval> {
    for (const { name, value } of this.#graph.inputs) {
      this.#held.set(value, exactly(inputs[name] as TypedArray));
    }
    for (const node of this.#graph.nodes) this.#step(node);
    return Object.fromEntries(
      this.#graph.outputs.map(({ name, value }) => [name, this.#native(value)]),
    );
  }

  #native(id: ValueId): Interval {
    const { data } = valueById(this.#graph, id);
    return data ? exactly(data) : (this.#held.get(id) as Interval);
  }

  #step(node: Node): void {
    const types = (ids: readonly ValueId[]) => ids.map((id) => valueById(this.#graph, id));
    const step = { node, inputs: types(node.inputs), outputs: types(node.outputs) };
    const rounding = this.#rounding;
    const int8 = rounding.profile === 'int8' && runsInInt8(this.#graph, node);
    const results = propagate(
      step,
      node.inputs.map((_, i) => this.#input(node, i)),
    );
    node.outputs.forEach((id, i) => {
      const result = at(results, i);
      if (int8) this.#inInt8.add(id);
      // Results that are copies are exact; the fill of a pad is a number of its own.
      const copies = sharesParameters(node.op);
      const steps = copies ? (node.op === 'pad' ? ROUNDED : 0) : COMPUTED;
      const made = int8 ? rounded(result, rounding.plan.get(id) as Quantization, steps) : result;
      this.#held.set(id, made);
    });
  }

  #input(node: Node, i: number): Interval {
    const rounding = this.#rounding;
    const id = at(node.inputs, i);
    const { data, shape, dtype } = valueById(this.#graph, id);
    if (dtype !== 'float32') return this.#native(id);
    switch (rounding.profile) {
      case 'float32':
        return this.#native(id);
      case 'int8':
        return this.#int8Input(node, i, rounding);
      case 'stored': {
        const storage = rounding.storage.get(id);
        const weights = node.op === 'dense' ? rounding.storage.get(at(node.inputs, 1)) : undefined;
        if (storage === 'float16') return restoredHalf(data as TypedArray);
        if (storage === 'int8') return asSymmetric(data as TypedArray);
        if (storage === 'rows') return asRows(data as TypedArray, shape);
        const quantised = weights === 'rows' && i === 0;
        return quantised
          ? atRunTime(this.#native(id), at(shape, shape.length - 1))
          : this.#native(id);
      }
      case 'dynamic': {
        const { smallest } = rounding;
        if (isEmbedding(this.#graph, node, smallest) && data) return asSymmetric(data);
        if (!isDynamicProduct(this.#graph, node, smallest)) return this.#native(id);
        if (i === 0) return atRunTime(this.#native(id), this.#native(id).low.length);
        if (i > 1) return this.#native(id);
        const columns = node.op === 'matmul' && !node.attributes.transposeB;
        return (columns ? asColumns : asRows)(data as TypedArray, shape);
      }
    }
  }

  #int8Input(node: Node, i: number, rounding: Int8Rounding): Interval {
    const { plan } = rounding;
    const id = at(node.inputs, i);
    const { data } = valueById(this.#graph, id);
    const takesInt8 = runsInInt8(this.#graph, node) && dataInputs(node).includes(id);
    if (!takesInt8) return this.#native(id);
    if (node.op === 'dense' && data) return this.#denseConstant(node, i, rounding);
    const shared = sharesParameters(node.op);
    const wanted = plan.get(shared ? at(node.outputs, 0) : id);
    if (data) {
      return shared && wanted ? restored(quantizeArray(data, wanted), wanted) : asSymmetric(data);
    }
    const own = plan.get(id) as Quantization;
    const target = wanted as Quantization;
    if (!this.#inInt8.has(id)) return rounded(this.#native(id), target, ROUNDED);
    // From int8 to int8 by a fixed-point multiplier.
    return sameQuantization(own, target)
      ? this.#native(id)
      : rounded(this.#native(id), target, COMPUTED);
  }

  #denseConstant(node: Node, i: number, { plan, dense }: Int8Rounding): Interval {
    const [x, w, b] = node.inputs.map((id) => valueById(this.#graph, id));
    if (!x || !w?.data || !b?.data) throw new Error('dense has constant weights and bias');
    const inputScale = scaleOf(plan.get(x.id) as Quantization);
    const weights = dense(w.data, w.shape as [number, number], b.data, inputScale);
    if (i === 1) return restored(weights.data, weights.quantization);
    const bias = quantizeBias(b.data, inputScale, weights.quantization);
    return restored(bias.data, bias.quantization);
  }
}

/** Intervals of the outputs, by name. */
export function outputBounds(
  graph: Graph,
  rounding: Rounding,
  inputs: NamedArrays,
): Record<string, Interval> {
  return new Bounds(graph, rounding).run(inputs);
}

/** The largest finite magnitude. */
export function largest(...arrays: ArrayLike<number>[]): number {
  let most = 0;
  for (const array of arrays) {
    for (let i = 0; i < array.length; i++) {
      const size = Math.abs(at(array, i));
      if (size > most && Number.isFinite(size)) most = size;
    }
  }
  return most;
}

/** The element furthest outside its interval, in units of the interval's magnitude; 0 when none is. */
export function furthestOutside(bounds: Record<string, Interval>, got: NamedArrays): number {
  let furthest = 0;
  for (const [name, { low, high }] of Object.entries(bounds)) {
    const data = got[name];
    if (data?.length !== low.length) return Number.POSITIVE_INFINITY;
    const scale = largest([0.01], low, high);
    data.forEach((x, i) => {
      const outside = Math.max(at(low, i) - x, x - at(high, i));
      if (Number.isNaN(x)) furthest = Number.POSITIVE_INFINITY;
      else if (outside > 0) furthest = Math.max(furthest, outside / scale);
    });
  }
  return furthest;
}

/** Mean width of the intervals in units of the largest magnitude in them; infinite ones count as 2. */
export function relativeWidth(bounds: Record<string, Interval>): number {
  const shares = Object.values(bounds).flatMap(({ low, high }) => {
    const scale = largest([0.01], low, high);
    return Array.from(low, (x, i) => Math.min(2, (at(high, i) - x) / scale));
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
