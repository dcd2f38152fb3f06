import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import { runPython } from './run.ts';

const scratch = scratchFolder(afterAll);

test('hands over arguments and the shared modules, and reports what is printed', async () => {
  const python = writeProgram(join(scratch, 'echo'), 'echo "$@"; echo "$PYTHONPATH"');
  const lines: string[] = [];
  const onProgress = ({ message }: { message: string }): number => lines.push(message);
  await runPython(python, 'script.py', ['a', 'b'], { onProgress });
  expect(lines[0]).toBe('-B script.py a b');
  expect(lines[1]).toMatch(/infra\/python\/shared(:|$)/);
});

test('a script that fails is told with its last words', async () => {
  const python = writeProgram(join(scratch, 'fail'), 'echo "KeyError: no such name" >&2; exit 1');
  const error = await rejection(runPython(python, 'script.py', []));
  expect(error).toMatchObject({ code: 'python-script-failed', where: 'script.py' });
  expect(error.message).toContain('KeyError: no such name');
});
