/** Compiling the Node addon of tfjs-node against the library, with one compiler call. */
import { mkdir, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from '../shared/cache.ts';
import { findOnPath, lastLines, runCommand } from '../shared/command.ts';
import type { Platform } from './platforms.ts';

/** N-API versions are a promise: one build serves every Node from 20 on. */
export const NAPI_VERSION = 8;
export const ADDON_FILE = join(`napi-v${NAPI_VERSION}`, 'tfjs_binding.node');

export interface AddonOptions extends RunOptions {
  env: Environment;
  /** Folder of the npm package, with `binding/*.cc`. */
  packageFolder: string;
  /** Folder with `lib/` and `include/` of TensorFlow. */
  depsFolder: string;
}

/** Path of a C++ compiler: `$CXX`, else the platform's candidates. Throws `compiler-missing`. */
export function findCompiler(platform: Platform, env: Environment): string {
  const candidates = [...(env.CXX ? [env.CXX] : []), ...platform.compilers];
  for (const name of candidates) {
    const path = findOnPath(name, env) ?? (name.startsWith('/') ? name : undefined);
    if (path) return path;
  }
  throw new EdgeloomError({
    code: 'compiler-missing',
    what: 'A C++ compiler is needed once, to build the TensorFlow addon',
    where: `looked for ${candidates.join(', ')} on the PATH`,
    fix: 'install one (Debian: apt install g++; macOS: xcode-select --install) or set CXX',
    exitCode: 3,
  });
}

/**
 * Compiles `<folder>/napi-v8/tfjs_binding.node`. The addon finds its libraries at
 * `../../deps/lib` from its own place. Throws `compiler-missing` or `addon-build-failed`.
 */
export async function compileAddon(
  platform: Platform,
  folder: string,
  options: AddonOptions,
): Promise<void> {
  const compiler = findCompiler(platform, options.env);
  const headers = createRequire(import.meta.url).resolve('node-api-headers/package.json');
  const binding = join(options.packageFolder, 'binding');
  const sources = (await readdir(binding)).filter((name) => name.endsWith('.cc')).sort();
  const output = join(folder, ADDON_FILE);
  await mkdir(dirname(output), { recursive: true });
  options.onProgress?.({ message: `compiling the TensorFlow addon with ${compiler}` });
  const result = await runCommand(
    compiler,
    [
      ...['-O2', '-std=c++17', `-DNAPI_VERSION=${NAPI_VERSION}`],
      ...['-I', join(dirname(headers), 'include'), '-I', join(options.depsFolder, 'include')],
      ...sources.map((name) => join(binding, name)),
      ...platform.libraries.map((name) => join(options.depsFolder, 'lib', name)),
      ...platform.linkFlags,
      ...['-o', output],
    ],
    { env: options.env, signal: options.signal },
  );
  if (result.code === 0) return;
  throw new EdgeloomError({
    code: 'addon-build-failed',
    what: `The TensorFlow addon did not compile:\n${lastLines(result, 12)}`,
    where: `${compiler}, sources in ${binding}`,
    fix: 'use a compiler that knows C++17 (g++ 8 or clang 7 and later), for example by setting CXX',
    exitCode: 3,
  });
}
