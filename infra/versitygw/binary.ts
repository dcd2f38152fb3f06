/** Finding versitygw, an S3 server over a folder: the cache, a Go build. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EdgeloomError } from '../../lib/errors.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { cacheFolder, type Environment, ensureCacheFolder } from '../shared/cache.ts';
import { runCommand } from '../shared/command.ts';
import { buildGoProgram } from '../shared/go-build.ts';

/** What `server/go.mod` builds. */
const VERSION = '1.8.0';

export const cachedVersitygw = (env: Environment): string =>
  join(cacheFolder(env), `versitygw-${VERSION}`, 'versitygw');

/** Whether the program runs and is of the pinned version. */
async function runs(path: string): Promise<boolean> {
  try {
    const result = await runCommand(path, ['--version'], { timeoutMs: 20_000 });
    return result.code === 0 && result.stdout.includes(VERSION);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOEXEC') return false;
    throw error;
  }
}

/**
 * Path of the program, built once per user: some two to four minutes on two cores. Rejects with
 * `go-missing`, `go-too-old` or `versitygw-build-failed` (exit code 3).
 */
export async function findVersitygw(
  options: RunOptions & { env?: Environment } = {},
): Promise<string> {
  const { env = process.env, signal, onProgress } = options;
  const target = cachedVersitygw(env);
  if (await runs(target)) return target;
  await ensureCacheFolder(dirname(target));
  return withLock(
    `${target}.lock`,
    async () => {
      if (await runs(target)) return target;
      const program = {
        title: `the S3 server versitygw ${VERSION}`,
        takes: '2 to 4 minutes',
        package: 'github.com/versity/versitygw/cmd/versitygw',
        moduleFolder: fileURLToPath(new URL('./server', import.meta.url)),
        variables: [`main.Version=${VERSION}`],
        failureCode: 'versitygw-build-failed',
      };
      await buildGoProgram(program, target, { env, signal, onProgress });
      if (await runs(target)) return target;
      throw new EdgeloomError({
        code: 'versitygw-build-failed',
        what: 'The program that was built does not run on this machine',
        where: target,
        fix: 'remove its folder and run again',
        exitCode: 3,
      });
    },
    {
      signal,
      onWait: (pid) => onProgress?.({ message: `waiting for process ${pid}, which builds it` }),
    },
  );
}

/** The program, or why there is none here: no Go, no network to build it with. */
export async function versitygwOrReason(
  options: RunOptions = {},
): Promise<{ binary: string } | { reason: string }> {
  try {
    return { binary: await findVersitygw(options) };
  } catch (error) {
    if (!(error instanceof EdgeloomError) || error.exitCode !== 3) throw error;
    // On one line, for the names of the tests that are skipped.
    return { reason: `${error.message}; ${error.fix ?? ''}`.replaceAll(/\s+/g, ' ') };
  }
}
