/** A Temporal server to work with: the one named by TEMPORAL_ADDRESS, a running one, or a new one. */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { isAlive } from '../../lib/alive.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from '../shared/cache.ts';
import { freePort } from '../shared/ports.ts';
import { terminate } from '../shared/processes.ts';
import { type BinaryOptions, type BinarySource, findTemporalBinary } from './binary.ts';
import { probeServer } from './connect.ts';
import { spawnDevServer, waitUntilServing } from './dev-server.ts';
import {
  isRunning,
  otherUsers,
  readState,
  readStateSync,
  removeState,
  type ServerState,
  writeState,
  writeStateSync,
} from './server-state.ts';

export interface TemporalOptions extends RunOptions {
  /** Its `temporal/` holds database, log and state of a server that we start. */
  workspace: string;
  /** @default process.env */
  env?: Environment;
  /** gRPC port. @default 7233 when free, else any */
  port?: number;
  /** Web UI port. @default 8233 when free, else any */
  uiPort?: number;
  /** Milliseconds that a server from TEMPORAL_ADDRESS has to answer. @default 10000 */
  connectTimeoutMs?: number;
  /** Milliseconds between SIGTERM and SIGKILL when stopping. @default 15000 */
  stopGraceMs?: number;
  /** How a program is got when there is none. */
  ways?: BinaryOptions['ways'];
}

export interface TemporalServer {
  /** `host:port` */
  address: string;
  uiUrl: string;
  namespace: string;
  /** Where the server is from; for one that runs already, how it was found when it started. */
  source: 'env' | BinarySource;
  /** Of the server: `1.31.2`. */
  version: string;
  /** True when this call started it. */
  startedByUs: boolean;
  pid?: number;
  /**
   * Leaves the server. One that edgeloom started is stopped, and waited for, when no other edgeloom
   * process uses it; one from TEMPORAL_ADDRESS is left alone. May be called again.
   */
  stop(): Promise<void>;
}

const DEFAULT_PORT = 7233;
const DEFAULT_UI_PORT = 8233;
const START_ATTEMPTS = 3;

interface Place {
  databaseFile: string;
  logFile: string;
  stateFile: string;
  lockFile: string;
  namespace: string;
}

function placeOf(options: TemporalOptions, env: Environment): Place {
  const folder = join(resolve(options.workspace), 'temporal');
  return {
    databaseFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'server.log'),
    stateFile: join(folder, 'server.json'),
    lockFile: join(folder, 'server.lock'),
    namespace: env.TEMPORAL_NAMESPACE ?? 'default',
  };
}

/** The server that the environment names. Rejects with `temporal-unreachable`. */
async function connectToNamed(
  address: string,
  env: Environment,
  timeoutMs: number,
): Promise<TemporalServer> {
  const namespace = env.TEMPORAL_NAMESPACE ?? 'default';
  try {
    const version = await probeServer(address, namespace, timeoutMs);
    return {
      address,
      uiUrl: env.TEMPORAL_UI_URL ?? `http://${address.replace(/:\d+$/, '')}:${DEFAULT_UI_PORT}`,
      namespace,
      source: 'env',
      version,
      startedByUs: false,
      stop: async () => undefined,
    };
  } catch (error) {
    if (error instanceof EdgeloomError) throw error;
    throw new EdgeloomError(
      {
        code: 'temporal-unreachable',
        what: `The Temporal server of TEMPORAL_ADDRESS cannot be used: ${(error as Error).message}`,
        where: `${address}, namespace ${namespace}`,
        fix: 'start that server, correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or unset them to let edgeloom start its own',
        exitCode: 3,
      },
      { cause: error },
    );
  }
}

/** Takes part in a server that runs; undefined when there is none. The lock is held. */
async function joinRunning(
  place: Place,
  token: string,
  options: TemporalOptions,
): Promise<ServerState | undefined> {
  const state = await readState(place.stateFile);
  if (!state) return undefined;
  if (!(await isRunning(state, place.databaseFile))) {
    await removeState(place.stateFile);
    return undefined;
  }
  if (state.stopping) {
    options.onProgress?.({ message: 'waiting for the end of the server before' });
    await terminate(state.pid);
    await removeState(place.stateFile);
    return undefined;
  }
  options.onProgress?.({ message: `using the server that runs at ${state.address}` });
  try {
    const version = await waitUntilServing({
      pid: state.pid,
      address: state.address,
      namespace: place.namespace,
      logFile: place.logFile,
      signal: options.signal,
    });
    const users = [...otherUsers(state, token), { pid: process.pid, token }];
    const joined = { ...state, version, namespace: place.namespace, users };
    await writeState(place.stateFile, joined);
    return joined;
  } catch (error) {
    // It was on its way out: a new one takes its place.
    if (isAlive(state.pid)) throw error;
    await removeState(place.stateFile);
    return undefined;
  }
}

