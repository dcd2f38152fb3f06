import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isAlive } from '../../lib/alive.ts';
import { commandLine, terminate } from './processes.ts';
import { scratchFolder, writeProgram } from './test-support.ts';

const folder = scratchFolder(afterAll);

async function started(body: string): Promise<number> {
  const program = writeProgram(join(folder, 'program'), `${body}`);
  const child = spawn(program, ['marker'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  return child.pid!;
}

test('waits until a process that takes its time to end is gone', async () => {
  const pid = await started('trap "sleep 0.3; exit 0" TERM; echo up; while :; do sleep 0.05; done');
  expect(isAlive(pid)).toBe(true);
  expect(await commandLine(pid)).toContain('marker');
  expect(await terminate(pid)).toBe('terminated');
  expect(isAlive(pid)).toBe(false);
});

test('kills a process that does not heed SIGTERM', async () => {
  const pid = await started('trap "" TERM; echo up; while :; do sleep 0.05; done');
  expect(await terminate(pid, { graceMs: 200 })).toBe('killed');
  expect(isAlive(pid)).toBe(false);
});

test('has nothing to do for a process that is gone', async () => {
  const pid = await started('echo up');
  await expect.poll(() => isAlive(pid)).toBe(false);
  expect(await terminate(pid)).toBe('gone');
});
