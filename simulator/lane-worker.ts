/** A thread that plays the sessions of one lane, a batch for every message. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SentError, sentError } from '../lib/errors.ts';
import { buffersOf, type LaneInput, type PlayedSession, playLane } from './lane.ts';

/** To the thread: play another batch. With the buffers of one that was read, so that they are used again. */
export type ToLane = ArrayBuffer[] | null;

/** From the thread. `end` comes when all days are played. */
export type FromLane =
  | { kind: 'batch'; batch: PlayedSession[] }
  | { kind: 'end' }
  | { kind: 'error'; error: SentError };

const port = parentPort!;
const spare: ArrayBuffer[][] = [];
const batches = playLane(workerData as LaneInput, undefined, spare);

port.on('message', (read: ToLane) => {
  if (read) spare.push(read);
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
