import { readFileSync, utimesSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Tree } from './test-tree.ts';

let tree: Tree;
beforeEach(() => {
  tree = new Tree(['esbuild', 'tsx', 'zod', 'flatbuffers']);
});
afterEach(() => tree.remove());

const MAIN = `import { value } from './part.ts';
export const main = (): void => console.log(value);`;
const part = (value: string): string => `export const value: string = '${value}';`;

test('makes a bundle once and runs it again', async () => {
  tree.write('app/main.ts', MAIN);
  tree.write('app/part.ts', part('one'));
  const first = await tree.run();
  const second = await tree.run();
  expect(first).toMatchObject({ code: 0, stdout: 'one\n', stderr: '', reason: undefined });
  expect(second).toEqual(first);
  expect(tree.bundles()).toEqual([first.bundle]);
});

test('never runs what the sources were: a change makes another bundle, and so does its undoing', async () => {
  tree.write('app/main.ts', MAIN);
  const bundles = new Set<string | undefined>();
  for (const value of ['one', 'two', 'one']) {
    tree.write('app/part.ts', part(value));
    const { stdout, bundle } = await tree.run();
    expect(stdout).toBe(`${value}\n`);
    bundles.add(bundle);
  }
  expect(bundles.size).toBe(3);
});

test('sees a change that keeps the size and the time of writing', async () => {
  tree.write('app/main.ts', MAIN);
  tree.write('app/part.ts', part('one'));
  const file = tree.path('app/part.ts');
  utimesSync(file, 1000, 1000);
  await tree.run();
  tree.write('app/part.ts', part('two'));
  utimesSync(file, 1000, 1000);
  expect((await tree.run()).stdout).toBe('two\n');
});

test('keeps the bundle when a file was written anew with what it held', async () => {
  tree.write('app/main.ts', MAIN);
  tree.write('app/part.ts', part('one'));
  const { bundle } = await tree.run();
  tree.write('app/part.ts', part('one'));
  utimesSync(tree.path('app/part.ts'), 1, 1);
  expect((await tree.run()).bundle).toBe(bundle);
});

test('a file that the entry does not reach makes no new bundle', async () => {
  tree.write('app/main.ts', MAIN);
  tree.write('app/part.ts', part('one'));
  const { bundle } = await tree.run();
  tree.write('app/other.ts', part('other'));
  expect((await tree.run()).bundle).toBe(bundle);
});

test('modules keep their URL and their names', async () => {
  tree.write(
    'app/main.ts',
    `import { Thing as Other, url } from './deep/part.ts';
     class Thing {}
     // A comment may name import.meta.url, a text 'import.meta.url' too.
     export const main = (): void =>
       console.log(JSON.stringify([import.meta.url, url, 'import.meta.url', Thing.name, Other.name]));`,
  );
  tree.write('app/deep/part.ts', 'export class Thing {}\nexport const url = import.meta.url;');
  const { stdout, bundle } = await tree.run();
  expect(bundle).toBeDefined();
  const urls = ['app/main.ts', 'app/deep/part.ts'].map((file) => pathToFileURL(tree.path(file)));
  expect(JSON.parse(stdout)).toEqual([...urls.map(String), 'import.meta.url', 'Thing', 'Thing']);
});

test('runs the sources where import.meta is asked for more than its URL', async () => {
  tree.write('app/main.ts', 'export const main = () => console.log(import.meta.dirname);');
  const { stdout, reason } = await tree.run();
  expect(stdout).toBe(`${tree.path('app')}\n`);
  expect(reason).toContain('knows the URL only');
});

