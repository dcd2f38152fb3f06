/** A thread that reads the files it is sent, one after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SentError, sentError } from '../../lib/errors.ts';
import { Lane, type LaneFile, type LaneInput } from './lane.ts';
import type { FileAccount } from './rows.ts';
import type { StagedFiles } from './staged-rows.ts';

/** To the thread. */
export type ToLane = LaneFile | 'finish';

/** From the thread. */
export type FromLane =
  | { kind: 'read'; bytes: number }
  | { kind: 'account'; account: FileAccount }
  | { kind: 'staged'; staged: StagedFiles }
  | { kind: 'error'; error: SentError };

const port = parentPort!;
const lane = new Lane(workerData as LaneInput);
const send = (message: FromLane): void => port.postMessage(message);

async function work(message: ToLane): Promise<void> {
  try {
    if (message === 'finish') return send({ kind: 'staged', staged: await lane.finish() });
    const account = await lane.read(message, (bytes) => send({ kind: 'read', bytes }));
    send({ kind: 'account', account });
  } catch (error) {
    send({ kind: 'error', error: sentError(error) });
  }
}

// The next file is sent when this one is read.
port.on('message', (message: ToLane) => void work(message));
