/** Everything a run needs around the workflow: native parts, server, worker; stopped in order. */
import { Client, Connection } from '@temporalio/client';
import { findOrStartTemporal, type TemporalServer } from '../infra/temporal/index.ts';
import {
  prepareTensorflowOrFallback,
  TENSORFLOW_VERSION,
  tensorflowEnvironment,
} from '../infra/tensorflow/index.ts';
import type { EdgeloomError } from '../lib/errors.ts';
import { type BackendKind, nativeBackend } from '../models/engine/backend-name.ts';
import { startWorker, type WorkerHandle } from './worker-process.ts';

export interface Session {
  client: Client;
  server: TemporalServer;
  worker: WorkerHandle;
  backend: BackendKind;
  stop(): Promise<void>;
}

export interface SessionOptions {
  workspace: string;
  /** A line of what is being done. */
  say: (line: string) => void;
  onWorkerFailure?: (error: EdgeloomError) => void;
  signal?: AbortSignal;
}

export interface Backend {
  /** With all that results depend on: part of content keys. */
  kind: BackendKind;
  /** Variables that a process which computes needs at its start. */
  environment: Record<string, string>;
}

/** TensorFlow when the native library works here, else `cpu` after a loud warning. */
export async function chooseBackend(say: (line: string) => void): Promise<Backend> {
  const tensorflow = await prepareTensorflowOrFallback({
    onProgress: ({ message }) => say(`TensorFlow: ${message}`),
  });
  if (tensorflow.backend === 'tensorflow') {
    const { libraryVersion, environment } = tensorflow;
    return { kind: nativeBackend(libraryVersion), environment };
  }
  process.stderr.write(`${tensorflow.warning}\n`);
  return { kind: 'cpu', environment: {} };
}

/** A backend as a person names it: `cpu`, `tensorflow` (what is here, set up or not), or one in full. */
export async function namedBackend(
  name: string | undefined,
  say: (line: string) => void,
): Promise<Backend> {
  if (name === undefined) return chooseBackend(say);
  const kind = name === 'tensorflow' ? nativeBackend(TENSORFLOW_VERSION) : (name as BackendKind);
  return { kind, environment: kind === 'cpu' ? {} : tensorflowEnvironment() };
}

export async function openSession(options: SessionOptions): Promise<Session> {
  const { workspace, say } = options;
  const { kind: backend, environment } = await chooseBackend(say);
  const server = await findOrStartTemporal({
    workspace,
    onProgress: ({ message }) => say(`Temporal: ${message}`),
    signal: options.signal,
  });
  say(`Temporal ${server.version} at ${server.address} (${server.source})`);
  try {
    const worker = await startWorker({
      address: server.address,
      namespace: server.namespace,
      workspace,
      environment,
      onRestart: (reason) => say(`the worker died ${reason}; a new one takes over`),
      ...(options.onWorkerFailure ? { onFailure: options.onWorkerFailure } : {}),
    });
    const connection = await Connection.connect({ address: server.address });
    const client = new Client({ connection, namespace: server.namespace });
    return {
      client,
      server,
      worker,
      backend,
      async stop() {
        await connection.close();
        await worker.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Address of a run's page in the Web UI. */
export const runUrl = (server: TemporalServer, workflowId: string, runId: string): string =>
  `${server.uiUrl}/namespaces/${server.namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}/history`;
