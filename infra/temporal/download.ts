/** The download that Temporal's SDKs use: a small JSON answer names the archive. */
import { createWriteStream } from 'node:fs';
import { chmod, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from '../shared/cache.ts';
import { cancelled, lastLines, runCommand } from '../shared/command.ts';
import { TEMPORAL_CLI_VERSION } from './version.ts';

const SITE = 'https://temporal.download';
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export interface DownloadOptions extends RunOptions {
  env?: Environment;
  /** Root of the download site. */
  site?: string;
  /** Milliseconds without an answer or without a byte after which the site counts as unreachable. @default 8000 */
  stallMs?: number;
}

const failed = (what: string, where: string, cause?: unknown): EdgeloomError =>
  new EdgeloomError(
    {
      code: 'temporal-download-failed',
      what,
      where,
      fix: 'check the network; the next run tries again',
      exitCode: 3,
    },
    { cause },
  );

/** An abort controller that fires when `keepAlive` is not called for `stallMs`, or with `signal`. */
function stallGuard(stallMs: number, signal: AbortSignal | undefined) {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const keepAlive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => controller.abort(new Error(`no answer for ${stallMs / 1000} s`)),
      stallMs,
    );
  };
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  keepAlive();
  return {
    signal: controller.signal,
    keepAlive,
    end(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

async function fetchArchive(
  url: string,
  path: string,
  guard: ReturnType<typeof stallGuard>,
  onProgress: RunOptions['onProgress'],
): Promise<void> {
  const response = await fetch(url, { signal: guard.signal });
  if (!response.ok || !response.body) throw failed(`HTTP status ${response.status}`, url);
  const total = Number(response.headers.get('content-length') ?? 0);
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      guard.keepAlive();
      bytes += chunk.length;
      const of = total ? ` of ${(total / 1e6).toFixed(0)}` : '';
      onProgress?.({
        message: `downloading Temporal ${TEMPORAL_CLI_VERSION}: ${(bytes / 1e6).toFixed(0)}${of} MB`,
        ...(total ? { fraction: bytes / total } : {}),
      });
      done(null, chunk);
    },
  });
  const cutOff = (cause?: unknown): EdgeloomError =>
    failed(`the archive is cut off after ${bytes} of ${total || 'unknown'} bytes`, url, cause);
  try {
    await pipeline(Readable.fromWeb(response.body), meter, createWriteStream(path));
  } catch (error) {
    // A stall and a cancellation have reasons of their own.
    throw guard.signal.aborted || !bytes ? error : cutOff(error);
  }
  if (total && bytes !== total) throw cutOff();
}

/**
 * Downloads the pinned version and puts the executable at `target`, whole or not at all. An
 * unreachable site is given up after `stallMs`. Rejects with `temporal-download-failed`.
 */
export async function downloadTemporal(
  target: string,
  options: DownloadOptions = {},
): Promise<void> {
  const arch = ARCHITECTURES[process.arch];
  const site = options.site ?? SITE;
  if (!arch || !['linux', 'darwin'].includes(process.platform)) {
    throw failed(`there is no download for ${process.platform}-${process.arch}`, site);
  }
  const query = new URLSearchParams({ arch, platform: process.platform, format: 'tar.gz' });
  const url = `${site}/cli/v${TEMPORAL_CLI_VERSION}?${query}`;
  options.onProgress?.({ message: `asking ${new URL(site).host} for Temporal` });
  const guard = stallGuard(options.stallMs ?? 8_000, options.signal);
  const staging = join(dirname(target), 'download');
  try {
    await rm(staging, { recursive: true, force: true });
    await createFolderAtomic(staging, async (folder) => {
      const answer = await fetch(url, { signal: guard.signal });
      if (!answer.ok) throw failed(`HTTP status ${answer.status}`, url);
      const info = (await answer.json()) as { archiveUrl?: string; fileToExtract?: string };
      const { archiveUrl, fileToExtract } = info;
      if (!archiveUrl || !fileToExtract || !/^[\w.-]+$/.test(fileToExtract)) {
        throw failed('the site gave an answer of another form', url);
      }
      const archive = join(folder, 'archive.tar.gz');
      await fetchArchive(archiveUrl, archive, guard, options.onProgress);
      guard.end();
      const tar = await runCommand('tar', ['-xzf', archive, '-C', folder, fileToExtract], {
        signal: options.signal,
      });
      const program = join(folder, fileToExtract);
      if (tar.code !== 0 || !(await stat(program)).isFile()) {
        throw failed(`the archive is damaged: ${lastLines(tar)}`, archiveUrl);
      }
      await chmod(program, 0o755);
      await rename(program, target);
    });
  } catch (error) {
    if (options.signal?.aborted) throw cancelled('the download');
    if (error instanceof EdgeloomError) throw error;
    throw failed(describe(error), url, error);
  } finally {
    guard.end();
    await rm(staging, { recursive: true, force: true });
  }
}

/** fetch hides the reason ("fetch failed") in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
