/**
 * Makes `@tensorflow/tfjs-node` loadable: library from a pinned wheel, addon compiled here, both kept
 * in the user's cache (layout.ts draws it) and linked into node_modules. Each folder of the cache is
 * filled under another name and renamed when whole.
 */
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic } from '../../lib/files.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { ensureCacheFolder } from '../shared/cache.ts';
import { compileAddon } from './addon.ts';
import {
  findLayout,
  hasAddon,
  hasLibrary,
  hasLinks,
  type Layout,
  type LayoutOptions,
  type Origin,
} from './layout.ts';
import { ensureLink } from './link.ts';
import { type Platform, TENSORFLOW_VERSION } from './platforms.ts';
import { obtainWheel, unpackWheel } from './wheel.ts';

export interface TensorflowOptions extends RunOptions, LayoutOptions {}

export interface TensorflowReady {
  backend: 'tensorflow';
  /** To be imported. */
  packageName: Platform['packageName'];
  packageVersion: string;
  libraryVersion: string;
  platform: string;
  gpu: boolean;
  /** Absolute paths. */
  library: string;
  addon: string;
  /** Variables that the process which loads TensorFlow needs at its start; none without a GPU. */
  environment: Record<string, string>;
  /** What this call had to do: nothing, link into this checkout, compile, or all of it. */
  did: 'nothing' | 'linked' | 'compiled' | 'downloaded';
}

export interface TensorflowFallback {
  backend: 'cpu';
  /** One line: why TensorFlow cannot be had. */
  reason: string;
  /** Several lines, to be shown loudly. */
  warning: string;
}

/** Variables that the process which loads TensorFlow needs: NVIDIA's libraries open each other by name. */
export function gpuEnvironment(layout: Layout): Record<string, string> {
  if (!layout.platform.gpu) return {};
  const own = join(layout.deps, 'lib');
  // Processes inherit it, so that it may be there already.
  const before = (layout.env.LD_LIBRARY_PATH ?? '').split(':').filter((p) => p && p !== own);
  return { LD_LIBRARY_PATH: [own, ...before].join(':') };
}

/** The same for this machine, whether TensorFlow is set up or not. */
export const tensorflowEnvironment = (): Record<string, string> => gpuEnvironment(findLayout());

function ready(layout: Layout, did: TensorflowReady['did']): TensorflowReady {
  return {
    backend: 'tensorflow',
    packageName: layout.platform.packageName,
    packageVersion: layout.packageVersion,
    libraryVersion: TENSORFLOW_VERSION,
    platform: layout.platform.key,
    gpu: layout.platform.gpu,
    library: join(layout.deps, 'lib', layout.platform.libraries[0]),
    addon: layout.addon,
    environment: gpuEnvironment(layout),
    did,
  };
}

/** Staging folders of a set-up that was killed. The lock is held, so nobody fills them. */
async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (name.includes('.partial-')) await rm(join(root, name), { recursive: true, force: true });
  }
}

async function installLibrary(layout: Layout, options: TensorflowOptions): Promise<void> {
  // Damaged or of another pin: createFolderAtomic keeps what is there, so it has to go first.
  await rm(layout.deps, { recursive: true, force: true });
  const shared = { env: layout.env, signal: options.signal, onProgress: options.onProgress };
  await createFolderAtomic(layout.deps, async (staging) => {
    const origin: Origin = { wheels: [], sizes: {} };
    for (const wheel of layout.platform.wheels) {
      const path = await obtainWheel(wheel, staging, shared);
      await unpackWheel(wheel, path, staging, shared);
      await rm(path);
      origin.wheels.push({ file: wheel.file, sha256: wheel.sha256 });
    }
    for (const name of layout.platform.libraries) {
      origin.sizes[join('lib', name)] = (await stat(join(staging, 'lib', name))).size;
    }
    await writeFile(join(staging, 'origin.json'), `${JSON.stringify(origin, null, 2)}\n`);
  });
}

async function installAddon(layout: Layout, options: TensorflowOptions): Promise<void> {
  await rm(layout.addonFolder, { recursive: true, force: true });
  await createFolderAtomic(layout.addonFolder, (staging) =>
    compileAddon(layout.platform, staging, {
      env: layout.env,
      signal: options.signal,
      onProgress: options.onProgress,
      packageFolder: layout.packageFolder,
      depsFolder: layout.deps,
    }),
  );
}

/**
 * Makes TensorFlow for Node loadable and says where it is. When all is in place it only looks at a
 * few files (a millisecond, no subprocess). Otherwise downloads about 210 MB, unpacks 620 MB and
 * compiles for 10–30 s, once per user; two processes at once do it once.
 *
 * Rejects with an `EdgeloomError` of exit code 3 that says how to mend what is missing.
 */
export async function prepareTensorflow(options: TensorflowOptions = {}): Promise<TensorflowReady> {
  const layout = findLayout(options);
  if (hasLibrary(layout) && hasAddon(layout) && hasLinks(layout)) return ready(layout, 'nothing');
  await ensureCacheFolder(layout.root);
  return withLock(
    join(layout.root, 'lock'),
    async () => {
      await removeLeftovers(layout.root);
      let did: TensorflowReady['did'] = hasLinks(layout) ? 'nothing' : 'linked';
      const libraryHere = hasLibrary(layout);
      if (!libraryHere) await installLibrary(layout, options);
      if (!libraryHere || !hasAddon(layout)) {
        await installAddon(layout, options);
        did = libraryHere ? 'compiled' : 'downloaded';
      }
      for (const link of layout.links) await ensureLink(link);
      return ready(layout, did);
    },
    {
      signal: options.signal,
      onWait: (pid) =>
        options.onProgress?.({ message: `waiting for process ${pid}, which sets TensorFlow up` }),
    },
  );
}

/**
 * Like `prepareTensorflow`, but answers with the JavaScript backend when TensorFlow cannot be had.
 * `EDGELOOM_BACKEND=cpu` asks for it outright. Cancellation and programming errors still reject.
 */
export async function prepareTensorflowOrFallback(
  options: TensorflowOptions = {},
): Promise<TensorflowReady | TensorflowFallback> {
  if ((options.env ?? process.env).EDGELOOM_BACKEND === 'cpu') {
    const reason = 'EDGELOOM_BACKEND=cpu asks for the JavaScript backend';
    return { backend: 'cpu', reason, warning: reason };
  }
  try {
    return await prepareTensorflow(options);
  } catch (error) {
    if (!(error instanceof EdgeloomError) || error.exitCode !== 3) throw error;
    return { backend: 'cpu', reason: error.message, warning: fallbackWarning(error) };
  }
}

function fallbackWarning(error: EdgeloomError): string {
  return [
    'WARNING: training runs on the pure JavaScript backend, 10 to 100 times slower than TensorFlow.',
    'Small runs complete; a run of real size will not. Its content hash differs from TensorFlow’s.',
    ...error.describe().split('\n'),
  ].join('\n');
}
