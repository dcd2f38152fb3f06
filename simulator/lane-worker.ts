/** A thread that plays the sessions of one lane, a batch for every `more`. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SentError, sentError } from '../lib/errors.ts';
import { buffersOf, type LaneInput, type PlayedSession, playLane } from './lane.ts';

/** From the thread. `end` comes when all days are played. */
export type FromLane =
  | { kind: 'batch'; batch: PlayedSession[] }
  | { kind: 'end' }
  | { kind: 'error'; error: SentError };

const port = parentPort!;
const batches = playLane(workerData as LaneInput);

port.on('message', () => {
  const message = next();
  port.postMessage(message, message.kind === 'batch' ? buffersOf(message.batch) : []);
});

function next(): FromLane {
  try {
    const { value, done } = batches.next();
    return done ? { kind: 'end' } : { kind: 'batch', batch: value };
  } catch (error) {
    return { kind: 'error', error: sentError(error) };
  }
}
