import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import { calibrate } from '../graph/calibrate.ts';
import type { Graph, OpAttributes, Shape, ValueId } from '../graph/ir.ts';
import { planQuantization } from '../tflite/plan.ts';
import { perRowOrOne } from '../tflite/quantize.ts';
import { planStorage } from '../tflite/storage.ts';
import { furthestOutside, outputBounds, relativeWidth } from './bounds.ts';
import { exactly, propagate } from './intervals.ts';

const float = (shape: Shape) => ({ shape, dtype: 'float32' }) as const;
const none = {} as OpAttributes['add'];

function graphOf(shape: Shape, body: (b: GraphBuilder, x: ValueId) => ValueId): Graph {
  const builder = new GraphBuilder('test');
  const x = builder.input('x', float(shape));
  return builder.finish([{ name: 'y', value: body(builder, x) }]);
}

/** The interval that one operation makes of the intervals of its inputs. */
function one(op: 'multiply' | 'divide' | 'subtract' | 'square' | 'softmax', ...ends: number[][]) {
  const n = (ends[0]?.length ?? 0) / 2;
  const inputs = ends.map((e) => ({
    low: Float32Array.from(e.slice(0, n)),
    high: Float32Array.from(e.slice(n)),
  }));
  const types = inputs.map(() => float([n]));
  const node = { op, attributes: {}, inputs: inputs.map((_, i) => i), outputs: [9] } as const;
  const [found] = propagate({ node, inputs: types, outputs: [float([n])] }, inputs);
  const rounded = (data: ArrayLike<number> = []): number[] =>
    Array.from(data, (x) => Math.round(x * 1e3) / 1e3 + 0);
  return [rounded(found?.low), rounded(found?.high)];
}

describe('propagate', () => {
  it('takes the corners of a product and leaves a quotient by an interval around 0 open', () => {
    expect(one('multiply', [-1, 2], [3, 4])).toEqual([[-4], [8]]);
    expect(one('subtract', [1, 2], [-1, 5])).toEqual([[-4], [3]]);
    expect(one('divide', [1, 2], [2, 4])).toEqual([[0.25], [1]]);
    expect(one('divide', [1, 2], [-1, 1])).toEqual([
      [Number.NEGATIVE_INFINITY],
      [Number.POSITIVE_INFINITY],
    ]);
    expect(one('square', [-1, 3])).toEqual([[0], [9]]);
  });

  it('gives a probability its worst company', () => {
    // Logits in [0, ln 2] each: from 1 / (1 + 2) to 2 / (2 + 1).
    const ln2 = Math.log(2);
    expect(one('softmax', [0, 0, ln2, ln2])).toEqual([
      [0.333, 0.333],
      [0.667, 0.667],
    ]);
  });
});

describe('outputBounds', () => {
  it('has a step of the result, and half a step of the input, for int8', () => {
    const graph = graphOf([2], (b, x) => b.emit('negate', [x], none));
    const rows = [{ x: Float32Array.of(-1, 1.55) }];
    const plan = planQuantization(graph, calibrate(graph, rows));
    // Steps of 0.01; 0.5 is a multiple of them.
    const { y } = outputBounds(
      graph,
      { profile: 'int8', plan, dense: perRowOrOne },
      { x: Float32Array.of(0.5, 0) },
    );
    expect(y?.low[0]).toBeCloseTo(-0.5 - 0.0152, 4);
    expect(y?.high[0]).toBeCloseTo(-0.5 + 0.0152, 4);
  });

  it('saturates where the parameters end', () => {
    const graph = graphOf([1], (b, x) => b.emit('negate', [x], none));
    const plan = planQuantization(graph, calibrate(graph, [{ x: Float32Array.of(2.55) }]));
    const { y } = outputBounds(
      graph,
      { profile: 'int8', plan, dense: perRowOrOne },
      { x: Float32Array.of(100) },
    );
    expect(y?.low[0]).toBeCloseTo(-2.55, 4);
    expect(y?.high[0]).toBeCloseTo(-2.54 + 0.0001, 3);
  });

  it('reads the halves and the rows that a file stores', () => {
    const graph = graphOf([1, 2], (b, x) => {
      const w = b.constant(float([1, 2]), Float32Array.of(1 / 3, 0));
      const bias = b.constant(float([1]), Float32Array.of(0));
      return b.emit('dense', [x, w, bias], { activation: 'none' });
    });
    const x = Float32Array.of(1, 0);
    const halves = planStorage(graph, { profile: 'float16', smallest: 2 });
    const half = outputBounds(graph, { profile: 'stored', storage: halves }, { x });
    // 1/3 as a half is 0x3555 = 1365 / 4096.
    expect(half.y?.low[0]).toBeCloseTo(1365 / 4096, 5);
    const rows = planStorage(graph, { profile: 'hybrid', smallest: 2 });
    const hybrid = outputBounds(graph, { profile: 'stored', storage: rows }, { x });
    // The input moves by up to 1.01 steps of 1/255.
    expect(hybrid.y?.high[0]).toBeCloseTo((1 + 1.01 / 255) / 3, 5);
  });
});

describe('furthestOutside', () => {
  const bounds = { y: { low: Float32Array.of(-1, 2), high: Float32Array.of(1, 4) } };

  it('is 0 inside and grows with the distance, in units of the largest magnitude', () => {
    expect(furthestOutside(bounds, { y: Float32Array.of(1, 2) })).toBe(0);
    expect(furthestOutside(bounds, { y: Float32Array.of(1, 6) })).toBe(0.5);
    expect(furthestOutside(bounds, { y: Float32Array.of(Number.NaN, 2) })).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(furthestOutside(bounds, {})).toBe(Number.POSITIVE_INFINITY);
  });

  it('knows how much the bounds leave open', () => {
    expect(relativeWidth(bounds)).toBe(0.5);
    expect(relativeWidth({ y: exactly(Float32Array.of(1)) })).toBe(0);
  });
});
