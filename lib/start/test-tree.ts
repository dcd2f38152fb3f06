/** A little tree of sources with entries of its own, a copy of `lib/start`, and a cache beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, '..', '..', 'node_modules');

export interface Outcome {
  code: number | null;
  stdout: string;
  /** Without the line that tells where it started from. */
  stderr: string;
  /** Folder of the bundle, undefined when the sources were run. */
  bundle: string | undefined;
  /** Why the sources were run. */
  reason: string | undefined;
}

export class Tree {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'edgeloom-tree-')));
  readonly cache = join(this.root, 'cache');

  /** @param packages npm packages that are installed */
  constructor(packages: string[]) {
    cpSync(here, join(this.root, 'lib', 'start'), { recursive: true });
    this.write('package.json', '{ "type": "module" }');
    for (const name of packages) {
      const link = join(this.root, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(modules, name), link);
    }
    this.write(
      'app/entry.mjs',
      `import { load } from '../lib/start/load.mjs';
       const { main } = await load(import.meta.url, './main.ts');
       await main?.();`,
    );
  }

  path(file: string): string {
    return join(this.root, file);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  /** Starts `app/entry.mjs`. */
  start(env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<Outcome> } {
    const child = spawn(process.execPath, [this.path('app/entry.mjs')], {
      env: { ...process.env, EDGELOOM_CACHE: this.cache, EDGELOOM_BUNDLE: 'tell', ...env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    const ended = new Promise<Outcome>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        const told = /^.* starts from (?:the bundle (.*)|sources: (.*))\n/m.exec(stderr);
        const [line = '', bundle, reason] = told ?? [];
        resolve({ code, stdout, stderr: stderr.replace(line, ''), bundle, reason });
      });
    });
    return { child, ended };
  }

  /** Runs `app/entry.mjs` to its end. */
  run(env?: Record<string, string>): Promise<Outcome> {
    return this.start(env).ended;
  }

  /** Folders of bundles in the cache. */
  bundles(): string[] {
    const slots = join(this.cache, 'bundles');
    if (!existsSync(slots)) return [];
    return readdirSync(slots).flatMap((slot) =>
      readdirSync(join(slots, slot))
        .filter((name) => !name.startsWith('state.json'))
        .map((name) => join(slots, slot, name)),
    );
  }

  /** The modules of a bundle, without their maps. */
  files(bundle: string): string[] {
    return readdirSync(bundle)
      .filter((name) => name.endsWith('.mjs'))
      .map((name) => join(bundle, name));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
