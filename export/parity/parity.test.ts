import { describe, expect, it } from 'vitest';
import type { NamedArrays } from '../../compiler/runtimes/runtime.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { checkParity, type ParityFile } from './check.ts';
import { compareOutputs, type ModelFunction } from './compare.ts';

const out = (...values: number[]): NamedArrays => ({ y: Float32Array.from(values) });
const shifted =
  (by: number): ModelFunction =>
  async ({ x }) =>
    out(...[...x!].map((value) => 2 * value + by));
const rows = Array.from({ length: 500 }, (_, i) => ({
  x: Float32Array.of(1, 1 + i / 500),
}));
const reference = (inputs: NamedArrays[]): Promise<NamedArrays[]> =>
  Promise.all(inputs.map(shifted(0)));
const file = (profile: string, run: ModelFunction): ParityFile => ({
  path: `m.${profile}`,
  entry: 'f',
  runtime: 'r',
  profile,
  run,
});

describe('compareOutputs', () => {
  it('states the largest difference and the relative RMS', () => {
    // Differences 0, 1 over values 3, 4: sqrt(1 / 25).
    const difference = compareOutputs([{ expected: out(3, 4), actual: out(3, 5) }]);
    expect(difference).toEqual({ maxAbs: 1, relativeRms: 0.2, values: 2 });
  });

  it.each([
    ['a missing output', {}],
    ['another length', out(3)],
    ['NaN', out(3, Number.NaN)],
  ])('takes %s as infinitely far', (_, actual) => {
    expect(compareOutputs([{ expected: out(3, 4), actual }]).maxAbs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('checkParity', () => {
  it('passes files within their bound and fails those beyond', async () => {
    const files = [
      file('float32', shifted(5e-5)),
      file('float32', shifted(2e-4)),
      file('int8', shifted(0.05)),
      file('int8', shifted(0.5)),
    ];
    const results = await checkParity({ reference, files, rows });
    expect(results.map(({ passed }) => passed)).toEqual([true, false, true, false]);
    expect(results[0]!.maxAbs).toBeCloseTo(5e-5, 6);
    expect(results[0]!.rows).toBe(500);
  });

  it('fails a runtime that returns garbage without an error', async () => {
    const [result] = await checkParity({
      reference,
      files: [file('int8', async () => out(Number.NaN, 0))],
      rows,
    });
    expect(result).toMatchObject({ passed: false, maxAbs: null, relativeRms: null });
  });

  it('fails a runtime that refuses its own outputs as not finite', async () => {
    const run: ModelFunction = async () => {
      throw new EdgeloomError({ code: 'not-finite', what: 'NaN' });
    };
    const [result] = await checkParity({ reference, files: [file('int8', run)], rows });
    expect(result).toMatchObject({ passed: false, maxAbs: null });
  });

  it('refuses to state parity on few rows', async () => {
    const few = checkParity({ reference, files: [], rows: rows.slice(1) });
    await expect(few).rejects.toMatchObject({ code: 'too-few-rows' });
  });
});
