/** Memory of a process and everything it started, from Linux's `/proc`. */
import { readdir, readFile } from 'node:fs/promises';

const ignoreGone = () => undefined;

async function parents(): Promise<Map<number, number[]>> {
  const children = new Map<number, number[]>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(ignoreGone);
    if (!stat) continue;
    // The program's name stands in brackets and may hold anything; the parent is the second word after.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

/** Proportional set size, bytes: pages that processes share are counted once. */
async function proportionalSetSize(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(ignoreGone);
  const kib = /^Pss:\s+(\d+) kB$/m.exec(rollup ?? '')?.[1];
  return Number(kib ?? 0) * 1024;
}

/** Sum over a process and its descendants, bytes. */
export async function treeMemory(root: number): Promise<number> {
  const children = await parents();
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  const sizes = await Promise.all(tree.map(proportionalSetSize));
  return sizes.reduce((sum, size) => sum + size, 0);
}
