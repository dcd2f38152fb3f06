import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { EdgeloomError } from '../../lib/errors.ts';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import { type AcquireWay, cachedTemporal, findTemporalBinary } from './binary.ts';

const scratch = scratchFolder(afterAll);
let count = 0;

const says = (server: string): string =>
  `echo "temporal version 1.8.2 (Server ${server}, UI 2.50.1)"`;

function machine(): { bin: string; env: Record<string, string> } {
  count += 1;
  const bin = join(scratch, `${count}`, 'bin');
  return { bin, env: { PATH: bin, EDGELOOM_CACHE: join(scratch, `${count}`, 'cache') } };
}

const never: AcquireWay = {
  source: 'download',
  acquire: () => Promise.reject(new Error('must not be tried')),
};

const refusing = (source: AcquireWay['source'], what: string): AcquireWay => ({
  source,
  acquire: () => Promise.reject(new EdgeloomError({ code: 'refused', what, exitCode: 3 })),
});

const writing = (source: AcquireWay['source'], body: string): AcquireWay => ({
  source,
  acquire: async (target) => {
    writeProgram(target, body);
  },
});

test('prefers the PATH to the cache', async () => {
  const { bin, env } = machine();
  writeProgram(join(bin, 'temporal'), says('1.30.0'));
  writeProgram(cachedTemporal(env), says('1.31.2'));
  const found = await findTemporalBinary({ env, ways: [never] });
  expect(found).toEqual({
    path: join(bin, 'temporal'),
    source: 'path',
    cliVersion: '1.8.2',
    serverVersion: '1.30.0',
  });
});

test('passes over a program on the PATH that is too old or does not run', async () => {
  const { bin, env } = machine();
  writeProgram(cachedTemporal(env), says('1.31.2'));
  for (const body of [says('1.28.9'), 'exit 1', 'echo something else']) {
    writeProgram(join(bin, 'temporal'), body);
    expect((await findTemporalBinary({ env, ways: [never] })).source).toBe('cache');
  }
});

test('gets it by the first way that works, and finds it in the cache afterwards', async () => {
  const { env } = machine();
  const ways = [refusing('download', 'site unreachable'), writing('go-build', says('1.31.2'))];
  const first = await findTemporalBinary({ env, ways });
  expect(first).toMatchObject({ source: 'go-build', path: cachedTemporal(env) });
  expect((await findTemporalBinary({ env, ways: [never] })).source).toBe('cache');
});

test('two at once get it once', async () => {
  const { env } = machine();
  let times = 0;
  const way: AcquireWay = {
    source: 'download',
    acquire: async (target) => {
      times += 1;
      writeProgram(target, says('1.31.2'));
    },
  };
  await Promise.all([
    findTemporalBinary({ env, ways: [way] }),
    findTemporalBinary({ env, ways: [way] }),
  ]);
  expect(times).toBe(1);
});

test('tells of every way when none works', async () => {
  const { env } = machine();
  const ways = [refusing('download', 'site unreachable'), writing('go-build', 'exit 1')];
  const error = await rejection(findTemporalBinary({ env, ways }));
  expect(error).toMatchObject({ code: 'temporal-missing', exitCode: 3 });
  for (const part of ['PATH: no temporal', 'cache:', 'site unreachable', 'does not run on this']) {
    expect(error.message).toContain(part);
  }
  expect(error.fix).toContain('TEMPORAL_ADDRESS');
});

test('an error that is not about a missing part is not hidden', async () => {
  const { env } = machine();
  await expect(findTemporalBinary({ env, ways: [never] })).rejects.toThrow('must not be tried');
  rmSync(cachedTemporal(env), { force: true });
});
