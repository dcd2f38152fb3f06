/** Whether a process, not necessarily our child, still runs. */
import { readFileSync } from 'node:fs';

/** The fields of /proc/<pid>/stat from the state on, undefined where there is none. */
function procStat(pid: number): string[] | undefined {
  try {
    // "pid (name) S …": the name may hold spaces and brackets.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}

/**
 * True when a process of this machine runs, also when it belongs to another user. A process that has
 * ended but was never waited for (a container without an init process keeps such) counts as gone.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return procStat(pid)?.[0] !== 'Z';
}

/**
 * Tells a process from a later one with the same id: the machine's boot and the clock tick at which
 * the process started. Undefined where /proc is not there, or the process is gone.
 */
export function processBirth(pid: number): string | undefined {
  const start = procStat(pid)?.[19];
  if (start === undefined) return undefined;
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${start}`;
  } catch {
    return undefined; // A container may hide it.
  }
}
