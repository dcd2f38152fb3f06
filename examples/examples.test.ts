/** Runs the examples as a user would. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startTensorflow } from '../compiler/testing/tensorflow.ts';

const native = await startTensorflow();
const root = fileURLToPath(new URL('..', import.meta.url));

/** A loader in which the package of the native library cannot be found. */
const withoutTensorflow = (): string => {
  const hook = `export const resolve = (name, context, next) => {
    if (name.startsWith('@tensorflow/tfjs-node')) throw new Error('not there');
    return next(name, context);
  };`;
  const data = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  return data(`import { register } from 'node:module'; register(${JSON.stringify(data(hook))});`);
};

function example(name: string, ...flags: string[]) {
  const how = ['--import', 'tsx', '--conditions=edgeloom-source', ...flags];
  const file = `examples/${name}/main.ts`;
  return spawnSync(process.execPath, [...how, file], { cwd: root, encoding: 'utf8' });
}

describe.each(['tf-layers', 'hand-written'])('examples/%s', (name) => {
  it.runIf(native)('learns, and its files compute what tfjs computes', () => {
    const { status, stdout, stderr } = example(name);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const [before, after] = /loss before (\S+) after (\S+)/.exec(stdout)!.slice(1).map(Number);
    expect(before).toBeGreaterThan(0.65);
    expect(after).toBeLessThan(before! - 0.08);
    const differences = [...stdout.matchAll(/^(.+): largest difference from tfjs (\S+)$/gm)];
    const largest = Object.fromEntries(differences.map(([, file, x]) => [file!, Number(x)]));
    expect(Object.keys(largest)).toEqual(['ONNX float32', 'TFLite float32', 'TFLite int8']);
    expect(largest['ONNX float32']).toBeLessThan(1e-5);
    expect(largest['TFLite float32']).toBeLessThan(1e-5);
    // Rounded, and yet of use.
    expect(largest['TFLite int8']).toBeGreaterThan(1e-5);
    expect(largest['TFLite int8']).toBeLessThan(0.1);
  });

  it('says so where TensorFlow is missing', () => {
    const { status, stderr } = example(name, '--import', withoutTensorflow());
    expect(stderr).toContain('The native TensorFlow library is not set up [tensorflow-missing]');
    expect(stderr).toContain('npx edgeloom doctor --fix');
    expect(status).toBe(3);
  });
});

describe('examples/closed-loop', () => {
  it('serves its users better than no phone at all, and not where details are noise', () => {
    const { status, stdout, stderr } = example('closed-loop');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const line =
      /^(\S+): \d+ clicks without, \d+ with the phone \((\d+) reranks, (\d+) requests\): \S+ % \[(\S+), (\S+)\]$/gm;
    const found = [...stdout.matchAll(line)].map(([, world, ...numbers]) => ({
      world,
      numbers: numbers.map(Number),
    }));
    expect(found.map(({ world }) => world)).toEqual(['default', 'null-no-detail-signal']);
    for (const { numbers } of found)
      expect(Math.min(numbers[0]!, numbers[1]!)).toBeGreaterThan(1000);
    expect(found[0]!.numbers[2]).toBeGreaterThan(0);
    expect(found[1]!.numbers[3]).toBeLessThan(0);
  });
});
