/**
 * Makes `@tensorflow/tfjs-node` loadable: library from a pinned wheel, addon compiled here, both kept
 * in the user's cache and linked into node_modules.
 *
 *   <cache>/tensorflow-2.15.1-linux-x64/
 *     deps/{lib,include}/  deps/origin.json      unpacked from the wheel
 *     addon-4.22.0/napi-v8/tfjs_binding.node     compiled from the npm package's sources
 *
 * Each of the two folders is filled under another name and renamed when whole.
 */
import { readFileSync, statSync } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { cacheFolder, type Environment } from '../shared/cache.ts';
import { withLock } from '../shared/lock.ts';
import { ADDON_FILE, compileAddon, NAPI_VERSION } from './addon.ts';
import { ensureLink, isLinked, type Link } from './link.ts';
import { findPlatform, type Platform, type Target, TENSORFLOW_VERSION } from './platforms.ts';
import { obtainWheel, unpackWheel } from './wheel.ts';

export interface TensorflowOptions extends RunOptions {
  /** @default process.env */
  env?: Environment;
  /** @default this machine, with a GPU when EDGELOOM_GPU is 1 */
  target?: Target;
  /** Folder of the npm package. @default where this module finds it */
  packageFolder?: string;
  /** The table's row. @default the one of `target` */
  platform?: Platform;
}

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

/** What was unpacked: the fast path compares sizes with it. */
interface Origin {
  wheels: { file: string; sha256: string }[];
  sizes: Record<string, number>;
}

interface Plan {
  platform: Platform;
  env: Environment;
  root: string;
  deps: string;
  addonFolder: string;
  addon: string;
  packageFolder: string;
  packageVersion: string;
  links: Link[];
}

/** The machine this process runs on. */
export function thisTarget(env: Environment = process.env): Target {
  return { platform: process.platform, arch: process.arch, gpu: env.EDGELOOM_GPU === '1' };
}

function findPackage(name: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'npm-package-missing',
        what: `The npm package ${name} is not installed`,
        fix: 'run npm ci',
        exitCode: 3,
      },
      { cause: error },
    );
  }
}

function makePlan(options: TensorflowOptions): Plan {
  const env = options.env ?? process.env;
  const platform = options.platform ?? findPlatform(options.target ?? thisTarget(env));
  const packageFolder = options.packageFolder ?? findPackage(platform.packageName);
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  const root = join(cacheFolder(env), `tensorflow-${TENSORFLOW_VERSION}-${platform.key}`);
  const deps = join(root, 'deps');
  const addonFolder = join(root, `addon-${manifest.version}`);
  return {
    platform,
    env,
    root,
    deps,
    addonFolder,
    addon: join(addonFolder, ADDON_FILE),
    packageFolder,
    packageVersion: manifest.version,
    links: [
      { at: join(packageFolder, 'deps'), to: deps },
      {
        at: join(packageFolder, 'lib', `napi-v${NAPI_VERSION}`),
        to: join(addonFolder, `napi-v${NAPI_VERSION}`),
      },
    ],
  };
}

const sizeOf = (path: string): number | undefined =>
  statSync(path, { throwIfNoEntry: false })?.size;

/** True when the unpacked libraries are there with the sizes they had. */
function hasLibrary(plan: Plan): boolean {
  const record = join(plan.deps, 'origin.json');
  if (sizeOf(record) === undefined) return false;
  const origin = JSON.parse(readFileSync(record, 'utf8')) as Origin;
  return (
    plan.platform.wheels.every((wheel, i) => origin.wheels[i]?.sha256 === wheel.sha256) &&
    Object.entries(origin.sizes).every(([name, size]) => sizeOf(join(plan.deps, name)) === size)
  );
}

const hasAddon = (plan: Plan): boolean => (sizeOf(plan.addon) ?? 0) > 0;

function gpuLibraryPath(plan: Plan): string {
  const before = plan.env.LD_LIBRARY_PATH;
  return [join(plan.deps, 'lib'), ...(before ? [before] : [])].join(':');
}

function ready(plan: Plan, did: TensorflowReady['did']): TensorflowReady {
  return {
    backend: 'tensorflow',
    packageName: plan.platform.packageName,
    packageVersion: plan.packageVersion,
    libraryVersion: TENSORFLOW_VERSION,
    platform: plan.platform.key,
    gpu: plan.platform.gpu,
    library: join(plan.deps, 'lib', plan.platform.libraries[0]),
    addon: plan.addon,
    // NVIDIA's libraries open each other by name.
    environment: plan.platform.gpu ? { LD_LIBRARY_PATH: gpuLibraryPath(plan) } : {},
    did,
  };
}

/** Staging folders of a set-up that was killed. The lock is held, so nobody fills them. */
async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (name.includes('.partial-')) await rm(join(root, name), { recursive: true, force: true });
  }
}

async function installLibrary(plan: Plan, options: TensorflowOptions): Promise<void> {
  // Damaged or of another pin: createFolderAtomic keeps what is there, so it has to go first.
  await rm(plan.deps, { recursive: true, force: true });
  const shared = { env: plan.env, signal: options.signal, onProgress: options.onProgress };
  await createFolderAtomic(plan.deps, async (staging) => {
    const origin: Origin = { wheels: [], sizes: {} };
    for (const wheel of plan.platform.wheels) {
      const path = await obtainWheel(wheel, staging, shared);
      await unpackWheel(wheel, path, staging, shared);
      await rm(path);
      origin.wheels.push({ file: wheel.file, sha256: wheel.sha256 });
    }
    for (const name of plan.platform.libraries) {
      origin.sizes[join('lib', name)] = (await stat(join(staging, 'lib', name))).size;
    }
    await writeFile(join(staging, 'origin.json'), `${JSON.stringify(origin, null, 2)}\n`);
  });
}

async function installAddon(plan: Plan, options: TensorflowOptions): Promise<void> {
  await rm(plan.addonFolder, { recursive: true, force: true });
  await createFolderAtomic(plan.addonFolder, (staging) =>
    compileAddon(plan.platform, staging, {
      env: plan.env,
      signal: options.signal,
      onProgress: options.onProgress,
      packageFolder: plan.packageFolder,
      depsFolder: plan.deps,
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
  const plan = makePlan(options);
  const linked = (): boolean => plan.links.every(isLinked);
  if (hasLibrary(plan) && hasAddon(plan) && linked()) return ready(plan, 'nothing');
  return withLock(
    join(plan.root, 'lock'),
    async () => {
      await removeLeftovers(plan.root);
      let did: TensorflowReady['did'] = linked() ? 'nothing' : 'linked';
      const libraryHere = hasLibrary(plan);
      if (!libraryHere) await installLibrary(plan, options);
      if (!libraryHere || !hasAddon(plan)) {
        await installAddon(plan, options);
        did = libraryHere ? 'compiled' : 'downloaded';
      }
      for (const link of plan.links) await ensureLink(link);
      return ready(plan, did);
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
