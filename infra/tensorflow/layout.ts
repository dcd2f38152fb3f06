/**
 * Where the parts of TensorFlow for Node are, and which of them are in place:
 *
 *   <cache>/tensorflow-2.15.1-linux-x64/
 *     deps/{lib,include}/  deps/origin.json      unpacked from the wheel
 *     addon-4.22.0/napi-v8/tfjs_binding.node     compiled from the npm package's sources
 *   node_modules/@tensorflow/tfjs-node/{deps,lib/napi-v8}   links into the cache
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { cacheFolder, type Environment } from '../shared/cache.ts';
import { ADDON_FILE, NAPI_VERSION } from './addon.ts';
import { isLinked, type Link } from './link.ts';
import { findPlatform, type Platform, type Target, TENSORFLOW_VERSION } from './platforms.ts';

export interface LayoutOptions {
  /** @default process.env */
  env?: Environment;
  /** @default this machine, with a GPU when EDGELOOM_GPU is 1 */
  target?: Target;
  /** Folder of the npm package. @default where this module finds it */
  packageFolder?: string;
  /** The table's row. @default the one of `target` */
  platform?: Platform;
}

/** What was unpacked: the fast path compares sizes with it. */
export interface Origin {
  wheels: { file: string; sha256: string }[];
  sizes: Record<string, number>;
}

export interface Layout {
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

/** Throws `unsupported-platform` or `npm-package-missing`. */
export function findLayout(options: LayoutOptions = {}): Layout {
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
export function hasLibrary(layout: Layout): boolean {
  const record = join(layout.deps, 'origin.json');
  if (sizeOf(record) === undefined) return false;
  const origin = JSON.parse(readFileSync(record, 'utf8')) as Origin;
  return (
    layout.platform.wheels.every((wheel, i) => origin.wheels[i]?.sha256 === wheel.sha256) &&
    Object.entries(origin.sizes).every(([name, size]) => sizeOf(join(layout.deps, name)) === size)
  );
}

export const hasAddon = (layout: Layout): boolean => (sizeOf(layout.addon) ?? 0) > 0;

export const hasLinks = (layout: Layout): boolean => layout.links.every(isLinked);
