/** `edgeloom pull`: a verified bundle for an app build. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { GoldenResult } from '../export/bundle/golden.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { workspacePath } from './workspace.ts';

interface Flags {
  channel: string;
  out?: string;
  from?: string;
  verify?: string;
  golden?: boolean;
  json?: boolean;
}

const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1024)} KiB`;

async function runPull(flags: Flags): Promise<void> {
  const { pull } = await import('../export/release/pull.ts');
  const out = requireOut(flags.out);
  const stop = new AbortController();
  const cancel = (): void => stop.abort();
  process.once('SIGINT', cancel);
  process.once('SIGTERM', cancel);
  const live = process.stderr.isTTY && !flags.json;
  try {
    const result = await pull({
      source: resolve(flags.from ?? join(workspacePath(), 'releases')),
      channel: flags.channel,
      outDir: out,
      signal: stop.signal,
      onProgress: ({ message, fraction = 0 }) => {
        if (live) process.stderr.write(`\r\u001b[K${Math.round(100 * fraction)} %  ${message}`);
      },
    });
    if (live) process.stderr.write('\r\u001b[K');
    if (flags.json) {
      process.stdout.write(`${JSON.stringify({ channel: flags.channel, out, ...result })}\n`);
      return;
    }
    const { releaseId, contentHash, path, previous, upToDate, fetchedBytes, reusedBytes } = result;
    const news = upToDate
      ? 'up to date, every file checked'
      : `fetched ${kilobytes(fetchedBytes)}, reused ${kilobytes(reusedBytes)}, every file checked`;
    const lines = [
      `${releaseId} of channel ${flags.channel}: ${news}`,
      `content  ${contentHash}`,
      `bundle   ${path}`,
      `in use   ${join(out, 'current')}`,
      ...(previous ? [`kept     ${previous}`] : []),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  } catch (error) {
    if (stop.signal.aborted) {
      throw new EdgeloomError({
        code: 'cancelled',
        what: 'The pull was cancelled; the release that was there stays in use',
        fix: 'pull again: it goes on where it stopped',
        exitCode: 130,
      });
    }
    throw error;
  } finally {
    process.off('SIGINT', cancel);
    process.off('SIGTERM', cancel);
  }
}

function requireOut(out: string | undefined): string {
  if (out) return resolve(out);
  throw new EdgeloomError({
    code: 'usage',
    what: 'There is no folder to pull into',
    fix: 'add --out DIR, or --verify DIR to check a bundle that is here',
    exitCode: 2,
  });
}

async function verify(flags: Flags, folder: string): Promise<void> {
  const { verifyBundle } = await import('../export/bundle/verify.ts');
  const { releaseId, contentHash, files } = await verifyBundle(resolve(folder));
  const golden = flags.golden ? await runGolden(resolve(folder)) : null;
  if (flags.json) {
    const result = { verified: true, releaseId, contentHash, files: files.length, golden };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    const lines = [
      `${releaseId}: ${files.length} files match the manifest`,
      `content  ${contentHash}`,
      ...(golden ?? []).map(
        ({ path, passed, maxAbs, relativeRms }) =>
          `golden   ${passed ? 'holds' : 'BROKEN'}  ${path}  largest difference ${maxAbs.toExponential(1)}, relative RMS ${relativeRms.toExponential(1)}`,
      ),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  const broken = (golden ?? []).filter(({ passed }) => !passed);
  if (broken.length === 0) return;
  throw new EdgeloomError({
    code: 'golden-broken',
    what: 'A model file does not compute its golden vectors',
    where: broken.map(({ path }) => path).join(', '),
    fix: 'export the model again',
  });
}

async function runGolden(folder: string): Promise<GoldenResult[]> {
  const { checkGolden } = await import('../export/bundle/golden.ts');
  return await checkGolden(folder);
}

export function registerPull(program: Command): void {
  program
    .command('pull')
    .description('fetch the release of a channel, verify it and put it in use')
    .option('--channel <name>', 'channel to follow', 'stable')
    .option('--out <dir>', 'folder for releases; `current` in it is the bundle in use')
    .option('--from <dir>', 'release repository (default: releases/ of the workspace)')
    .option('--verify <dir>', 'only check a bundle that is on this machine')
    .option('--golden', 'with --verify: also run the golden vectors in LiteRT and ONNX Runtime')
    .option('--json', 'print the result as JSON')
    .action(async (flags: Flags) => {
      await (flags.verify ? verify(flags, flags.verify) : runPull(flags));
    });
}
