/**
 * Runs a stage in a process of its own, so that TensorFlow and DuckDB never block a worker's event
 * loop and a crash costs one attempt. The child is the leader of a process group, which is killed on
 * cancellation; it ends by itself when its parent dies, because the IPC channel closes.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { ChildMessage, FailureReport, StageRequest } from './child-protocol.ts';
import type { StageResult } from './run-stage.ts';

/** How to start the process that runs stages: arguments of Node. */
export interface ChildCommand {
  args: string[];
  env?: Record<string, string>;
}

/** A stage that failed in its process. */
export class StageFailure extends EdgeloomError {
  readonly permanent: boolean;

  constructor(report: FailureReport) {
    const { code, what, where, fix } = report;
    super({ code, what, ...(where ? { where } : {}), ...(fix ? { fix } : {}) });
    this.name = 'StageFailure';
    this.permanent = report.permanent;
    if (report.stack) this.stack = report.stack;
  }
}

const KILL_AFTER_MS = 5_000;

/**
 * glibc gives buffers of megabytes back to the system after each operation and fetches them anew,
 * page by page: up to an eighth of a training step. With these it keeps them (a value above 32 MiB
 * for the first would be refused by glibc before 2.35). Other C libraries do not read them.
 */
const KEEP_MEMORY = {
  MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20),
  MALLOC_TRIM_THRESHOLD_: String(256 * 2 ** 20),
  MALLOC_TOP_PAD_: String(16 * 2 ** 20),
};

/**
 * V8's settings for a stage. Stages work on large typed arrays, each of which counts towards the next
 * collection of a heap that is small: marking it beside the work took a quarter of ingest's time for
 * nothing, and a young generation of 1 MB was collected at every turn.
 */
export const STAGE_FLAGS: readonly string[] = [
  '--no-concurrent-marking',
  '--min-semi-space-size=16',
];

/**
 * @param logFile where the child's stdout and stderr go
 * @throws StageFailure with `permanent` false when the process died (signal, out of memory)
 */
export async function runStageInChild(
  command: ChildCommand,
  request: StageRequest,
  logFile: string,
  options: RunOptions & { onStart?: (pid: number) => void } = {},
): Promise<StageResult> {
  options.signal?.throwIfAborted();
  await mkdir(dirname(logFile), { recursive: true });
  const log = createWriteStream(logFile, { flags: 'a' });
  const child = spawn(process.execPath, [...STAGE_FLAGS, ...command.args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
    env: { ...KEEP_MEMORY, ...process.env, ...command.env },
  });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  let killTimer: NodeJS.Timeout | undefined;
  const killGroup = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const onAbort = (): void => {
    killGroup('SIGTERM');
    killTimer = setTimeout(() => killGroup('SIGKILL'), KILL_AFTER_MS);
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await new Promise<StageResult>((resolve, reject) => {
      let outcome: StageResult | FailureReport | undefined;
      child.on('error', reject);
      child.on('message', (message: ChildMessage) => {
        if (message.kind === 'ready') {
          if (child.pid !== undefined) options.onStart?.(child.pid);
          child.send(request);
        } else if (message.kind === 'progress') options.onProgress?.(message.progress);
        else if (message.kind === 'result') outcome = message.result;
        else outcome = message.failure;
      });
      child.on('close', (code, signal) => {
        if (options.signal?.aborted) reject(options.signal.reason);
        else if (outcome && 'ref' in outcome) resolve(outcome);
        else if (outcome) reject(new StageFailure(outcome));
        else reject(new StageFailure(died(request, code, signal, logFile)));
      });
    });
  } finally {
    clearTimeout(killTimer);
    options.signal?.removeEventListener('abort', onAbort);
    killGroup('SIGKILL');
    log.end();
  }
}

function died(
  request: StageRequest,
  code: number | null,
  signal: NodeJS.Signals | null,
  logFile: string,
): FailureReport {
  return {
    code: 'stage-process-died',
    what: `The process of stage ${request.stage} ended ${signal ? `on ${signal}` : `with code ${code}`} before it had a result`,
    where: logFile,
    fix: signal === 'SIGKILL' ? 'it may have run out of memory: see the log' : 'see the log',
    permanent: false,
  };
}
