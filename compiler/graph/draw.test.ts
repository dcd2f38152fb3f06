import { describe, expect, it } from 'vitest';
import { quantizeGraph } from '../tflite/plan.ts';
import { GraphBuilder } from './builder.ts';
import { calibrate } from './calibrate.ts';
import { drawGraph } from './draw.ts';
import type { Graph } from './ir.ts';
import { printGraph } from './print.ts';

/** y = tanh(x · Wᵀ + b) / 2, W [3, 4]. */
function sample(): Graph {
  const b = new GraphBuilder('score');
  const x = b.input('x', { shape: [1, 4], dtype: 'float32' });
  const w = b.constant(
    { shape: [3, 4], dtype: 'float32' },
    Float32Array.from({ length: 12 }, (_, i) => i / 12),
    'weights',
  );
  const bias = b.constant({ shape: [3], dtype: 'float32' }, Float32Array.of(0, 0, 1), 'bias');
  const h = b.emit('dense', [x, w, bias], { activation: 'none' });
  const y = b.emit('multiply', [b.emit('tanh', [h], {}), b.scalar(0.5)], {});
  return b.finish([{ name: 'y', value: y }]);
}

const row = { x: Float32Array.of(-1, 0, 0.5, 1.55) };

describe('a graph with quantisation', () => {
  it('is printed with scale and zero point of each value', () => {
    const graph = sample();
    const text = printGraph(quantizeGraph(graph, calibrate(graph, [row])));
    expect(text).toContain('graph score(x: float32[1,4] int8(0.01, -28))');
    expect(text).toContain('float32[1,3] int8(0.007813, 0) = tanh(');
    expect(printGraph(graph)).not.toContain('int8');
  });

  it('is printed with the number of scales where there are many', () => {
    const graph = sample();
    const values = graph.values.map((value) =>
      value.name === 'y'
        ? { ...value, quantization: { scale: [1, 2, 3], zeroPoint: [0, 0, 0], axis: 1 } }
        : value,
    );
    expect(printGraph({ ...graph, values })).toContain(
      'y: float32[1,3] int8(3 scales along axis 1)',
    );
  });
});

describe('drawGraph', () => {
  it('draws inputs, operations, large constants and outputs, each once', () => {
    const text = drawGraph(sample());
    expect(text.startsWith('digraph "score" {\n')).toBe(true);
    expect(text.match(/ -> /g)).toHaveLength(5);
    expect(text).toContain('label="dense\\nactivation: \\"none\\"\\n[0, 0, 1]"');
    expect(text).toContain('label="weights\\nfloat32[3,4]", shape=note');
    expect(text).toContain('label="multiply\\n0.5"');
    expect(text.trimEnd().endsWith('}')).toBe(true);
  });

  it('connects every box that it names', () => {
    const text = drawGraph(sample());
    const boxes = [...text.matchAll(/^ {2}(\w+) \[label/gm)].map(([, id]) => id);
    const ends = [...text.matchAll(/^ {2}(\w+) -> (\w+)/gm)].flatMap(([, a, b]) => [a, b]);
    expect(new Set(boxes).size).toBe(boxes.length);
    expect(new Set(ends)).toEqual(new Set(boxes));
  });

  it('shows the quantisation on the arrows', () => {
    const graph = sample();
    const text = drawGraph(quantizeGraph(graph, calibrate(graph, [row])));
    expect(text).toContain('label="x\\nfloat32[1,4] int8(0.01, -28)"');
  });

  it('writes quotes and backslashes of names as text', () => {
    expect(drawGraph({ ...sample(), name: 'a "b" \\c' })).toContain('digraph "a \\"b\\" \\\\c" {');
  });
});
