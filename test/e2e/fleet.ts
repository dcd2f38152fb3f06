/** Helpers of the fan-out test: worker processes, each as on a machine of its own, over one store. */
import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { projectRoot } from '../../cli/workspace.ts';
import type { TemporalServer } from '../../infra/temporal/index.ts';
import type { NodeStatus } from '../../workflows/types.ts';

export interface FleetWorker {
  pid: number;
  /** As it stands in Temporal's history. */
  identity: string;
  /** SIGKILL to the worker, and to nothing that it started. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** Resolves when the worker polls; it runs one activity of each queue at a time. */
export async function startFleetWorker(
  server: TemporalServer,
  { workspace, store }: { workspace: string; store: string },
): Promise<FleetWorker> {
  await mkdir(workspace, { recursive: true });
  const { address, namespace } = server;
  const settings = { address, namespace, workspace, cpuSlots: 1, ioSlots: 1 };
  const log = createWriteStream(join(workspace, 'worker.log'));
  const child = fork(join(projectRoot, 'cli', 'worker.mjs'), [], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      EDGELOOM_WORKER: JSON.stringify(settings),
      EDGELOOM_STORE: store,
      EDGELOOM_MEMORY_MB: '400',
    },
  });
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}: ${log.path}`)));
  });
  const pid = child.pid!;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended(child);
  };
  return {
    pid,
    identity: `${pid}@${hostname()}`,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

/** Polls until there is an answer. @throws what `explain` says when the time is over */
export async function until<T>(
  look: () => Promise<T | undefined>,
  what: string,
  { everyMs, forMs }: { everyMs: number; forMs: number },
): Promise<T> {
  const deadline = Date.now() + forMs;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(everyMs);
  }
  throw new Error(`not seen in ${forMs / 1000} s: ${what}`);
}

export interface HalfBucket {
  /** The stage's process, which is stopped (SIGSTOP) now. */
  pid: number;
  /** What it has written so far. */
  folder: string;
}

const samplesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true }).catch(() => [] as string[])).filter(
    (path) => path.startsWith('rerank/') && path.endsWith('.parquet'),
  );

/** Stops the first process that has written some samples of a bucket and not yet all. */
export async function stopInBucket(store: string): Promise<HalfBucket> {
  const staging = join(store, 'staging');
  return until(
    async () => {
      for (const name of await readdir(staging).catch(() => [] as string[])) {
        const pid = Number(/^(\d+)-.*\.partial-/.exec(name)?.[1] ?? 0);
        const folder = join(staging, name);
        if (pid === 0 || !existsSync(join(folder, '.work'))) continue;
        if ((await samplesIn(folder)).length === 0) continue;
        process.kill(pid, 'SIGSTOP');
        // The whole group is described last.
        if (existsSync(folder) && !existsSync(join(folder, 'group.json'))) return { pid, folder };
        process.kill(pid, 'SIGCONT');
      }
      return undefined;
    },
    'a bucket that is half stitched',
    { everyMs: 2, forMs: 240_000 },
  );
}

export interface Beat {
  node: string;
  message: string;
  identity: string;
  attempt: number;
}

/** The last heartbeats that the server has, of activities under way. */
export async function heartbeats(handle: WorkflowHandle): Promise<Beat[]> {
  const { raw } = await handle.describe();
  return (raw.pendingActivities ?? []).flatMap(
    ({ heartbeatDetails, lastWorkerIdentity, attempt }) => {
      const payload = heartbeatDetails?.payloads?.[0];
      if (!payload) return [];
      const { node, message } = defaultPayloadConverter.fromPayload<Beat>(payload);
      return [{ node, message, identity: lastWorkerIdentity ?? '', attempt: attempt ?? 0 }];
    },
  );
}

/** Waits for a node of the DAG. @throws when a node failed */
export async function nodeDone(handle: WorkflowHandle, node: string): Promise<NodeStatus> {
  return until(
    async () => {
      // While a worker is being replaced nobody answers.
      const nodes = await handle.query<NodeStatus[]>('progress').catch(() => []);
      const failed = nodes.find(({ state }) => state === 'failed');
      if (failed) throw new Error(`${failed.node} failed: ${failed.reason}`);
      return nodes.find(
        (one) => one.node === node && (one.state === 'done' || one.state === 'reused'),
      );
    },
    `the end of ${node}`,
    { everyMs: 200, forMs: 300_000 },
  );
}
