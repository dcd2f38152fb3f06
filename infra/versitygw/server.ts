/** An S3 server on the loopback interface over a folder, with credentials of its own. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../../lib/alive.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { freePort } from '../shared/ports.ts';
import { terminate } from '../shared/processes.ts';

export interface S3Server {
  /** `http://127.0.0.1:<port>` */
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Where buckets are folders and objects files. */
  folder: string;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 20_000;
const ATTEMPTS = 3;

async function answers(endpoint: string): Promise<boolean> {
  try {
    // Without a signature: any answer will do.
    await fetch(endpoint);
    return true;
  } catch {
    return false;
  }
}

/** Starts the program on a free port and waits until it answers; it ends with this process. */
export async function startVersitygw(binary: string, folder: string): Promise<S3Server> {
  const buckets = join(folder, 'buckets');
  const sidecar = join(folder, 'attributes');
  await mkdir(buckets, { recursive: true });
  await mkdir(sidecar, { recursive: true });
  const accessKeyId = randomBytes(10).toString('hex');
  const secretAccessKey = randomBytes(20).toString('hex');
  let said = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = await freePort(undefined);
    const endpoint = `http://127.0.0.1:${port}`;
    // Attributes beside the files: not every disk of a machine takes them in the files.
    const backend = ['posix', '--sidecar', sidecar, buckets];
    const child = spawn(
      binary,
      ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', ...backend],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env.PATH,
          ROOT_ACCESS_KEY: accessKeyId,
          ROOT_SECRET_KEY: secretAccessKey,
        },
      },
    );
    const collect = (text: Buffer): void => {
      said = `${said}${text}`.slice(-2_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const kill = (): void => {
      child.kill('SIGKILL');
    };
    process.once('exit', kill);
    const pid = child.pid ?? 0;
    const stop = async (): Promise<void> => {
      process.off('exit', kill);
      await terminate(pid, { graceMs: 2_000 });
    };
    const deadline = Date.now() + START_LIMIT_MS;
    while (isAlive(pid) && Date.now() < deadline) {
      if (await answers(endpoint)) {
        return { endpoint, accessKeyId, secretAccessKey, folder: buckets, stop };
      }
      await delay(25);
    }
    // Another process may have taken the port meanwhile.
    await stop();
  }
  throw new EdgeloomError({
    code: 'versitygw-start-failed',
    what: `The S3 server did not start:\n${said.trim()}`,
    where: binary,
    fix: 'remove its folder in the cache and run again',
    exitCode: 3,
  });
}
