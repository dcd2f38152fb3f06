/** Running other programs: output by line, cancellation of the whole process group, time limits. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import type { Environment } from './cache.ts';

export interface CommandOptions {
  cwd?: string;
  env?: Environment;
  signal?: AbortSignal | undefined;
  /** Milliseconds after which the process group is killed; no limit unless told. */
  timeoutMs?: number;
  /** Each line of either stream as it comes. */
  onLine?: (line: string) => void;
}

export interface CommandResult {
  /** Exit status; null when a signal ended the process. */
  code: number | null;
  timedOut: boolean;
  stdout: string;
  stderr: string;
}

/** Kept of each stream: enough for a diagnosis, bounded for a compiler that prints without end. */
const KEPT_CHARACTERS = 200_000;

/** Signals a process and all its children; false when the group is gone. */
export function killGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** The error of every cancelled set-up. */
export function cancelled(what: string): EdgeloomError {
  return new EdgeloomError({ code: 'cancelled', what: `${what} was cancelled`, exitCode: 130 });
}

/**
 * Runs a program in a process group of its own and waits for it. A status other than 0 is a result,
 * not an error. Rejects with the system's error when the program cannot be started (`ENOENT`), and
 * with `cancelled` when `signal` fires.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  if (options.signal?.aborted) throw cancelled(program);
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const result: CommandResult = { code: null, timedOut: false, stdout: '', stderr: '' };
  const kill = (): void => {
    if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
  };
  const collect = (stream: 'stdout' | 'stderr'): void => {
    let rest = '';
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text: string) => {
      result[stream] = (result[stream] + text).slice(-KEPT_CHARACTERS);
      if (!options.onLine) return;
      const lines = (rest + text).split(/[\r\n]+/);
      rest = lines.pop() ?? '';
      for (const line of lines) if (line) options.onLine(line);
    });
    child[stream].on('end', () => {
      if (rest) options.onLine?.(rest);
    });
  };
  collect('stdout');
  collect('stderr');
  const timer = options.timeoutMs
    ? setTimeout(() => {
        result.timedOut = true;
        kill();
      }, options.timeoutMs)
    : undefined;
  options.signal?.addEventListener('abort', kill, { once: true });
  // It has a group of its own, so nobody else ends it when this process ends early.
  process.once('exit', kill);
  try {
    result.code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code));
    });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', kill);
    process.off('exit', kill);
  }
  if (options.signal?.aborted) throw cancelled(program);
  return result;
}

/** The absolute path of a program on the PATH, as a shell would find it; undefined when absent. */
export function findOnPath(program: string, env: Environment = process.env): string | undefined {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (!folder) continue;
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOTDIR') throw error;
    }
  }
  return undefined;
}

/** The last lines of a program's output, for an error message. */
export function lastLines(result: CommandResult, count = 6): string {
  const text = result.stderr.trim() || result.stdout.trim();
  return text.split('\n').slice(-count).join('\n');
}
