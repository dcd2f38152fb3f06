/** The builder, the interpreter and the rewrite rules on graphs that one can check by hand. */
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.ts';
import { calibrate } from './calibrate.ts';
import { interpreter } from './interpret.ts';
import type { Graph, OpAttributes, Shape, ValueId } from './ir.ts';
import { optimise } from './optimise.ts';
import { countOperations, printGraph } from './print.ts';

const float = (shape: Shape) => ({ shape, dtype: 'float32' }) as const;

/** A graph of one input x and one output y. */
function graphOf(shape: Shape, body: (b: GraphBuilder, x: ValueId) => ValueId): Graph {
  const builder = new GraphBuilder('test');
  const x = builder.input('x', float(shape));
  return builder.finish([{ name: 'y', value: body(builder, x) }]);
}

const constant = (b: GraphBuilder, shape: Shape, data: number[]): ValueId =>
  b.constant(float(shape), Float32Array.from(data));

const plain = (
  b: GraphBuilder,
  op: 'add' | 'multiply' | 'subtract' | 'relu' | 'exp',
  ...inputs: ValueId[]
): ValueId => b.emit(op, inputs, {} as OpAttributes['add']);

const run = (graph: Graph, x: number[]): number[] =>
  Array.from(interpreter(graph).run({ x: Float32Array.from(x) }).y ?? []);

/** Optimises and checks that the numbers stay. */
function optimised(graph: Graph, x: number[]): Record<string, number> {
  const better = optimise(graph);
  run(graph, x).forEach((value, i) => {
    expect(run(better, x)[i]).toBeCloseTo(value, 5);
  });
  return countOperations(better);
}

describe('GraphBuilder', () => {
  it('keeps operations apart whose attributes are different infinities', () => {
    const graph = graphOf([1], (b, x) => {
      const padded = (value: number) => b.emit('pad', [x], { before: [1], after: [0], value });
      return plain(
        b,
        'subtract',
        padded(Number.POSITIVE_INFINITY),
        padded(Number.NEGATIVE_INFINITY),
      );
    });
    expect(run(graph, [3])).toEqual([Number.POSITIVE_INFINITY, 0]);
  });

  it('computes operations on constants at once', () => {
    const graph = graphOf([2], (b, x) =>
      plain(b, 'add', x, plain(b, 'multiply', constant(b, [2], [2, 3]), constant(b, [], [10]))),
    );
    expect(printGraph(graph)).toContain('add(x, [20, 30])');
  });

  it('builds an operation once', () => {
    const graph = graphOf([2], (b, x) => plain(b, 'add', plain(b, 'exp', x), plain(b, 'exp', x)));
    expect(countOperations(graph)).toEqual({ add: 1, exp: 1 });
  });

  it('leaves out what no output needs', () => {
    const graph = graphOf([2], (b, x) => {
      plain(b, 'exp', x);
      return plain(b, 'relu', x);
    });
    expect(countOperations(graph)).toEqual({ relu: 1 });
  });

  it('refuses shapes that do not fit', () => {
    const add = (shape: Shape) => () =>
      graphOf([2, 3], (b, x) => plain(b, 'add', x, constant(b, shape, [1, 2])));
    expect(add([2])).toThrow('shapes [2,3] and [2] do not broadcast');
  });
});

describe('interpreter', () => {
  it('computes a dense layer worked by hand', () => {
    const graph = graphOf([1, 2], (b, x) =>
      b.emit('dense', [x, constant(b, [2, 2], [1, 2, 3, 4]), constant(b, [2], [10, -20])], {
        activation: 'relu',
      }),
    );
    // 1·1 + 2·2 + 10 = 15; 3·1 + 4·2 − 20 = −9, cut to 0.
    expect(run(graph, [1, 2])).toEqual([15, 0]);
  });

  it('refuses inputs of a wrong size by name', () => {
    const graph = graphOf([3], (b, x) => plain(b, 'exp', x));
    expect(() => run(graph, [1])).toThrow('Input x has 1 values, 3 are needed');
  });
});

