/** One process at a time, across processes. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { isAlive, processBirth } from './alive.ts';
import { EdgeloomError } from './errors.ts';

const holderSchema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  token: z.string(),
  /** See `processBirth`: after a reboot another process may have the id. */
  birth: z.string().optional(),
});
type Holder = z.infer<typeof holderSchema>;

export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Called once when another process holds the lock, with its process id. */
  onWait?: (holderPid: number) => void;
  /** Milliseconds between two attempts. @default 200 */
  pollMs?: number;
  /** Milliseconds without a sign of life after which a holder on another machine counts as dead. @default 60000 */
  staleMs?: number;
}

const REFRESH_MS = 5_000;

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

interface Seen {
  /** Null when the file does not say: a disk that was full, or a hand. */
  holder: Holder | null;
  ageMs: number;
}

function parseHolder(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function readHolder(path: string): Promise<Seen | undefined> {
  try {
    const [text, info] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return { holder: parseHolder(text), ageMs: Date.now() - info.mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * A living process of this machine may compute for minutes without a sign; another machine's may not.
 */
function isGone({ holder, ageMs }: Seen, host: string, staleMs: number): boolean {
  if (!holder) return true;
  if (holder.host !== host) return ageMs > staleMs;
  if (!isAlive(holder.pid)) return true;
  return holder.birth !== undefined && holder.birth !== processBirth(holder.pid);
}

/** The process that holds a lock; undefined when nobody alive does. */
export async function lockHolder(path: string): Promise<number | undefined> {
  const seen = await readHolder(path);
  return seen && !isGone(seen, hostname(), 60_000) ? seen.holder?.pid : undefined;
}

/** Moves a dead holder's lock away; puts it back when it turns out to be another, living one. */
async function removeStale(path: string, dead: Holder | null): Promise<void> {
  const aside = `${path}.stale-${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
    const moved = await readHolder(aside);
    if (moved && moved.holder?.token !== dead?.token) await link(aside, path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

/**
 * Runs `work` while holding the lock file. A holder that died (its process is gone, or on another
 * machine it gave no sign of life for `staleMs`) is displaced. Waits otherwise, until `signal` fires.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    token: randomBytes(12).toString('hex'),
    birth: processBirth(process.pid),
  };
  const draft = `${path}.${own.token}`;
  await mkdir(dirname(path), { recursive: true });
  // Written whole under another name and linked: a reader never sees an empty lock.
  await writeFile(draft, JSON.stringify(own));
  let waited = false;
  try {
    for (;;) {
      if (options.signal?.aborted) {
        throw new EdgeloomError({
          code: 'cancelled',
          what: waited ? 'Cancelled while waiting for another process' : 'Cancelled',
          exitCode: 130,
        });
      }
      try {
        await link(draft, path);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const seen = await readHolder(path);
      if (!seen) continue;
      if (isGone(seen, own.host, options.staleMs ?? 60_000)) {
        await removeStale(path, seen.holder);
        continue;
      }
      if (!waited && seen.holder) options.onWait?.(seen.holder.pid);
      waited = true;
      await delay(options.pollMs ?? 200);
    }
  } finally {
    await rm(draft, { force: true });
  }
  const refresh = setInterval(() => {
    const now = new Date();
    // A lock that was displaced after a long pause cannot be refreshed, and need not be.
    utimes(path, now, now).catch(() => clearInterval(refresh));
  }, REFRESH_MS);
  refresh.unref();
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    const seen = await readHolder(path);
    if (seen?.holder?.token === own.token) await rm(path, { force: true });
  }
}
