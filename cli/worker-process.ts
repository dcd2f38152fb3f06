/** Starts a worker process, restarts it when it dies, stops it. */
import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../lib/errors.ts';
import { projectRoot } from './workspace.ts';

export interface WorkerOptions {
  address: string;
  namespace: string;
  workspace: string;
  /** Variables besides this process's own; stage processes inherit them. */
  environment?: Record<string, string>;
  /** Stages with heavy computation at once; the number of cores, at most 2, unless told. */
  cpuSlots?: number;
  /** Told when a dead worker is replaced. */
  onRestart?: (reason: string) => void;
  /** Told when the worker could not be kept alive. */
  onFailure?: (error: EdgeloomError) => void;
}

export interface WorkerHandle {
  pid(): number | undefined;
  logFile: string;
  stop(): Promise<void>;
}

const MAX_RESTARTS = 5;
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;

/** Resolves when the worker polls its queues. */
export async function startWorker(options: WorkerOptions): Promise<WorkerHandle> {
  const logFile = join(options.workspace, 'stage-logs', 'worker.log');
  await mkdir(dirname(logFile), { recursive: true });
  const log = createWriteStream(logFile, { flags: 'a' });
  const settings = JSON.stringify({
    address: options.address,
    namespace: options.namespace,
    workspace: options.workspace,
    cpuSlots: options.cpuSlots ?? Math.min(2, cpus().length),
    ioSlots: 2,
  });
  let stopping = false;
  let restarts = 0;
  let child: ChildProcess;

  const launch = (onReady: () => void, onExit: (reason: string) => void): void => {
    child = fork(join(projectRoot, 'cli', 'worker.mjs'), [], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...options.environment, EDGELOOM_WORKER: settings },
      // Its own group: Ctrl-C reaches us first, and we stop things in order.
      detached: true,
    });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    const slow = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    child.once('message', () => {
      clearTimeout(slow);
      onReady();
    });
    child.once('exit', (code, signal) => {
      clearTimeout(slow);
      if (!stopping) onExit(signal ? `on ${signal}` : `with code ${code}`);
    });
  };
  const replace = (reason: string): void => {
    restarts += 1;
    if (restarts > MAX_RESTARTS) {
      options.onFailure?.(notRunning(logFile, `it died ${restarts} times, at last ${reason}`));
      return;
    }
    options.onRestart?.(reason);
    launch(() => undefined, replace);
  };
  await new Promise<void>((resolve, reject) => {
    let ready = false;
    launch(
      () => {
        ready = true;
        resolve();
      },
      (reason) => {
        if (ready) replace(reason);
        else reject(notRunning(logFile, `it ended ${reason} while starting`));
      },
    );
  });

  return {
    pid: () => child.pid,
    logFile,
    async stop() {
      stopping = true;
      if (child.exitCode === null && child.signalCode === null) {
        const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
        await exited;
        clearTimeout(timer);
      }
      log.end();
    },
  };
}

function notRunning(logFile: string, why: string): EdgeloomError {
  return new EdgeloomError({
    code: 'worker-failed',
    what: `The worker process is not running: ${why}`,
    where: logFile,
    fix: 'read the end of the log; `edgeloom doctor` checks the parts it needs',
  });
}