/** Starts a new server; on another program's taking of the port, once more with other ports. */
async function start(
  place: Place,
  token: string,
  binary: { path: string; source: BinarySource },
  options: TemporalOptions,
): Promise<ServerState> {
  for (let attempt = 1; ; attempt += 1) {
    const wanted = attempt === 1 ? DEFAULT_PORT : undefined;
    const wantedUi = attempt === 1 ? DEFAULT_UI_PORT : undefined;
    const port = options.port ?? (await freePort(wanted));
    const uiPort = options.uiPort ?? (await freePort(wantedUi, [port]));
    const address = `127.0.0.1:${port}`;
    options.onProgress?.({ message: `starting ${binary.path} at ${address}` });
    const pid = await spawnDevServer({ ...place, binary: binary.path, port, uiPort });
    const state: ServerState = {
      pid,
      address,
      uiUrl: `http://127.0.0.1:${uiPort}`,
      namespace: place.namespace,
      source: binary.source,
      version: '',
      users: [{ pid: process.pid, token }],
    };
    try {
      // Noted before it serves: should we be killed now, the next process still finds it.
      await writeState(place.stateFile, state);
      const { namespace, logFile } = place;
      const { signal } = options;
      const version = await waitUntilServing({ pid, address, namespace, logFile, signal });
      const serving = { ...state, version };
      await writeState(place.stateFile, serving);
      return serving;
    } catch (error) {
      await terminate(pid);
      await removeState(place.stateFile);
      const again = error instanceof EdgeloomError && error.code === 'temporal-port-taken';
      if (!again || attempt === START_ATTEMPTS) throw error;
    }
  }
}

/** Takes our name off the server and stops it when nobody else is on it. */
async function leave(place: Place, token: string, graceMs: number | undefined): Promise<void> {
  await withLock(place.lockFile, async () => {
    const state = await readState(place.stateFile);
    if (!state?.users.some((user) => user.token === token)) return;
    const others = otherUsers(state, token);
    if (others.length > 0) {
      await writeState(place.stateFile, { ...state, users: others });
      return;
    }
    // SQLite keeps the file locked until the process is gone, so the wait is part of stopping.
    if (await isRunning(state, place.databaseFile)) {
      await terminate(state.pid, graceMs === undefined ? {} : { graceMs });
    }
    await removeState(place.stateFile);
  });
}

/** At the end of a process that did not call `stop`: a signal is all that can be sent by then. */
function leaveAtExit(place: Place, token: string): () => void {
  const atExit = (): void => {
    const state = readStateSync(place.stateFile);
    if (!state?.users.some((user) => user.token === token)) return;
    if (otherUsers(state, token).length > 0 || !isAlive(state.pid)) return;
    process.kill(state.pid, 'SIGTERM');
    writeStateSync(place.stateFile, { ...state, stopping: true });
  };
  process.once('exit', atExit);
  return () => process.off('exit', atExit);
}

/**
 * Finds or starts a Temporal server that has the project's search attributes. The order:
 * TEMPORAL_ADDRESS, the server that already runs on the workspace's database file, a new one from
 * `temporal` on the PATH, from the cache, from a download, from a Go build.
 *
 * Rejects with an `EdgeloomError`: `temporal-unreachable`, `temporal-missing`, `temporal-too-old`
 * (exit code 3), `temporal-start-failed`, `temporal-database-busy`, `search-attribute-type`.
 */
export async function findOrStartTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const env = options.env ?? process.env;
  if (env.TEMPORAL_ADDRESS) {
    return connectToNamed(env.TEMPORAL_ADDRESS, env, options.connectTimeoutMs ?? 10_000);
  }
  const place = placeOf(options, env);
  const token = randomBytes(8).toString('hex');
  const locked = <T>(work: () => Promise<T>): Promise<T> =>
    withLock(place.lockFile, work, {
      signal: options.signal,
      onWait: (pid) => options.onProgress?.({ message: `waiting for process ${pid}` }),
    });
  let startedByUs = false;
  let state = await locked(() => joinRunning(place, token, options));
  if (!state) {
    // Outside the lock: getting the program may take minutes, and has a lock of its own.
    const { signal, onProgress, ways } = options;
    const binary = await findTemporalBinary({ env, signal, onProgress, ...(ways ? { ways } : {}) });
    state = await locked(async () => {
      const joined = await joinRunning(place, token, options);
      startedByUs = !joined;
      return joined ?? (await start(place, token, binary, options));
    });
  }
  const forget = leaveAtExit(place, token);
  let stopping: Promise<void> | undefined;
  return {
    address: state.address,
    uiUrl: state.uiUrl,
    namespace: state.namespace,
    source: state.source,
    version: state.version,
    startedByUs,
    pid: state.pid,
    stop: () => {
      stopping ??= leave(place, token, options.stopGraceMs).finally(forget);
      return stopping;
    },
  };
}
