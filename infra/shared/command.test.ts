import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { isAlive } from '../../lib/alive.ts';
import { findOnPath, runCommand } from './command.ts';
import { rejection, scratchFolder, writeProgram } from './test-support.ts';

const folder = scratchFolder(afterAll);

test('gives status, both streams and each line', async () => {
  const program = writeProgram(
    join(folder, 'talk'),
    'echo one; echo two >&2; printf three; exit 7',
  );
  const lines: string[] = [];
  const result = await runCommand(program, [], { onLine: (line) => lines.push(line) });
  expect(result).toMatchObject({ code: 7, stdout: 'one\nthree', stderr: 'two\n', timedOut: false });
  expect(lines.sort()).toEqual(['one', 'three', 'two']);
});

test('rejects with the system’s error when there is no such program', async () => {
  await expect(runCommand(join(folder, 'absent'), [])).rejects.toMatchObject({ code: 'ENOENT' });
});

test('kills the children of a cancelled program as well', async () => {
  const pidFile = join(folder, 'pid');
  const program = writeProgram(
    join(folder, 'parent'),
    `sleep 600 &\necho $! > ${pidFile}\necho started\nwait`,
  );
  const controller = new AbortController();
  const running = runCommand(program, [], {
    signal: controller.signal,
    onLine: () => controller.abort(),
  });
  const error = await rejection(running);
  expect(error).toMatchObject({ code: 'cancelled', exitCode: 130 });
  const child = Number(readFileSync(pidFile, 'utf8'));
  await expect.poll(() => isAlive(child)).toBe(false);
});

test('does not leave a program behind when this process ends early', async () => {
  const pidFile = join(folder, 'left-pid');
  const program = writeProgram(
    join(folder, 'left'),
    `echo $$ > ${pidFile}; echo up; exec sleep 600`,
  );
  const module = fileURLToPath(new URL('./command.ts', import.meta.url));
  const code = `import { runCommand } from ${JSON.stringify(module)};
    void runCommand(${JSON.stringify(program)}, [], { onLine: () => process.exit(1) });`;
  await runCommand(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code]);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test('ends a program that runs over its time', async () => {
  const program = writeProgram(join(folder, 'slow'), 'sleep 600');
  const result = await runCommand(program, [], { timeoutMs: 50 });
  expect(result).toMatchObject({ code: null, timedOut: true });
});

test('finds programs on the PATH, skipping folders and files that cannot be run', () => {
  const program = writeProgram(join(folder, 'bin', 'tool'), 'true');
  expect(findOnPath('tool', { PATH: `/nowhere::${join(folder, 'bin')}` })).toBe(program);
  expect(findOnPath('bin', { PATH: folder })).toBeUndefined();
  expect(findOnPath('tool', {})).toBeUndefined();
});
