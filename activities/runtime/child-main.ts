/** The body of the process that runs one stage: waits for its request, works, reports, ends. */
import type { Store } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { Progress } from '../../lib/progress.ts';
import {
  type ChildMessage,
  type FailureReport,
  isPermanent,
  type StageRequest,
} from './child-protocol.ts';
import { runStage } from './run-stage.ts';
import type { Machine, Stage } from './stage.ts';

export interface ChildDependencies {
  loadStage(name: string): Promise<Stage>;
  open(workspace: string): Promise<{ store: Store; machine: Machine }>;
}

function report(error: unknown): FailureReport {
  if (error instanceof EdgeloomError) {
    const { code, message: what, where, fix, stack } = error;
    return { code, what, where, fix, stack, permanent: isPermanent(code) };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { code: 'unexpected', what: message, stack, permanent: false };
}

/** Sends and waits until the channel took the message, so that `exit` cannot overtake it. */
function send(message: ChildMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, {}, (error) => (error ? reject(error) : resolve()));
  });
}

/** What the process used, for the stage's log. */
function costs(stage: string): string {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const seconds = process.uptime().toFixed(1);
  const cpu = ((userCPUTime + systemCPUTime) / 1e6).toFixed(1);
  return `${stage}: ${seconds} s, ${cpu} s of CPU, ${Math.round(maxRSS / 1024)} MiB at most`;
}

const MIN_PROGRESS_INTERVAL_MS = 200;

/** Runs in the child; never returns. */
export async function serveOneStage(dependencies: ChildDependencies): Promise<never> {
  const abort = new AbortController();
  process.on('SIGTERM', () => abort.abort(new Error('cancelled')));
  // The parent is gone: nobody will take the result, and its successor starts a child of its own.
  process.on('disconnect', () => process.exit(1));
  const request = await new Promise<StageRequest>((resolve) => {
    process.once('message', resolve);
    void send({ kind: 'ready' });
  });
  let lastSent = 0;
  const onProgress = (progress: Progress): void => {
    const now = Date.now();
    if (now - lastSent < MIN_PROGRESS_INTERVAL_MS || !process.connected) return;
    lastSent = now;
    process.send?.({ kind: 'progress', progress } satisfies ChildMessage);
  };
  try {
    const stage = await dependencies.loadStage(request.stage);
    if (!stage)
      throw new EdgeloomError({
        code: 'no-such-stage',
        what: `There is no stage ${request.stage}`,
      });
    const { store, machine } = await dependencies.open(request.workspace);
    const options = { signal: abort.signal, onProgress, force: request.force ?? false };
    const result = await runStage(store, machine, stage, request.input, options);
    console.log(costs(request.stage));
    await send({ kind: 'result', result });
    process.exit(0);
  } catch (error) {
    await send({ kind: 'failure', failure: report(error) });
    process.exit(1);
  }
}
