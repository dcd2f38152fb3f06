/**
 * The package as those get it who install it: the tarball unpacked into an empty project, its
 * dependencies linked in place of an installation, which would need a network.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTensorflow } from '../../compiler/testing/tensorflow.ts';

const native = await startTensorflow();
const root = fileURLToPath(new URL('../..', import.meta.url));
const RUNTIMES = [
  '@tensorflow/tfjs-node',
  '@tensorflow/tfjs-node-gpu',
  'onnxruntime-node',
  '@litertjs/core',
];

let project: string;

function link(dependency: string): void {
  const at = join(project, 'node_modules', dependency);
  mkdirSync(dirname(at), { recursive: true });
  symlinkSync(join(root, 'node_modules', dependency), at);
}

function node(file: string, text?: string) {
  if (text !== undefined) writeFileSync(join(project, file), text);
  const { NODE_OPTIONS: _, ...env } = process.env;
  return spawnSync(process.execPath, [file], { cwd: project, encoding: 'utf8', env });
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'edgeloom-package-'));
  execFileSync(process.execPath, ['compiler/build.mjs'], { cwd: root });
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', project];
  execFileSync('npm', pack, { cwd: root, stdio: ['ignore', 'ignore', 'ignore'] });
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz'))!;
  const target = join(project, 'node_modules', 'edgeloom');
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', join(project, tarball), '-C', target, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) if (!RUNTIMES.includes(name)) link(name);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

const EXAMPLE = `
import { writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { record, startTensorflow, toOnnx, toTflite } from 'edgeloom/compiler';

tf.enableProdMode();
const w = tf.tensor2d([[1], [2]]);
const graph = record(({ x }) => ({ y: tf.relu(tf.matMul(x, w)) }), { x: { shape: [1, 2] } });
writeFileSync('y.onnx', toOnnx(graph, { profile: 'float32' }));
writeFileSync('y.tflite', toTflite(graph, { profile: 'float32' }));
await startTensorflow().catch((error) => console.log(error.code));
try {
  record(({ x }) => ({ y: tf.scalar(x.dataSync()[0]) }), { x: { shape: [1, 2] } });
} catch (error) {
  console.log(error.code, error.where);
}
`;

describe('the package', () => {
  it('writes files in plain Node without loading a runtime, and names the line of what it refuses', () => {
    // No runtime is installed in the project yet: what loads one would fail.
    const { status, stdout, stderr } = node('example.mjs', EXAMPLE);
    expect(stderr).toBe('');
    expect(stdout).toBe('tensorflow-missing\nread-while-recording example.mjs:13\n');
    expect(status).toBe(0);
  });

  it('prints nothing when it is imported', () => {
    const { status, stdout, stderr } = node('import.mjs', `import 'edgeloom/compiler';`);
    expect([status, stdout, stderr]).toEqual([0, '', '']);
  });

  it('has types, which refuse a profile that there is not', () => {
    const lines = [
      `import * as tf from '@tensorflow/tfjs';`,
      `import { record, toOnnx, type Graph } from 'edgeloom/compiler';`,
      `const graph: Graph = record(({ x }) => ({ y: tf.relu(x!) }), { x: { shape: [1, 2] } });`,
      `export const bytes: Uint8Array = toOnnx(graph, { profile: 'float32' });`,
      `toOnnx(graph, { profile: 'int9' });`,
    ];
    writeFileSync(join(project, 'types.mts'), lines.join('\n'));
    const flags = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022'];
    const modules = ['--module', 'nodenext', '--moduleResolution', 'nodenext'];
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, ...flags, ...modules, 'types.mts'], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/^types\.mts\(5,\d+\): error TS2\d+: /);
    expect(stdout.match(/error/g)).toHaveLength(1);
  });

  it('runs files once runtimes are installed, and trains', () => {
    for (const name of RUNTIMES) link(name);
    const text = `
      import { readFileSync } from 'node:fs';
      import { loadOnnx, loadTflite } from 'edgeloom/compiler';
      for (const [load, file] of [[loadOnnx, 'y.onnx'], [loadTflite, 'y.tflite']]) {
        const model = await load(readFileSync(file));
        const { y } = await model.run({ x: Float32Array.of(3, 4) });
        console.log(y[0]);
        await model.dispose();
      }
    `;
    expect(node('run.mjs', text)).toMatchObject({ status: 0, stdout: '11\n11\n', stderr: '' });
    if (!native) return;
    const source = readFileSync(join(root, 'examples/tf-layers/main.ts'), 'utf8');
    const { code } = transformSync(source, { loader: 'ts', format: 'esm' });
    const { status, stdout, stderr } = node('tf-layers.mjs', code);
    expect(stderr).toBe('');
    expect(stdout).toContain('TFLite int8: largest difference');
    expect(status).toBe(0);
  });

  it('has the command line, and no tests', () => {
    const target = join(project, 'node_modules', 'edgeloom');
    const files = readdirSync(target, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /\.test\.ts$|^(bench|test|examples)\b/.test(file))).toEqual([]);
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(target, 'cli', 'edgeloom.mjs'), '--help'],
      { cwd: project, encoding: 'utf8' },
    );
    expect(stdout).toContain('edgeloom');
    expect(status).toBe(0);
  });
});
