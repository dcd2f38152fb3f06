/**
 * Python environments, made on first use in the user's cache and shared by every checkout:
 *
 *   <cache>/python/side-check-3f9c1e2a/bin/python     the hash is that of the pinned packages
 *
 * Each is built under another name and renamed when whole, so that a folder with the final name is a
 * finished one.
 */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic, statIfThere } from '../../lib/files.ts';
import { sha256 } from '../../lib/hash.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { cacheFolder, type Environment, ensureCacheFolder } from '../shared/cache.ts';
import { lastLines, runCommand } from '../shared/command.ts';
import { ENVIRONMENTS, type PythonEnvironment, type Requirements } from './environments.ts';
import { findInterpreter } from './interpreter.ts';

export interface PythonOptions extends RunOptions {
  /** @default process.env */
  env?: Environment;
}

type Setting = RunOptions & { env: Environment };

const interpreterIn = (folder: string): string => join(folder, 'bin', 'python');

async function makeVenv(python: string, folder: string, setting: Setting): Promise<void> {
  const made = await runCommand(python, ['-m', 'venv', folder], setting);
  if (made.code === 0) return;
  throw new EdgeloomError({
    code: 'venv-missing',
    what: `Python cannot make a virtual environment:\n${lastLines(made)}`,
    where: python,
    fix: 'install the parts that it names (Debian: apt install python3-venv)',
    exitCode: 3,
  });
}

async function installPackages(
  name: PythonEnvironment,
  { packages, sizeMb }: Requirements,
  folder: string,
  setting: Setting,
): Promise<void> {
  const say = (message: string): void => setting.onProgress?.({ message: `${name}: ${message}` });
  say(`installing ${packages.join(', ')} (about ${sizeMb} MB)`);
  // Wheels only: a phone's runtime must not turn into an hour of compiling.
  const args = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input'];
  const limits = ['--progress-bar=off', '--only-binary=:all:', '--retries=2', '--timeout=20'];
  const { signal, env } = setting;
  const installed = await runCommand(interpreterIn(folder), [...args, ...limits, ...packages], {
    env,
    signal,
    onLine: (line) => {
      const text = line.trim();
      if (/^(Downloading|Installing collected)/.test(text)) say(text.slice(0, 90));
    },
  });
  if (installed.code === 0) return;
  throw new EdgeloomError({
    code: 'python-packages-failed',
    what: `pip could not install the Python packages of ${name}:\n${lastLines(installed)}`,
    where: packages.join(' '),
    fix: 'check the network and the settings of pip and run again; without a network, set PIP_NO_INDEX=1 and PIP_FIND_LINKS to a folder with the wheels',
    exitCode: 3,
  });
}

/** The environment's folder: other pins are another folder. */
function folderOf(name: PythonEnvironment, env: Environment): string {
  const { packages } = ENVIRONMENTS[name];
  const key = sha256(packages.join('\n')).slice(0, 8);
  return join(cacheFolder(env), 'python', `${name}-${key}`);
}

/** What a killed set-up left. The lock is held, so nobody fills it. */
async function removeLeftovers(folder: string): Promise<void> {
  const root = dirname(folder);
  for (const entry of await readdir(root)) {
    if (!entry.startsWith(`${basename(folder)}.partial-`)) continue;
    await rm(join(root, entry), { recursive: true, force: true });
  }
}

/**
 * The path of a Python that has the packages of `name`, set up first where that has not been done:
 * some hundred megabytes to download, once per user; two processes at once do it once.
 *
 * Rejects with an `EdgeloomError` of exit code 3: `python-missing`, `venv-missing`,
 * `python-packages-failed`, `cache-not-writable`; or `cancelled`.
 */
export async function ensurePython(
  name: PythonEnvironment,
  options: PythonOptions = {},
): Promise<string> {
  const setting: Setting = { ...options, env: options.env ?? process.env };
  const folder = folderOf(name, setting.env);
  // Follows the link: an environment whose base Python was removed is made again.
  const isReady = async (): Promise<boolean> => !!(await statIfThere(interpreterIn(folder)));
  if (await isReady()) return interpreterIn(folder);
  const python = await findInterpreter(ENVIRONMENTS[name].python, setting);
  await ensureCacheFolder(dirname(folder));
  const onWait = (pid: number): void =>
    options.onProgress?.({ message: `${name}: waiting for process ${pid}, which sets it up` });
  await withLock(
    `${folder}.lock`,
    async () => {
      if (await isReady()) return;
      await removeLeftovers(folder);
      await rm(folder, { recursive: true, force: true });
      await createFolderAtomic(folder, async (staging) => {
        await makeVenv(python, staging, setting);
        await installPackages(name, ENVIRONMENTS[name], staging, setting);
      });
    },
    { signal: options.signal, onWait },
  );
  return interpreterIn(folder);
}