test('packages have their names, however they are written and imported', async () => {
  tree.write('node_modules/old/package.json', '{ "name": "old", "main": "a.js" }');
  tree.write('node_modules/old/a.js', 'exports.name = "a"; exports.then = () => { throw 1 };');
  tree.write(
    'app/main.ts',
    `import whole, { Builder } from 'flatbuffers';
     import * as space from 'old';
     import { z } from 'zod';
     export const main = async (): Promise<void> => {
       const late = await import('flatbuffers');
       const { z: lateZ } = await import('zod');
       const missing = await import('not-installed' as string).catch((error) => error.code);
       const same = [whole.Builder, late.Builder, late.default.Builder];
       console.log(
         same.every((one) => one === Builder), z === lateZ, space.name, missing);
     };`,
  );
  const { stdout, bundle } = await tree.run();
  expect(bundle).toBeDefined();
  expect(stdout).toBe('true true a ERR_MODULE_NOT_FOUND\n');
});

test('a package that lies elsewhere or is of another kind than before makes another bundle', async () => {
  tree.write('node_modules/old/package.json', '{ "name": "old", "main": "a.js" }');
  tree.write('node_modules/old/a.js', 'exports.name = "a";');
  tree.write('node_modules/old/b.js', 'exports.name = "b";');
  tree.write('app/main.ts', `import { name } from 'old';\nconsole.log(name);`);
  expect((await tree.run()).stdout).toBe('a\n');
  tree.write('node_modules/old/package.json', '{ "name": "old", "main": "b.js" }');
  const second = await tree.run();
  expect(second.stdout).toBe('b\n');
  expect(second.bundle).toBeDefined();
  tree.write('node_modules/old/package.json', '{ "type": "module", "main": "b.js" }');
  tree.write('node_modules/old/b.js', 'export const name = "c";');
  const third = await tree.run();
  expect(third.stdout).toBe('c\n');
  expect(third.bundle).toBeDefined();
});

const THROWS = `interface Longer {
  than: 'one line';
}

export function fail(what: string): never {
  throw new TypeError(what);
}
`;

test('stacks name the source and its line, also of an error that nobody catches', async () => {
  tree.write('app/part.ts', THROWS);
  tree.write(
    'app/main.ts',
    `export async function main(): Promise<void> {
      const { fail } = await import('./part.ts');
      try {
        fail('caught');
      } catch (error) {
        console.log((error as Error).stack);
      }
      fail('not caught');
    }`,
  );
  const { code, stdout, stderr, bundle } = await tree.run();
  expect(code).toBe(1);
  expect(bundle).toBeDefined();
  const lines = (what: string, line: string): RegExp =>
    new RegExp(
      `^TypeError: ${what}\n    at fail \\(${tree.path('app/part.ts')}:6:9\\)\n    at main \\(${tree.path('app/main.ts')}:${line}\\)`,
      'm',
    );
  expect(stdout).toMatch(lines('caught', '4:9'));
  expect(stderr).toMatch(lines('not caught', '8:7'));
});

test('threads run bundles of their own, and their stacks name sources', async () => {
  tree.write(
    'app/main.ts',
    `import { Worker } from 'node:worker_threads';
     export const main = (): void => {
       const worker = new Worker(new URL('./thread.mjs', import.meta.url));
       worker.on('error', (error) => console.log(error.stack));
     };`,
  );
  tree.write(
    'app/thread.mjs',
    `import { load } from '../lib/start/load.mjs';\nawait load(import.meta.url, './thread.ts');`,
  );
  tree.write('app/part.ts', THROWS);
  tree.write('app/thread.ts', `import { fail } from './part.ts';\nfail('in a thread');`);
  const { stdout } = await tree.run();
  expect(stdout).toContain(`at fail (${tree.path('app/part.ts')}:6:9)`);
  expect(tree.bundles()).toHaveLength(2);
  const texts = tree.bundles().flatMap((bundle) => tree.files(bundle));
  expect(texts.filter((file) => readFileSync(file, 'utf8').includes('in a thread'))).toHaveLength(
    1,
  );
});

test('EDGELOOM_BUNDLE=off runs the sources and makes nothing', async () => {
  tree.write('app/main.ts', MAIN);
  tree.write('app/part.ts', part('one'));
  const { stdout } = await tree.run({ EDGELOOM_BUNDLE: 'off' });
  expect(stdout).toBe('one\n');
  expect(tree.bundles()).toEqual([]);
});
