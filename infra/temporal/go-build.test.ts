import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import { buildTemporal } from './go-build.ts';

const scratch = scratchFolder(afterAll);
let count = 0;

function machine(go?: string): { folder: string; target: string; env: Record<string, string> } {
  count += 1;
  const folder = join(scratch, `${count}`, 'cache');
  const bin = join(scratch, `${count}`, 'bin');
  mkdirSync(folder, { recursive: true });
  if (go) writeProgram(join(bin, 'go'), go);
  return { folder, target: join(folder, 'temporal'), env: { PATH: bin } };
}

const GO = (build: string): string => `
case "$1" in
  env) echo go1.26.8;;
  list) printf 'a\\nb\\nc\\nd\\n';;
  build) echo "$@" > "$(dirname "$0")/arguments"; pwd >> "$(dirname "$0")/arguments"
    echo a >&2; echo b >&2
    while [ "$1" != -o ]; do shift; done
    ${build};;
esac`;

test('builds the pinned module, stripped and without its path, and tells how far it is', async () => {
  const { target, env, folder } = machine(GO('echo program > "$2"'));
  writeFileSync(`${target}.building-0a1b2c3d`, 'left by a killed build');
  const fractions: (number | undefined)[] = [];
  await buildTemporal(target, { env, onProgress: ({ fraction }) => fractions.push(fraction) });
  expect(readFileSync(target, 'utf8')).toBe('program\n');
  expect(readdirSync(folder)).toEqual(['temporal']);
  const [args = '', cwd = ''] = readFileSync(join(env.PATH!, 'arguments'), 'utf8').split('\n');
  expect(args).toContain('-trimpath -mod=readonly -ldflags=-s -w');
  expect(args.endsWith('github.com/temporalio/cli/cmd/temporal')).toBe(true);
  expect(existsSync(join(cwd, 'go.sum'))).toBe(true);
  expect(fractions[0]).toBe(0);
});

test('a build that fails leaves nothing and shows what Go said', async () => {
  const { target, env, folder } = machine(
    GO('echo half > "$2"; echo "no such module" >&2; exit 1'),
  );
  const error = await rejection(buildTemporal(target, { env }));
  expect(error).toMatchObject({ code: 'temporal-build-failed', exitCode: 3 });
  expect(error.message).toContain('no such module');
  expect(error.fix).toContain('GOTOOLCHAIN');
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ['go-missing', undefined],
  ['go-too-old', 'echo go1.19.5'],
])('%s is told with the way to mend it', async (code, go) => {
  const { target, env } = machine(go);
  const error = await rejection(buildTemporal(target, { env }));
  expect(error).toMatchObject({ code, exitCode: 3 });
  expect(error.fix).toContain('Go 1.26');
});
