/** Finding the `temporal` program: the PATH, the cache, the SDK's download site, a Go build. */
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { cacheFolder, type Environment, ensureCacheFolder } from '../shared/cache.ts';
import { findOnPath, runCommand } from '../shared/command.ts';
import { isNewEnough } from './connect.ts';
import { downloadTemporal } from './download.ts';
import { buildTemporal } from './go-build.ts';
import { TEMPORAL_CLI_VERSION } from './version.ts';

export type BinarySource = 'path' | 'cache' | 'download' | 'go-build';

export interface TemporalBinary {
  path: string;
  source: BinarySource;
  /** Of the program: `1.8.2`; a build from source calls itself `0.0.0-DEV`. */
  cliVersion: string;
  /** Of the server inside: `1.31.2`. */
  serverVersion: string;
}

export interface BinaryOptions extends RunOptions {
  /** @default process.env */
  env?: Environment;
  /** The ways of getting a program that is not on this machine yet, in order. */
  ways?: readonly AcquireWay[];
}

/** Puts an executable at `target`; rejects with an `EdgeloomError` that says why it cannot. */
export interface AcquireWay {
  source: 'download' | 'go-build';
  acquire(target: string, options: RunOptions & { env: Environment }): Promise<void>;
}

const WAYS: readonly AcquireWay[] = [
  { source: 'download', acquire: downloadTemporal },
  { source: 'go-build', acquire: buildTemporal },
];

export const cachedTemporal = (env: Environment): string =>
  join(cacheFolder(env), `temporal-cli-${TEMPORAL_CLI_VERSION}`, 'temporal');

/** What `temporal --version` says; undefined when the program does not run or says something else. */
export async function inspectTemporal(
  path: string,
): Promise<Pick<TemporalBinary, 'cliVersion' | 'serverVersion'> | undefined> {
  try {
    const result = await runCommand(path, ['--version'], { timeoutMs: 20_000 });
    const match = /temporal version (\S+) \(Server ([^,\s]+)/.exec(result.stdout);
    if (result.code !== 0 || !match) return undefined;
    return { cliVersion: match[1]!, serverVersion: match[2]! };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Absent, not executable, built for another machine.
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOEXEC') return undefined;
    throw error;
  }
}

/** A program that is here already; `notes` collects why others were passed over. */
export async function findInstalledTemporal(
  env: Environment,
  notes: string[] = [],
): Promise<TemporalBinary | undefined> {
  const onPath = findOnPath('temporal', env);
  const candidates: { path: string; source: BinarySource }[] = [
    ...(onPath ? [{ path: onPath, source: 'path' as const }] : []),
    { path: cachedTemporal(env), source: 'cache' },
  ];
  if (!onPath) notes.push('PATH: no temporal');
  for (const candidate of candidates) {
    const found = await inspectTemporal(candidate.path);
    if (!found) {
      notes.push(`${candidate.source}: ${candidate.path} is absent or does not run`);
    } else if (!isNewEnough(found.serverVersion)) {
      notes.push(`${candidate.source}: server ${found.serverVersion} is too old`);
    } else {
      return { ...candidate, ...found };
    }
  }
  return undefined;
}

/**
 * Path of a `temporal` program, got once per user when there is none. Rejects with
 * `temporal-missing` (exit code 3), which tells of every way that was tried.
 */
export async function findTemporalBinary(options: BinaryOptions = {}): Promise<TemporalBinary> {
  const env = options.env ?? process.env;
  const installed = await findInstalledTemporal(env);
  if (installed) return installed;
  const target = cachedTemporal(env);
  await ensureCacheFolder(dirname(target));
  return withLock(
    `${target}.lock`,
    async () => {
      const notes: string[] = [];
      const meanwhile = await findInstalledTemporal(env, notes);
      if (meanwhile) return meanwhile;
      for (const way of options.ways ?? WAYS) {
        try {
          await way.acquire(target, {
            env,
            signal: options.signal,
            onProgress: options.onProgress,
          });
        } catch (error) {
          if (!(error instanceof EdgeloomError) || error.exitCode !== 3) throw error;
          notes.push(`${way.source}: ${error.message}${error.fix ? ` (${error.fix})` : ''}`);
          continue;
        }
        const found = await inspectTemporal(target);
        if (found) return { path: target, source: way.source, ...found };
        notes.push(`${way.source}: the program does not run on this machine`);
      }
      throw new EdgeloomError({
        code: 'temporal-missing',
        what: `No Temporal server can be had:\n  ${notes.join('\n  ')}`,
        where: target,
        fix: `install the temporal command (macOS: brew install temporal; else https://github.com/temporalio/cli/releases), or install Go 1.26 and run again, or set TEMPORAL_ADDRESS to a server`,
        exitCode: 3,
      });
    },
    {
      signal: options.signal,
      onWait: (pid) =>
        options.onProgress?.({ message: `waiting for process ${pid}, which gets the server` }),
    },
  );
}
