/** Finds a Python of a fitting version on the PATH. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from '../shared/cache.ts';
import { findOnPath, runCommand } from '../shared/command.ts';
import type { PythonRange } from './environments.ts';

const minorOf = (version: string): number => Number(version.split('.')[1]);

/** `python3` first, then the programs that name their version, the newest first. */
function candidates({ oldest, newest }: PythonRange): string[] {
  const [low, high] = [minorOf(oldest), minorOf(newest)];
  const named = Array.from({ length: high - low + 1 }, (_, i) => `python3.${high - i}`);
  return ['python3', ...named];
}

async function versionOf(
  path: string,
  env: Environment,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const code = 'import sys; print("%d.%d" % sys.version_info[:2])';
  const { code: status, stdout } = await runCommand(path, ['-c', code], { env, signal });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Path of the first Python in the range.
 * @throws EdgeloomError `python-missing` (exit code 3) that lists what was found instead
 */
export async function findInterpreter(
  range: PythonRange,
  { env, signal }: RunOptions & { env: Environment },
): Promise<string> {
  const others: string[] = [];
  for (const name of candidates(range)) {
    const path = findOnPath(name, env);
    if (!path) continue;
    const version = await versionOf(path, env, signal);
    if (!version) continue;
    const minor = minorOf(version);
    if (minor >= minorOf(range.oldest) && minor <= minorOf(range.newest)) return path;
    others.push(`${name} is ${version}`);
  }
  const wanted = `Python ${range.oldest} to ${range.newest}`;
  throw new EdgeloomError({
    code: 'python-missing',
    what: `${wanted} is needed and not there${others.length > 0 ? ` (${others.join(', ')})` : ''}`,
    where: 'PATH',
    fix: `install python${range.newest} with pip and venv (Debian: apt install python3 python3-pip python3-venv)`,
    exitCode: 3,
  });
}
