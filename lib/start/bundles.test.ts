import { once } from 'node:events';
import {
  chownSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tree } from './test-tree.ts';

let tree: Tree;
beforeEach(() => {
  tree = new Tree(['esbuild', 'tsx']);
  tree.write('app/main.ts', `export const main = (): void => console.log('right');`);
});
afterEach(() => tree.remove());

test('processes that start at once on an empty cache all run, and leave a whole bundle', async () => {
  const runs = await Promise.all(Array.from({ length: 4 }, () => tree.run()));
  expect(runs.map(({ stdout, bundle }) => [stdout, bundle !== undefined])).toEqual(
    runs.map(() => ['right\n', true]),
  );
  const next = await tree.run();
  expect(next.stdout).toBe('right\n');
  expect(runs.map(({ bundle }) => bundle)).toContain(next.bundle);
  // Nothing is left of writing aside.
  expect(readdirSync(dirname(next.bundle ?? '')).filter((name) => /json\./.test(name))).toEqual([]);
});

describe('makes another bundle when the last is damaged:', () => {
  const module = (bundle: string): string => tree.files(bundle)[0] ?? '';
  const state = (bundle: string): string => join(dirname(bundle), 'state.json');
  const damages: Record<string, (bundle: string) => void> = {
    'a module is cut': (bundle) => truncateSync(module(bundle), 10),
    'a module has other bytes': (bundle) => {
      const text = readFileSync(module(bundle), 'utf8');
      writeFileSync(module(bundle), text.replace('right', 'wrong'));
    },
    'a module is gone': (bundle) => rmSync(module(bundle)),
    'the folder is gone': (bundle) => rmSync(bundle, { recursive: true }),
    'the state is cut': (bundle) => truncateSync(state(bundle), 20),
    'the state is something else': (bundle) => writeFileSync(state(bundle), '{"files": 3}'),
  };
  test.each(Object.keys(damages))('%s', async (name) => {
    const { bundle = '' } = await tree.run();
    damages[name]?.(bundle);
    const next = await tree.run();
    expect(next.stdout).toBe('right\n');
    expect(next.bundle).toBeDefined();
    expect(next.bundle).not.toBe(bundle);
  });
});

describe('runs the sources, and tells why when asked,', () => {
  test('where nothing can be written', async () => {
    tree.write('file', '');
    const { stdout, reason } = await tree.run({ EDGELOOM_CACHE: tree.path('file/cache') });
    expect(stdout).toBe('right\n');
    expect(reason).toContain('ENOTDIR');
  });

  test('without esbuild', async () => {
    rmSync(tree.path('node_modules/esbuild'));
    const { stdout, reason } = await tree.run();
    expect(stdout).toBe('right\n');
    expect(reason).toContain("Cannot find module 'esbuild'");
    expect(tree.bundles()).toEqual([]);
  });

  test('when the sources cannot be bundled', async () => {
    tree.write('app/main.ts', `import './gone.ts';`);
    const { code, stderr, reason } = await tree.run();
    expect(code).toBe(1);
    expect(stderr).toContain('ERR_MODULE_NOT_FOUND');
    expect(reason).toContain('gone.ts');
  });
});

test('keeps the last three bundles, and one that a process still runs', async () => {
  const main = (text: string): string => `
    import { once } from 'node:events';
    export async function main(): Promise<void> {
      console.log('${text}');
      process.stdin.resume();
      await once(process.stdin, 'end');
      console.log((await import('./late.ts')).late);
    }`;
  tree.write('app/main.ts', main('first'));
  tree.write('app/late.ts', `export const late = 'as it was';`);
  const { child, ended } = tree.start();
  if (child.stdout) await once(child.stdout, 'data');
  tree.write('app/late.ts', `export const late = 'changed';`);
  for (const text of ['a', 'b', 'c', 'd', 'e']) {
    tree.write('app/main.ts', main(text));
    const next = tree.start();
    next.child.stdin?.end();
    expect((await next.ended).stdout).toBe(`${text}\nchanged\n`);
  }
  expect(tree.bundles()).toHaveLength(4);
  child.stdin?.end();
  const { stdout, bundle } = await ended;
  expect(stdout).toBe('first\nas it was\n');
  expect(tree.bundles()).toContain(bundle);

  tree.write('app/main.ts', `console.log('last');`);
  await tree.run();
  expect(tree.bundles()).toHaveLength(3);
  expect(tree.bundles()).not.toContain(bundle);
});

test('removes what no entry used for a month, such as the bundles of a checkout that is gone', async () => {
  const { bundle = '' } = await tree.run();
  const month = new Date(Date.now() - 31 * 86_400_000);
  for (const folder of [bundle, dirname(bundle)]) utimesSync(folder, month, month);
  const other = new Tree(['esbuild', 'tsx']);
  try {
    other.write('app/main.ts', 'export const main = undefined;');
    const made = await other.run({ EDGELOOM_CACHE: tree.cache });
    expect(tree.bundles()).toEqual([made.bundle]);
    other.write('app/main.ts', 'export const main = null;');
    const again = await tree.run();
    await other.run({ EDGELOOM_CACHE: tree.cache });
    expect(tree.bundles()).toHaveLength(3);
    expect(tree.bundles()).toContain(again.bundle);
  } finally {
    other.remove();
  }
});

test.runIf(process.getuid?.() === 0)('does not run what another user put there', async () => {
  const { bundle = '' } = await tree.run();
  chownSync(join(dirname(bundle), 'state.json'), 12345, 12345);
  const next = await tree.run();
  expect(next.stdout).toBe('right\n');
  expect(next.bundle).not.toBe(bundle);
});
