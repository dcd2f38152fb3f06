/** Building a Go program from a pinned module, once per user. */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from './cache.ts';
import { findOnPath, lastLines, runCommand } from './command.ts';

export interface GoProgram {
  /** For people: `Temporal 1.8.2`. */
  title: string;
  /** How long the first build takes, for people: `7 to 15 minutes`. */
  takes: string;
  /** Import path of the command. */
  package: string;
  /** Folder of the go.mod and go.sum that pin it. */
  moduleFolder: string;
  /** Settings of string variables at link time: `path.Name=value`. */
  variables: readonly string[];
  /** Code of the error of a build that fails. */
  failureCode: string;
}

/** From this Go on, a missing newer toolchain is fetched by Go itself. */
const FIRST_WITH_TOOLCHAINS = [1, 21] as const;
const PROGRESS_MS = 1_000;

const problem = (code: string, what: string, fix: string, where?: string): EdgeloomError =>
  new EdgeloomError({ code, what, fix, exitCode: 3, ...(where ? { where } : {}) });

/** Path of a usable go command. Throws `go-missing` or `go-too-old`. */
async function requireGo(env: Environment): Promise<string> {
  const go = findOnPath('go', env);
  const advice = 'install Go 1.26 or newer from https://go.dev/dl';
  if (!go) throw problem('go-missing', 'there is no go command on the PATH', advice);
  const { stdout } = await runCommand(go, ['env', 'GOVERSION'], { env });
  const match = /go(\d+)\.(\d+)/.exec(stdout);
  const old =
    match !== null &&
    (Number(match[1]) < FIRST_WITH_TOOLCHAINS[0] || Number(match[2]) < FIRST_WITH_TOOLCHAINS[1]);
  if (old) throw problem('go-too-old', `${stdout.trim()} is too old`, advice, go);
  return go;
}

/** Number of packages of the program, so that progress has an end; 0 when Go does not say. */
async function countPackages(
  go: string,
  program: GoProgram,
  options: RunOptions & { env: Environment },
): Promise<number> {
  let downloads = 0;
  const result = await runCommand(go, ['list', '-mod=readonly', '-deps', program.package], {
    cwd: program.moduleFolder,
    env: options.env,
    signal: options.signal,
    onLine: (line) => {
      if (!line.startsWith('go: downloading')) return;
      downloads += 1;
      options.onProgress?.({
        message: `downloading Go modules for ${program.title}: ${downloads}`,
      });
    },
  });
  return result.code === 0 ? result.stdout.trim().split('\n').length : 0;
}

/** What builds that were killed left behind; the caller's lock keeps others from building. */
async function removeLeftovers(target: string): Promise<void> {
  const folder = dirname(target);
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${basename(target)}.building-`)) await rm(join(folder, name));
  }
}

/**
 * Compiles the program and puts the executable at `target`, whole or not at all. Rejects with
 * `go-missing`, `go-too-old` or the program's `failureCode`, all with exit code 3.
 */
export async function buildGoProgram(
  program: GoProgram,
  target: string,
  options: RunOptions & { env: Environment },
): Promise<void> {
  const go = await requireGo(options.env);
  const total = await countPackages(go, program, options);
  await removeLeftovers(target);
  const draft = `${target}.building-${randomBytes(4).toString('hex')}`;
  const started = Date.now();
  let compiled = 0;
  const report = (): void => {
    const minutes = ((Date.now() - started) / 60_000).toFixed(1);
    const of = total ? ` of at most ${total}` : '';
    options.onProgress?.({
      message: `building ${program.title} with Go, once (${program.takes}): ${compiled}${of} packages, ${minutes} min`,
      ...(total ? { fraction: Math.min(compiled / total, 1) } : {}),
    });
  };
  report();
  const timer = setInterval(report, PROGRESS_MS);
  try {
    const result = await runCommand(
      go,
      [
        ...['build', '-v', '-trimpath', '-mod=readonly'],
        `-ldflags=${['-s -w', ...program.variables.map((set) => `-X ${set}`)].join(' ')}`,
        ...['-o', draft, program.package],
      ],
      {
        cwd: program.moduleFolder,
        env: { CGO_ENABLED: '0', ...options.env },
        signal: options.signal,
        onLine: (line) => {
          if (!line.startsWith('go: ')) compiled += 1;
        },
      },
    );
    if (result.code !== 0) {
      throw problem(
        program.failureCode,
        `the Go build failed: ${lastLines(result)}`,
        `check the network; go.mod asks for Go 1.26, which GOTOOLCHAIN=auto lets an older Go fetch; needs about 4 GB below ${dirname(target)} and in Go's cache`,
        program.moduleFolder,
      );
    }
    await rename(draft, target);
  } finally {
    clearInterval(timer);
    await rm(draft, { force: true });
  }
}
