/** Running one of this project's Python scripts. */
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { lastLines, runCommand } from '../shared/command.ts';

/** Modules that every script may import. */
const SHARED = fileURLToPath(new URL('./shared', import.meta.url));

/**
 * Runs `python script args…`; what it prints becomes progress.
 * @param python what `ensurePython` gave
 * @throws EdgeloomError `python-script-failed` with its last lines
 */
export async function runPython(
  python: string,
  script: string,
  args: readonly string[],
  { signal, onProgress }: RunOptions = {},
): Promise<void> {
  const before = process.env.PYTHONPATH;
  const env = { ...process.env, PYTHONPATH: before ? `${SHARED}${delimiter}${before}` : SHARED };
  // No __pycache__ in the checkout.
  const result = await runCommand(python, ['-B', script, ...args], {
    env,
    signal,
    onLine: (message) => onProgress?.({ message }),
  });
  if (result.code === 0) return;
  throw new EdgeloomError({
    code: 'python-script-failed',
    what: `A Python script failed:\n${lastLines(result, 30)}`,
    where: script,
    fix: 'read what it says; a damaged environment is made again when its folder in the cache is removed',
  });
}
