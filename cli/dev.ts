/** `edgeloom dev`: server, Web UI and worker until Ctrl-C. */

import { sayOnStderr } from './run.ts';
import { openSession } from './session.ts';

export async function dev(options: { workspace: string }): Promise<void> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const stopped = new Promise<void>((resolve) => {
    abort.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const session = await openSession({ ...options, say: sayOnStderr, signal: abort.signal });
  try {
    sayOnStderr(
      `Web UI   ${session.server.uiUrl}\nWorker   ${session.worker.logFile}\nCtrl-C stops both.`,
    );
    await stopped;
    sayOnStderr('Stopping …');
  } finally {
    await session.stop();
  }
}