describe('optimise', () => {
  it('drops what does nothing', () => {
    const graph = graphOf([2, 3], (b, x) => {
      const same = b.emit('transpose', [b.emit('transpose', [x], { permutation: [1, 0] })], {
        permutation: [1, 0],
      });
      const flat = b.emit('reshape', [b.emit('reshape', [same], { shape: [6] })], {
        shape: [2, 3],
      });
      return plain(b, 'exp', plain(b, 'multiply', plain(b, 'add', flat, b.scalar(0)), b.scalar(1)));
    });
    expect(optimised(graph, [1, 2, 3, 4, 5, 6])).toEqual({ exp: 1 });
  });

  it('keeps a neutral operand that broadcasts', () => {
    const graph = graphOf([1, 2], (b, x) => plain(b, 'add', x, constant(b, [2, 1], [0, 0])));
    expect(optimised(graph, [1, 2])).toEqual({ add: 1 });
  });

  it('takes transposes into matrix products', () => {
    const graph = graphOf([2, 3], (b, x) =>
      b.emit('matmul', [x, b.emit('transpose', [x], { permutation: [1, 0] })], {
        transposeA: false,
        transposeB: false,
      }),
    );
    expect(optimised(graph, [1, 2, 3, 4, 5, 6])).toEqual({ matmul: 1 });
  });

  it('takes scale, bias and relu into a dense layer, through reshapes', () => {
    const graph = graphOf([2, 2, 3], (b, x) => {
      const flat = b.emit('reshape', [x], { shape: [4, 3] });
      const w = constant(b, [3, 2], [1, -1, 2, -2, 3, -3]);
      const product = b.emit('matmul', [flat, w], { transposeA: false, transposeB: false });
      const scaled = plain(b, 'multiply', product, b.scalar(0.5));
      const back = b.emit('reshape', [scaled], { shape: [2, 2, 2] });
      return plain(b, 'relu', plain(b, 'add', back, constant(b, [2], [1, -1])));
    });
    expect(
      optimised(
        graph,
        Array.from({ length: 12 }, (_, i) => i - 6),
      ),
    ).toEqual({ dense: 1 });
  });

  it('does not take a bias into a dense layer that others read', () => {
    const builder = new GraphBuilder('two');
    const x = builder.input('x', float([1, 1]));
    const product = builder.emit('matmul', [x, constant(builder, [1, 1], [2])], {
      transposeA: false,
      transposeB: false,
    });
    const shifted = plain(builder, 'add', product, builder.scalar(1));
    const graph = optimise(
      builder.finish([
        { name: 'y', value: shifted },
        { name: 'z', value: product },
      ]),
    );
    expect(countOperations(graph)).toEqual({ add: 1, dense: 1 });
  });

  it('recognises softmax and sigmoid in their parts', () => {
    const softmax = graphOf([2, 3], (b, x) => {
      const largest = b.emit('max', [x], { axes: [1], keepDims: true });
      const e = plain(b, 'exp', plain(b, 'subtract', x, largest));
      return b.emit('divide', [e, b.emit('sum', [e], { axes: [1], keepDims: true })], {});
    });
    expect(optimised(softmax, [1, 2, 3, 0, 0, 5])).toEqual({ softmax: 1 });
    const sigmoid = graphOf([3], (b, x) => {
      const e = plain(b, 'exp', b.emit('negate', [x], {}));
      return b.emit('divide', [b.scalar(1), plain(b, 'add', b.scalar(1), e)], {});
    });
    expect(optimised(sigmoid, [-1, 0, 2])).toEqual({ sigmoid: 1 });
  });

  it('writes an interpolation with one product', () => {
    const graph = graphOf([3], (b, x) => {
      const [u, a, c] = [b.emit('sigmoid', [x], {}), plain(b, 'exp', x), plain(b, 'relu', x)];
      const rest = plain(b, 'multiply', plain(b, 'subtract', b.scalar(1), u), c);
      return plain(b, 'add', plain(b, 'multiply', u, a), rest);
    });
    expect(optimised(graph, [-1, 0, 2]).multiply).toBe(1);
  });

  it('turns slices that cover a value into one split, and single steps into one unpack', () => {
    const halves = graphOf([2, 4], (b, x) => {
      const [left, right] = [0, 2].map((begin) =>
        b.emit('slice', [x], { begin: [0, begin], size: [2, 2] }),
      ) as [ValueId, ValueId];
      return plain(b, 'subtract', left, right);
    });
    expect(optimised(halves, [1, 2, 3, 4, 5, 6, 7, 8])).toEqual({ split: 1, subtract: 1 });
    const series = graphOf([1, 4, 2], (b, x) => {
      const at = (t: number): ValueId => {
        const slice = b.emit('slice', [x], { begin: [0, t, 0], size: [1, 1, 2] });
        return b.emit('reshape', [slice], { shape: [1, 2] });
      };
      return [1, 2, 3].reduce((sum, t) => plain(b, 'subtract', sum, at(t)), at(0));
    });
    expect(optimised(series, [1, 2, 3, 4, 5, 6, 7, 8])).toEqual({ subtract: 3, unpack: 1 });
  });

  it('keeps the order and the names of inputs and outputs, used or not', () => {
    const builder = new GraphBuilder('ports');
    builder.input('unused', float([1]));
    const x = builder.input('x', float([2]));
    const graph = optimise(
      builder.finish([
        { name: 'b', value: plain(builder, 'exp', x) },
        { name: 'a', value: x },
      ]),
    );
    expect(graph.inputs.map((port) => port.name)).toEqual(['unused', 'x']);
    expect(graph.outputs.map((port) => port.name)).toEqual(['b', 'a']);
  });
});

describe('calibrate', () => {
  const graph = graphOf([1000], (b, x) => plain(b, 'relu', x));
  const y = graph.outputs[0]!.value;
  const row = (outlier: number): Float32Array =>
    Float32Array.from({ length: 1000 }, (_, i) => (i === 0 ? outlier : i / 1000));

  it('takes the smallest and the largest over all rows', () => {
    const { ranges, rows } = calibrate(graph, [{ x: row(-5) }, { x: row(7) }]);
    expect([ranges.get(y), rows]).toEqual([{ min: 0, max: 7 }, 2]);
  });

  it('leaves outliers out when asked', () => {
    const { ranges } = calibrate(graph, [{ x: row(50) }], { coverage: 0.99 });
    expect(ranges.get(y)?.max).toBeLessThan(1.1);
  });

  it('stops when told, and refuses nothing and NaN', () => {
    const stopped = AbortSignal.abort();
    expect(() => calibrate(graph, [{ x: row(0) }], { signal: stopped })).toThrow();
    expect(() => calibrate(graph, [])).toThrow(/at least one row/);
    const nan = row(Number.NaN);
    expect(() => calibrate(graph, [{ x: nan }, { x: row(1) }])).toThrow(/not finite/);
  });
});
