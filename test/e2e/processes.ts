/** Processes of Linux, from /proc. */
import { readdir, readFile } from 'node:fs/promises';

interface Process {
  parent: number;
  state: string;
}

async function processOf(pid: number): Promise<Process | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  if (status === undefined) return undefined;
  return {
    parent: Number(/^PPid:\s+(\d+)$/m.exec(status)![1]),
    state: /^State:\s+(\w)/m.exec(status)![1]!,
  };
}

export async function parentOf(pid: number): Promise<number> {
  return (await processOf(pid))!.parent;
}

/** A process and all below it. */
export async function treeOf(root: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number | undefined>();
  for (const pid of pids) parents.set(pid, (await processOf(pid))?.parent);
  const tree = [root];
  for (const pid of tree) tree.push(...pids.filter((other) => parents.get(other) === pid));
  return tree;
}

/** Those that run; a zombie only waits for its parent to look. */
export async function running(pids: readonly number[]): Promise<number[]> {
  const found = await Promise.all(pids.map(processOf));
  return pids.filter((_, i) => found[i] && found[i].state !== 'Z');
}
