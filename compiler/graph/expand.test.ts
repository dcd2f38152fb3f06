import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.ts';
import { expandComposites } from './expand.ts';
import { interpreter } from './interpret.ts';
import type { Graph, GruMask, Shape } from './ir.ts';
import { optimise } from './optimise.ts';
import { countOperations, printGraph } from './print.ts';

const float = (shape: Shape) => ({ shape, dtype: 'float32' }) as const;

/**
 * One unit whose gates are 0.5 (their weights are 0) and whose candidate is tanh(x + 2 · r · h), over
 * two steps: x, and the mask unless the rows of it are given.
 */
function twoSteps(mask: GruMask, constantMask?: number[]): Graph {
  const builder = new GraphBuilder('test');
  const constant = (shape: Shape, ...data: number[]) =>
    builder.constant(float(shape), Float32Array.from(data));
  const inputs = [
    builder.input('x', float([1, 2, 1])),
    builder.input('h0', float([1, 1])),
    constant([2, 2], 0, 0, 0, 0),
    constant([2], 0, 0),
    constant([2, 1], 1, 2),
    constant([1], 0),
  ];
  if (constantMask) inputs.push(constant([1, 2], ...constantMask));
  else if (mask !== 'none') inputs.push(builder.input('m', float([1, 2])));
  return builder.finish([{ name: 'states', value: builder.emit('gru', inputs, { mask }) }]);
}

function states(graph: Graph, m: number[] = []): number[] {
  const inputs = { x: Float32Array.of(1, 0), h0: Float32Array.of(0.5), m: Float32Array.from(m) };
  return Array.from(interpreter(graph).run(inputs).states ?? []);
}

// h1 = 0.5 · 0.5 + 0.5 · tanh(1 + 2 · 0.5 · 0.5) = 0.25 + 0.5 · 0.9051483.
const H1 = 0.7025741;
// h2 = 0.5 · h1 + 0.5 · tanh(2 · 0.5 · h1) = 0.5 · 0.7025741 + 0.5 · 0.6059991.
const H2 = 0.6542866;

describe('gru', () => {
  it('makes the steps that the formula gives by hand', () => {
    const [first, second] = states(twoSteps('none'));
    expect(first).toBeCloseTo(H1, 6);
    expect(second).toBeCloseTo(H2, 6);
  });

  it('keeps the state where a mask of 0 and 1 says so, and blends by any other', () => {
    expect(states(twoSteps('choice'), [0, 0])).toEqual([0.5, 0.5]);
    const [kept, made] = states(twoSteps('choice'), [1, 0]);
    expect([kept, made]).toEqual([made, kept]);
    expect(states(twoSteps('blend'), [0.25, 0])[0]).toBeCloseTo(0.25 * H1 + 0.75 * 0.5, 6);
  });

  it('refuses weights that do not fit, with the shapes', () => {
    const builder = new GraphBuilder('test');
    const x = builder.input('x', float([1, 2, 3]));
    const inputs = [x, x, x, x, x, x];
    expect(() => builder.emit('gru', inputs, { mask: 'none' })).toThrow(
      /gru of \[1,2,3\] .* in place of \[1,2,3\] \[1,3\] \[6,6\] \[6\] \[6,3\] \[3\]/,
    );
  });

  it('needs no mask that keeps every step, and chooses by a constant one of 0 and 1', () => {
    const printed = (mask: number[]) => printGraph(optimise(twoSteps('blend', mask)));
    expect(printed([1, 1])).toContain('{ mask: "none" }');
    expect(printed([1, 0])).toContain('[1, 0]) { mask: "choice" }');
    expect(printed([1, 0.5])).toContain('{ mask: "blend" }');
  });
});

describe('expandComposites', () => {
  it.each(['choice', 'column'] as const)('computes the same, with the mask as a %s', (padding) => {
    const graph = expandComposites(twoSteps('choice'), { padding });
    expect(countOperations(graph)).not.toHaveProperty('gru');
    for (const m of [
      [1, 1],
      [0, 1],
      [1, 0],
    ]) {
      const wanted = states(twoSteps('choice'), m);
      states(graph, m).forEach((value, i) => {
        expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 6);
      });
    }
  });

  it('leaves the mask out of the steps when it is a column of the inputs', () => {
    const operations = (padding: 'choice' | 'column') =>
      countOperations(expandComposites(twoSteps('choice'), { padding }));
    expect(operations('choice').select).toBe(2);
    expect(operations('column')).not.toHaveProperty('select');
  });

  it('makes one product for the inputs of all steps', () => {
    // Two steps, each with a product for the gates and one for the candidate.
    expect(countOperations(expandComposites(twoSteps('none'))).dense).toBe(1 + 2 * 2);
  });

  it('leaves alone what is not asked for, and graphs without composite operations', () => {
    const graph = twoSteps('none');
    expect(expandComposites(graph, { only: (_, [, steps = 0]) => steps > 2 })).toBe(graph);
    const expanded = expandComposites(graph);
    expect(expandComposites(expanded)).toBe(expanded);
  });

  it('gives equal graphs for equal graphs, value by value', () => {
    expect(expandComposites(twoSteps('choice'))).toEqual(expandComposites(twoSteps('choice')));
  });
});
