/** Where native parts are kept: outside the checkout, shared by every checkout of this user. */
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { EdgeloomError } from '../../lib/errors.ts';
import { cachePath } from '../../lib/start/cache-path.mjs';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `$EDGELOOM_CACHE`, else `$XDG_CACHE_HOME/edgeloom`, else `~/.cache/edgeloom`.
 * Throws `bad-cache-path` when the variable holds a relative path: it would mean another folder in
 * every working directory.
 */
export function cacheFolder(env: Environment = process.env): string {
  const path = cachePath(env);
  if (path !== undefined) return path;
  throw new EdgeloomError({
    code: 'bad-cache-path',
    what: 'EDGELOOM_CACHE is not an absolute path',
    where: env.EDGELOOM_CACHE ?? '',
    fix: 'set it to an absolute path, or unset it',
    exitCode: 2,
  });
}

/** Creates a folder of the cache. Throws `cache-not-writable` (exit code 3). */
export async function ensureCacheFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'cache-not-writable',
        what: `The folder for native parts cannot be written: ${(error as Error).message}`,
        where: path,
        fix: 'make it writable, or set EDGELOOM_CACHE to another folder',
        exitCode: 3,
      },
      { cause: error },
    );
  }
}
