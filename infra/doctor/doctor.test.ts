import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test, vi } from 'vitest';
import { scratchFolder } from '../shared/test-support.ts';
import { examine, formatParts, isHealthy, mend, type Part } from './index.ts';
import { judgeNode, judgePackages, judgeSpace, judgeStart, judgeWritable } from './machine.ts';
import { nativeChecks } from './native.ts';
import { probeFinding } from './probe.ts';
import { storeCheck } from './store.ts';

const scratch = scratchFolder(afterAll);
const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** A machine with nothing on it but Node and the npm packages. */
const bare = {
  env: { PATH: '/nowhere', EDGELOOM_CACHE: join(scratch, 'cache') },
  projectRoot,
  workspace: join(scratch, 'workspace'),
};

const part = (name: string, state: Part['state'], needed: boolean): Part => ({
  name,
  state,
  needed,
  ...(state === 'ok' ? {} : { fix: `mend ${name}` }),
});

test('is healthy when all that is missing is not needed', () => {
  expect(isHealthy([part('a', 'ok', true), part('b', 'missing', false)])).toBe(true);
  expect(isHealthy([part('a', 'ok', true), part('b', 'broken', true)])).toBe(false);
});

test('finds what a bare machine lacks, and how to mend each of it', async () => {
  const parts = await examine(bare);
  const missing = parts.filter(({ state }) => state !== 'ok');
  expect(missing.map(({ name }) => name)).toEqual([
    'python3',
    'pip',
    'c++-compiler',
    'go',
    'tensorflow-library',
    'tensorflow-addon',
    'tensorflow-backend',
    'temporal-server',
  ]);
  expect(missing.every(({ fix }) => fix !== undefined)).toBe(true);
  expect(isHealthy(parts)).toBe(false);
  // The npm packages with native parts are here and work.
  const npm = parts.filter(({ name }) => ['duckdb', 'onnxruntime', 'litert'].includes(name));
  for (const { state, version } of npm) {
    expect(state).toBe('ok');
    expect(version).toMatch(/^v?\d+\.\d+/);
  }
});

test('names the folder of the store; of a bucket that does not answer, what to mend', async () => {
  expect(await storeCheck(bare).look()).toEqual({
    state: 'ok',
    from: join(bare.workspace, 'store'),
    detail: 'a folder',
  });
  // Nothing listens on the port of discard.
  const EDGELOOM_S3_ENDPOINT = 'http://127.0.0.1:9';
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
  const env = { ...bare.env, EDGELOOM_STORE: 's3://bucket/x', EDGELOOM_S3_ENDPOINT };
  expect(await storeCheck({ ...bare, env }).look()).toMatchObject({
    state: 'broken',
    from: expect.stringContaining('s3://bucket/x'),
    detail: expect.stringContaining('ECONNREFUSED'),
    fix: expect.stringContaining('EDGELOOM_S3_ENDPOINT'),
  });
  const bad = { ...bare, env: { ...bare.env, EDGELOOM_STORE: 's3://' } };
  expect(await storeCheck(bad).look()).toMatchObject({ state: 'broken', from: 's3://' });
  vi.unstubAllEnvs();
});

test('does not ask for TensorFlow where the JavaScript backend is asked for', () => {
  const checks = nativeChecks({ ...bare, env: { ...bare.env, EDGELOOM_BACKEND: 'cpu' } });
  const needed = checks.filter((check) => check.needed).map((check) => check.name);
  expect(needed).toEqual(['temporal-server', 'duckdb', 'onnxruntime', 'litert']);
});

test('looks at the GPU only when one is asked for', async () => {
  const gpu = nativeChecks({ ...bare, env: { ...bare.env, EDGELOOM_GPU: '1' } });
  const check = gpu.find(({ name }) => name === 'gpu');
  expect(await check?.look()).toMatchObject({
    state: 'missing',
    fix: expect.stringContaining('EDGELOOM_GPU'),
  });
  expect(nativeChecks(bare).some(({ name }) => name === 'gpu')).toBe(false);
});

