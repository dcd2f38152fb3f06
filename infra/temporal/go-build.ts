/** Building the Temporal development server from the pinned module in `server/`. */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from '../shared/cache.ts';
import { findOnPath, lastLines, runCommand } from '../shared/command.ts';
import { TEMPORAL_CLI_VERSION } from './version.ts';

const PACKAGE = 'github.com/temporalio/cli/cmd/temporal';
const MODULE_FOLDER = fileURLToPath(new URL('./server', import.meta.url));
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
  options: RunOptions & { env: Environment },
): Promise<number> {
  let downloads = 0;
  const result = await runCommand(go, ['list', '-mod=readonly', '-deps', PACKAGE], {
    cwd: MODULE_FOLDER,
    env: options.env,
    signal: options.signal,
    onLine: (line) => {
      if (!line.startsWith('go: downloading')) return;
      downloads += 1;
      options.onProgress?.({ message: `downloading Go modules for Temporal: ${downloads}` });
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
 * Compiles the pinned server and puts the executable at `target`, whole or not at all: 7 to 15
 * minutes on two cores the first time. Rejects with `go-missing`, `go-too-old` or
 * `temporal-build-failed`.
 */
export async function buildTemporal(
  target: string,
  options: RunOptions & { env: Environment },
): Promise<void> {
  const go = await requireGo(options.env);
  const total = await countPackages(go, options);
  await removeLeftovers(target);
  const draft = `${target}.building-${randomBytes(4).toString('hex')}`;
  const started = Date.now();
  let compiled = 0;
  const report = (): void => {
    const minutes = ((Date.now() - started) / 60_000).toFixed(1);
    const of = total ? ` of at most ${total}` : '';
    options.onProgress?.({
      message: `building Temporal ${TEMPORAL_CLI_VERSION} with Go, once (7 to 15 minutes): ${compiled}${of} packages, ${minutes} min`,
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
        `-ldflags=-s -w -X github.com/temporalio/cli/internal/temporalcli.Version=${TEMPORAL_CLI_VERSION}`,
        ...['-o', draft, PACKAGE],
      ],
      {
        cwd: MODULE_FOLDER,
        env: { CGO_ENABLED: '0', ...options.env },
        signal: options.signal,
        onLine: (line) => {
          if (!line.startsWith('go: ')) compiled += 1;
        },
      },
    );
    if (result.code !== 0) {
      throw problem(
        'temporal-build-failed',
        `the Go build failed: ${lastLines(result)}`,
        `check the network; go.mod asks for Go 1.26.4, which GOTOOLCHAIN=auto lets an older Go fetch; needs about 4 GB below ${dirname(target)} and in Go's cache`,
        MODULE_FOLDER,
      );
    }
    await rename(draft, target);
  } finally {
    clearInterval(timer);
    await rm(draft, { force: true });
  }
}
