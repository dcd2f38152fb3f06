import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import { cachedVersitygw, findVersitygw } from './binary.ts';

const scratch = scratchFolder(afterAll);
let count = 0;

/** A machine whose go "builds" the given shell script. */
function machine(program?: string): { env: Record<string, string>; log: string } {
  count += 1;
  const root = join(scratch, `${count}`);
  const bin = join(root, 'bin');
  const log = join(root, 'go.log');
  if (program !== undefined) {
    writeProgram(
      join(bin, 'go'),
      `case "$1" in
         env) echo go1.26.0;;
         list) echo a;;
         build) echo "$@" >> ${log}
           while [ "$1" != -o ]; do shift; done
           printf '#!/bin/sh\\n${program}\\n' > "$2"; chmod +x "$2";;
       esac`,
    );
  }
  return { env: { PATH: bin, EDGELOOM_CACHE: join(root, 'cache') }, log };
}

test('is built once, also for several that ask at once', async () => {
  const { env, log } = machine('echo Version : 1.8.0');
  const paths = await Promise.all([findVersitygw({ env }), findVersitygw({ env })]);
  expect(paths).toEqual([cachedVersitygw(env), cachedVersitygw(env)]);
  expect(await findVersitygw({ env })).toBe(cachedVersitygw(env));
  const builds = readFileSync(log, 'utf8').trim().split('\n');
  expect(builds).toHaveLength(1);
  expect(builds[0]).toContain('-X main.Version=1.8.0');
  expect(builds[0]).toMatch(/ github.com\/versity\/versitygw\/cmd\/versitygw$/);
});

test('is built again when what the cache has does not run', async () => {
  const { env } = machine('echo Version : 1.8.0');
  const path = await findVersitygw({ env });
  writeFileSync(path, 'half a program');
  expect(await findVersitygw({ env })).toBe(path);
  expect(readFileSync(path, 'utf8')).toContain('1.8.0');
});

test('a program that does not run here, or no Go, is told with exit code 3', async () => {
  const broken = await rejection(findVersitygw({ env: machine('exit 1').env }));
  expect(broken).toMatchObject({ code: 'versitygw-build-failed', exitCode: 3 });
  const { env } = machine();
  expect(await rejection(findVersitygw({ env }))).toMatchObject({ code: 'go-missing' });
  expect(existsSync(cachedVersitygw(env))).toBe(false);
});