test('mending collects what could not be had instead of stopping at the first', async () => {
  const env = { ...bare.env, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  const failures = await mend({ ...bare, env });
  expect(failures.map((failure) => failure.code)).toEqual(['python-missing']);
});

test('a TEMPORAL_ADDRESS without a server is broken, with the reason', async () => {
  const env = { ...bare.env, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  const check = nativeChecks({ ...bare, env }).find(({ name }) => name === 'temporal-server');
  expect(await check?.look()).toMatchObject({
    state: 'broken',
    from: 'TEMPORAL_ADDRESS 127.0.0.1:1',
    fix: expect.any(String),
  });
});

test('tells what the process runs: a bundle, or the sources and why', () => {
  expect(judgeStart({ folder: '/cache/bundles/a/b' }).from).toBe('/cache/bundles/a/b');
  expect(judgeStart({ reason: 'no space' })).toMatchObject({ from: 'sources', detail: 'no space' });
  expect(judgeStart()).toEqual({ state: 'ok', from: 'sources' });
});

test('accepts Node from 20.19 on', () => {
  expect(judgeNode('20.19.0').state).toBe('ok');
  expect(judgeNode('24.0.1').state).toBe('ok');
  expect(judgeNode('20.18.3')).toMatchObject({ state: 'broken', fix: expect.any(String) });
  expect(judgeNode('18.20.0').state).toBe('broken');
});

test('names the npm packages that are absent or of another version', () => {
  const root = join(scratch, 'project');
  mkdirSync(join(root, 'node_modules', 'b'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"dependencies":{"a":"1.0.0","b":"2.0.0"}}');
  writeFileSync(join(root, 'node_modules', 'b', 'package.json'), '{"version":"2.1.0"}');
  expect(judgePackages(root)).toMatchObject({
    state: 'missing',
    detail: 'a is missing; b 2.1.0 instead of 2.0.0',
    fix: 'run npm ci',
  });
  expect(judgePackages(projectRoot).state).toBe('ok');
});

test('finds npm packages beside edgeloom where it is installed itself', () => {
  const modules = join(scratch, 'user', 'node_modules');
  for (const name of ['edgeloom', 'c']) mkdirSync(join(modules, name), { recursive: true });
  writeFileSync(join(modules, 'edgeloom', 'package.json'), '{"dependencies":{"c":"1.0.0"}}');
  writeFileSync(join(modules, 'c', 'package.json'), '{"version":"1.0.0"}');
  expect(judgePackages(join(modules, 'edgeloom')).state).toBe('ok');
});

test('looks for the nearest folder of a workspace that does not exist yet', async () => {
  expect((await judgeWritable(join(scratch, 'not', 'yet'))).state).toBe('ok');
  const file = join(scratch, 'a-file');
  writeFileSync(file, '');
  expect((await judgeWritable(join(file, 'inside'))).state).toBe('broken');
});

test('wants two gigabytes', () => {
  expect(judgeSpace(2e9, '/w').state).toBe('ok');
  expect(judgeSpace(1.9e9, '/w')).toMatchObject({ state: 'broken', detail: '1.9 GB free' });
});

test('says what went wrong in a part that does not load', async () => {
  const env = { ...bare.env, NODE_OPTIONS: '--require=/nowhere/missing.cjs' };
  expect(await probeFinding('duckdb', env, 'npm')).toMatchObject({
    state: 'missing',
    detail: expect.stringContaining('/nowhere/missing.cjs'),
    fix: expect.stringContaining('npm ci'),
  });
});

test('the table has a line per part, how to mend it, and the verdict', () => {
  const text = formatParts([
    { ...part('node', 'ok', true), version: '22.1.0', from: '/usr/bin/node' },
    { ...part('go', 'missing', false), detail: 'no go on the PATH' },
  ]);
  expect(text).toBe(
    [
      'ok       node  22.1.0  /usr/bin/node',
      'missing  go            no go on the PATH',
      '         to mend: mend go (only needed for a set-up)',
      '',
      'Everything that is needed is here.',
      '',
    ].join('\n'),
  );
});
