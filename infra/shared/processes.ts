/** Looking at and ending processes that may not be our children. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../../lib/alive.ts';
import { runCommand } from './command.ts';

/** A running process's command line, to tell it from a later one with the same id. */
export async function commandLine(pid: number): Promise<string> {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const result = await runCommand('ps', ['-o', 'command=', '-p', String(pid)]);
  return result.stdout.trim();
}

export interface TerminateOptions {
  /** Milliseconds between SIGTERM and SIGKILL. @default 15000 */
  graceMs?: number;
  /** Milliseconds between two looks. @default 50 */
  pollMs?: number;
}

async function waitUntilGone(pid: number, limitMs: number, pollMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isAlive(pid)) {
    if (Date.now() >= deadline) return false;
    await delay(pollMs);
  }
  return true;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends a process and waits until it is gone: SIGTERM, and SIGKILL when that does not help. */
export async function terminate(
  pid: number,
  options: TerminateOptions = {},
): Promise<'gone' | 'terminated' | 'killed'> {
  const pollMs = options.pollMs ?? 50;
  if (!isAlive(pid)) return 'gone';
  signalProcess(pid, 'SIGTERM');
  if (await waitUntilGone(pid, options.graceMs ?? 15_000, pollMs)) return 'terminated';
  signalProcess(pid, 'SIGKILL');
  // Only a process stuck in the kernel survives this; then waiting longer is of no use.
  await waitUntilGone(pid, 5_000, pollMs);
  return 'killed';
}
