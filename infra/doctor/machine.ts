/** Checks of what edgeloom stands on: Node, npm packages, tools, folders. */
import { constants, existsSync, readFileSync } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Started, started } from '../../lib/start/started.ts';
import { cacheFolder, type Environment } from '../shared/cache.ts';
import { findOnPath, runCommand } from '../shared/command.ts';
import type { Check, DoctorOptions, Finding } from './types.ts';

const MINIMUM_NODE = [20, 19] as const;
/** A simulated week, its samples, tensors and models. */
const WORKSPACE_BYTES = 2e9;

interface Manifest {
  version?: string;
  dependencies?: Record<string, string>;
}

const readManifest = (path: string): Manifest => JSON.parse(readFileSync(path, 'utf8')) as Manifest;

/** Node itself, as a version such as `22.3.0`. */
export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
  if (enough) return { state: 'ok', version, from: process.execPath };
  return {
    state: 'broken',
    version,
    from: process.execPath,
    detail: `at least ${MINIMUM_NODE.join('.')} is needed`,
    fix: 'install Node 22 or 24 from https://nodejs.org',
  };
}

/** What this process runs. Sources work as well; each process then takes seconds longer to start. */
export function judgeStart({ folder, reason }: Started = {}): Finding {
  if (folder) return { state: 'ok', from: folder };
  return { state: 'ok', from: 'sources', ...(reason ? { detail: reason } : {}) };
}

/** As Node looks it up: npm puts a package's dependencies beside it when it is installed itself. */
function installed(name: string, folder: string): Manifest | undefined {
  const path = join(folder, 'node_modules', name, 'package.json');
  if (existsSync(path)) return readManifest(path);
  const above = dirname(folder);
  return above === folder ? undefined : installed(name, above);
}

/** Every dependency of package.json, at exactly its version. */
export function judgePackages(projectRoot: string): Finding {
  const wanted = readManifest(join(projectRoot, 'package.json')).dependencies ?? {};
  const wrong: string[] = [];
  for (const [name, version] of Object.entries(wanted)) {
    const found = installed(name, projectRoot);
    if (!found) wrong.push(`${name} is missing`);
    else if (found.version !== version) {
      wrong.push(`${name} ${found.version} instead of ${version}`);
    }
  }
  const count = Object.keys(wanted).length;
  if (wrong.length === 0) return { state: 'ok', from: 'npm', detail: `${count} packages` };
  return { state: 'missing', from: 'npm', detail: wrong.join('; '), fix: 'run npm ci' };
}

/** A program on the PATH and the version that it prints. */
async function lookAtTool(
  names: readonly string[],
  args: readonly string[],
  pattern: RegExp,
  fix: string,
  env: Environment,
): Promise<Finding> {
  const path = names.map((name) => findOnPath(name, env)).find((found) => found !== undefined);
  if (!path) return { state: 'missing', detail: `no ${names.join(' or ')} on the PATH`, fix };
  const result = await runCommand(path, args, { env, timeoutMs: 20_000 });
  const version = pattern.exec(result.stdout)?.[1];
  if (result.code !== 0 || !version) {
    return { state: 'broken', from: path, detail: `${args.join(' ')} failed`, fix };
  }
  return { state: 'ok', version, from: path };
}

/** Whether files can be made at a path that need not exist yet. */
export async function judgeWritable(path: string): Promise<Finding> {
  let folder = resolve(path);
  for (;;) {
    try {
      await access(folder, constants.W_OK);
      return { state: 'ok', from: resolve(path) };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT' || folder === dirname(folder)) {
        const fix = 'make it writable, or name another with --workspace or EDGELOOM_WORKSPACE';
        return { state: 'broken', from: folder, detail: 'it cannot be written', fix };
      }
      folder = dirname(folder);
    }
  }
}

/** Free bytes where a path is or will be. */
async function freeBytes(path: string): Promise<number> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    try {
      const disk = await statfs(folder);
      return disk.bavail * disk.bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

export function judgeSpace(free: number, from: string): Finding {
  const detail = `${(free / 1e9).toFixed(1)} GB free`;
  if (free >= WORKSPACE_BYTES) return { state: 'ok', from, detail };
  const fix = `free space until ${WORKSPACE_BYTES / 1e9} GB are free, or use a workspace on another disk`;
  return { state: 'broken', from, detail, fix };
}

export function machineChecks(options: DoctorOptions): Check[] {
  const { env, workspace, projectRoot } = options;
  const tool = (
    name: string,
    programs: readonly string[],
    args: readonly string[],
    pattern: RegExp,
    fix: string,
  ): Check => ({
    name,
    // Only a set-up needs it: the part that is to be set up says so when it is missing.
    needed: false,
    look: () => lookAtTool(programs, args, pattern, fix, env),
  });
  return [
    { name: 'node', needed: true, look: () => judgeNode(process.versions.node) },
    { name: 'bundle', needed: false, look: () => judgeStart(started()) },
    { name: 'npm-packages', needed: true, look: () => judgePackages(projectRoot) },
    { name: 'workspace', needed: true, look: () => judgeWritable(workspace) },
    { name: 'cache', needed: true, look: () => judgeWritable(cacheFolder(env)) },
    {
      name: 'disk-space',
      needed: true,
      look: async () => judgeSpace(await freeBytes(workspace), resolve(workspace)),
    },
    tool(
      'python3',
      ['python3'],
      ['--version'],
      /Python (\S+)/,
      'install Python 3; it unpacks the TensorFlow library once',
    ),
    tool(
      'pip',
      ['python3'],
      ['-m', 'pip', '--version'],
      /pip (\S+)/,
      'install pip (Debian: apt install python3-pip); it downloads the TensorFlow library once',
    ),
    tool(
      'c++-compiler',
      [...(env.CXX ? [env.CXX] : []), 'g++', 'clang++', 'c++'],
      ['--version'],
      /(\d+\.\d+\.\d+)/,
      'install g++ or clang++; it builds the TensorFlow addon once',
    ),
    tool(
      'go',
      ['go'],
      ['version'],
      /go(\d\S*)/,
      'install Go 1.26; it builds the Temporal server where no download can be had',
    ),
  ];
}
