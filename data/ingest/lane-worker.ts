/** A thread that reads the files it is sent, one after another, and then writes units of the lake. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SentError, sentError } from '../../lib/errors.ts';
import type { TextHashes } from './held/hash-texts.ts';
import type { Unit } from './lake/write-unit.ts';
import { Lane, type LaneFile, type LaneInput } from './lane.ts';
import type { FileAccount } from './rows.ts';
import type { Staged } from './staged-rows.ts';

/** To the thread. */
export type ToLane =
  | { kind: 'file'; file: LaneFile }
  | { kind: 'finish' }
  | { kind: 'hash'; path: string }
  | { kind: 'unit'; unit: Unit };

/** From the thread. */
export type FromLane =
  | { kind: 'read'; bytes: number }
  | { kind: 'account'; account: FileAccount }
  | { kind: 'staged'; staged: Staged }
  | { kind: 'hashes'; hashes: TextHashes }
  | { kind: 'written' }
  | { kind: 'error'; error: SentError };

const port = parentPort!;
const lane = new Lane(workerData as LaneInput);
const send = (message: FromLane): void => port.postMessage(message);

async function work(message: ToLane): Promise<void> {
  try {
    if (message.kind === 'finish') send({ kind: 'staged', staged: await lane.finish() });
    else if (message.kind === 'hash') {
      send({ kind: 'hashes', hashes: await lane.hash(message.path) });
    } else if (message.kind === 'unit') {
      await lane.write(message.unit);
      send({ kind: 'written' });
    } else {
      const account = await lane.read(message.file, (bytes) => send({ kind: 'read', bytes }));
      send({ kind: 'account', account });
    }
  } catch (error) {
    send({ kind: 'error', error: sentError(error) });
  }
}

// The next message is sent when this one is answered.
port.on('message', (message: ToLane) => void work(message));
