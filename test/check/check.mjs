// `npm run check`: types, lint and format, import rules, dead code, workflow bundle. Runs all, then fails if one failed.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);

const steps = [
  ['types', bin('tsc'), ['--noEmit', '-p', '.']],
  ['lint and format', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['import rules', process.execPath, ['test/check/imports.mjs']],
  ['dead code', bin('knip'), []],
  ['workflow bundle', process.execPath, ['--import', 'tsx', 'test/check/workflow-bundle.ts']],
  ['house', process.execPath, ['test/check/house.mjs']],
];

const only = process.argv.slice(2);
const failed = [];
for (const [name, command, args] of steps) {
  if (only.length > 0 && !only.includes(name)) continue;
  const started = Date.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (status === 0) {
    const said = stdout.trim().split('\n').at(-1) ?? '';
    console.log(`ok    ${name.padEnd(16)} ${seconds} s  ${said.slice(0, 100)}`);
  } else {
    failed.push(name);
    console.log(`FAIL  ${name.padEnd(16)} ${seconds} s`);
    console.log(`${stdout}${stderr}${error ?? ''}`);
  }
}
if (failed.length > 0) {
  console.error(`check failed: ${failed.join(', ')}`);
  process.exit(1);
}
