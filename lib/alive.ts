/** Whether a process, not necessarily our child, still runs. */
import { readFileSync } from 'node:fs';

/** The state letter of /proc, undefined where there is none. */
function procState(pid: number): string | undefined {
  try {
    // "pid (name) S …": the name may hold spaces and brackets.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
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
  return procState(pid) !== 'Z';
}
