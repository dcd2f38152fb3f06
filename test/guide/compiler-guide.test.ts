/** Runs the program that the snippets of docs/guide/compiler.md are, and looks for its errors there. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startTensorflow } from '../../compiler/testing/tensorflow.ts';

const native = await startTensorflow();
const root = fileURLToPath(new URL('../..', import.meta.url));
const guide = readFileSync(join(root, 'docs', 'guide', 'compiler.md'), 'utf8');

it.runIf(native)('the snippets run, and their errors are those of the guide', () => {
  const code = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text).join('\n');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=edgeloom-source', '--input-type=module', '-'],
    { cwd: root, encoding: 'utf8', input: code },
  );
  expect(stderr).toBe('');
  const [learnt, resumes, linted, agrees, ...errors] = stdout.trim().split('\n');
  expect([learnt, resumes, linted, agrees]).toEqual([
    'learnt: true',
    'resumes: true 100',
    'linted: 0',
    'agrees: true',
  ]);
  expect(errors).toHaveLength(7);
  for (const error of errors) expect(guide).toContain(error);
  expect(status).toBe(0);
});
