/** One pull at a time into a folder. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isAlive, processBirth } from '../../lib/alive.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { type FileSystem, hasCode } from './file-system.ts';
import { uniqueSuffix } from './repository.ts';

const ownerSchema = z.object({
  host: z.string(),
  pid: z.int().min(1),
  nonce: z.string(),
  /** See `processBirth`: after a reboot another process may have the id. */
  birth: z.string().optional(),
});
type Owner = z.infer<typeof ownerSchema>;

/** Locks that this process holds: one with our process id that is not among them is a dead one's. */
const held = new Set<string>();

const POLL_MS = 50;
/** A lock that still says nothing after this long was torn by a full disk or a power cut. */
const TORN_MS = 5_000;

/**
 * Runs `work` while holding `<folder>/.lock`. The lock of a process that died on this machine is
 * taken over; one of another machine is waited for.
 * @throws EdgeloomError `busy` when the lock is not free within `waitMs`
 */
export async function withLock<T>(
  fs: FileSystem,
  folder: string,
  options: { signal?: AbortSignal | undefined; waitMs?: number },
  work: () => Promise<T>,
): Promise<T> {
  const path = join(folder, '.lock');
  const nonce = uniqueSuffix();
  held.add(nonce);
  try {
    await fs.makeFolder(folder);
    await acquire(fs, path, nonce, options);
    try {
      return await work();
    } finally {
      await fs.remove(path);
    }
  } finally {
    held.delete(nonce);
  }
}

async function acquire(
  fs: FileSystem,
  path: string,
  nonce: string,
  { signal, waitMs = 120_000 }: { signal?: AbortSignal | undefined; waitMs?: number },
): Promise<void> {
  const me: Owner = { host: hostname(), pid: process.pid, nonce, birth: processBirth(process.pid) };
  for (let waited = 0; ; waited += POLL_MS) {
    signal?.throwIfAborted();
    try {
      await fs.writeNew(path, JSON.stringify(me));
      return;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const owner = await readOwner(fs, path);
    if (owner ? isDead(owner) : await isTorn(fs, path)) {
      await takeAway(fs, path, owner);
      continue;
    }
    if (waited >= waitMs) {
      throw new EdgeloomError({
        code: 'busy',
        what: 'Another pull works on this folder',
        where: path,
        fix: owner
          ? `wait for process ${owner.pid} on ${owner.host}, or delete the file if it is gone`
          : 'delete the file if no pull is running',
      });
    }
    await sleep(POLL_MS);
  }
}

async function isTorn(fs: FileSystem, path: string): Promise<boolean> {
  const stat = await fs.stat(path);
  return stat !== null && Date.now() - stat.modifiedMs > TORN_MS;
}

/** Null while the file is gone, not written yet, or says nothing that can be read. */
async function readOwner(fs: FileSystem, path: string): Promise<Owner | null> {
  let text: string;
  try {
    text = await fs.readText(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function isDead({ host, pid, nonce, birth }: Owner): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return !held.has(nonce);
  if (!isAlive(pid)) return true;
  return birth !== undefined && birth !== processBirth(pid);
}

/** Only the one who claims a dead lock may remove it, so that nobody removes its successor. */
async function takeAway(fs: FileSystem, path: string, dead: Owner | null): Promise<void> {
  const claim = `${path}-of-${dead?.nonce ?? 'nobody'}`;
  try {
    await fs.writeNew(claim, '');
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    await sleep(POLL_MS);
    return;
  }
  const now = await readOwner(fs, path);
  if (now?.nonce === dead?.nonce) await fs.remove(path);
  await fs.remove(claim);
}
