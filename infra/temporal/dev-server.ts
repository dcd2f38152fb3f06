/** Starting the development server as a process of its own and waiting until it serves. */
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../../lib/alive.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { cancelled } from '../shared/command.ts';
import { probeServer } from './connect.ts';
import { SEARCH_ATTRIBUTES } from './search-attributes.ts';

export interface DevServerOptions {
  binary: string;
  databaseFile: string;
  logFile: string;
  namespace: string;
  port: number;
  uiPort: number;
}

const LOG_LIMIT_BYTES = 5_000_000;
const POLL_MS = 100;
const PROBE_MS = 5_000;

/**
 * Starts the server in a process group of its own (Ctrl-C in the terminal does not reach it: it has
 * to outlive the worker) with its output in the log file. Returns the process id.
 */
export async function spawnDevServer(options: DevServerOptions): Promise<number> {
  await mkdir(dirname(options.databaseFile), { recursive: true });
  await mkdir(dirname(options.logFile), { recursive: true });
  const old = await statIfThere(options.logFile);
  if (old && old.size > LOG_LIMIT_BYTES) await rename(options.logFile, `${options.logFile}.1`);
  const log = await open(options.logFile, 'a');
  try {
    const child = spawn(
      options.binary,
      [
        ...['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn'],
        ...['--port', String(options.port), '--ui-port', String(options.uiPort)],
        ...['--db-filename', options.databaseFile, '--namespace', options.namespace],
        ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
      ],
      { detached: true, stdio: ['ignore', log.fd, log.fd] },
    );
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return child.pid!;
  } finally {
    await log.close();
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const done = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', done(true));
    socket.once('error', done(false));
    socket.setTimeout(1_000, done(false));
  });
}

async function logTail(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-5).join('\n');
}

async function startFailure(logFile: string, what: string): Promise<EdgeloomError> {
  const tail = await logTail(logFile);
  const busy = /database is locked|SQLITE_BUSY/i.test(tail);
  const taken = /address already in use/i.test(tail);
  return new EdgeloomError({
    code: taken ? 'temporal-port-taken' : busy ? 'temporal-database-busy' : 'temporal-start-failed',
    what: `${what}${tail ? `:\n${tail}` : ''}`,
    where: logFile,
    fix: busy
      ? 'another Temporal server has the database file open: stop it, or use another workspace'
      : 'read the log; edgeloom doctor checks the program',
  });
}

export interface WaitOptions extends RunOptions {
  pid: number;
  address: string;
  namespace: string;
  logFile: string;
  /** @default 60000 */
  limitMs?: number;
}

/**
 * Waits until the server answers, has its namespace and the search attributes. Rejects with
 * `temporal-start-failed`, `temporal-port-taken` or `temporal-database-busy` when its process ends
 * or the time is over; the message holds the end of the log.
 *
 * @returns the server's version
 */
export async function waitUntilServing(options: WaitOptions): Promise<string> {
  const [host, port] = options.address.split(':') as [string, string];
  const deadline = Date.now() + (options.limitMs ?? 60_000);
  let last: unknown;
  while (Date.now() < deadline) {
    if (options.signal?.aborted) throw cancelled('starting Temporal');
    if (!isAlive(options.pid)) {
      throw await startFailure(options.logFile, 'The Temporal server ended while starting');
    }
    if (await accepts(host, Number(port))) {
      try {
        return await probeServer(options.address, options.namespace, PROBE_MS);
      } catch (error) {
        if (error instanceof EdgeloomError) throw error;
        // It listens before all its parts are up: ask again.
        last = error;
      }
    }
    await delay(POLL_MS);
  }
  const reason = last instanceof Error ? ` (${last.message})` : '';
  throw await startFailure(options.logFile, `The Temporal server did not become ready${reason}`);
}
