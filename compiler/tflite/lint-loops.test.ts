import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { gruGraph } from '../testing/gru-subject.ts';
import { writeModel } from './flatbuffer.ts';
import { lintTflite } from './lint.ts';
import type { TfliteFunction, TfliteModel, TfliteOperator } from './model.ts';
import { lowerToTflite } from './write.ts';

let clean: TfliteModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  const sizes = { batch: 2, steps: 7, width: 3, units: 2, seed: 3 };
  const graph = gruGraph({ ...sizes, mask: 'choice', start: 'input' });
  clean = lowerToTflite(graph, { profile: 'float32', recurrence: 'while' });
});

const findings = (model: TfliteModel) => lintTflite(writeModel(model));
const rules = (model: TfliteModel): string[] => [
  ...new Set(findings(model).map((finding) => finding.rule)),
];

function withFunction(
  index: number,
  change: (made: TfliteFunction) => Partial<TfliteFunction>,
): TfliteModel {
  const made = clean.functions[index]!;
  return { ...clean, functions: clean.functions.with(index, { ...made, ...change(made) }) };
}

function withLoop(change: (loop: TfliteOperator) => Partial<TfliteOperator>): TfliteModel {
  const index = clean.operators.findIndex(({ op }) => op === 'WHILE');
  const loop = clean.operators[index]!;
  return { ...clean, operators: clean.operators.with(index, { ...loop, ...change(loop) }) };
}

const [CONDITION, BODY] = [0, 1];

describe('the linter on loops', () => {
  it('finds nothing in what the writer makes', () => {
    expect(findings(clean)).toEqual([]);
  });

  it('catches a call of a subgraph that does not exist, or of the main one', () => {
    expect(rules(withLoop(() => ({ options: { condition: 1, body: 7 } })))).toContain(
      'loop-subgraph',
    );
    expect(rules(withLoop(() => ({ options: { condition: 0, body: 2 } })))).toContain(
      'loop-subgraph',
    );
  });

  it('catches a subgraph that nobody calls', () => {
    const model = { ...clean, functions: [...clean.functions, clean.functions[BODY]!] };
    expect(rules(model)).toEqual(['loop-subgraph']);
  });

  it('catches condition and body that changed places', () => {
    expect(rules(withLoop(() => ({ options: { condition: 2, body: 1 } })))).toContain('loop-ports');
  });

  it('catches a body that hands on fewer variables, or others', () => {
    const fewer = withFunction(BODY, ({ outputs }) => ({ outputs: outputs.slice(0, 3) }));
    expect(rules(fewer)).toContain('loop-ports');
    const turned = withFunction(BODY, ({ outputs }) => ({ outputs: outputs.toReversed() }));
    expect(rules(turned)).toContain('loop-ports');
  });

  it('catches a condition that is no single truth value', () => {
    const model = withFunction(CONDITION, ({ inputs }) => ({ outputs: [inputs[0]!] }));
    expect(rules(model)).toContain('loop-ports');
  });

  it('looks at the operators of every subgraph and says where', () => {
    const model = withFunction(BODY, ({ operators }) => ({
      operators: operators.filter(({ op }) => op !== 'GATHER'),
    }));
    const dangling = findings(model).find(({ rule }) => rule === 'dangling-tensor');
    expect(dangling?.message).toMatch(/^subgraph 2: .* before it is made/);
    expect(rules({ ...clean, minRuntime: '2.8.0' })).toEqual(['min-runtime']);
  });
});
