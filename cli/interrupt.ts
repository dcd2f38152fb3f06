/** Ctrl-C, SIGTERM and a closed terminal end a command after it cleaned up. */
import { EdgeloomError } from '../lib/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `work` with a signal that fires when the process is asked to end.
 * @throws EdgeloomError `cancelled` (exit code 130), saying `told`, in place of whatever work throws then
 */
export async function interruptible<T>(
  told: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const cancelled = new EdgeloomError({ code: 'cancelled', what: told, exitCode: 130 });
  const onSignal = (): void => stop.abort(cancelled);
  for (const name of SIGNALS) process.once(name, onSignal);
  try {
    return await work(stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? cancelled : error;
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}
