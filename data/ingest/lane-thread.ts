/** A lane in a thread of its own, as the one that shares out the files sees it. */
import { Worker } from 'node:worker_threads';
import { EdgeloomError, receivedError, sentError } from '../../lib/errors.ts';
import type { TextHashes } from './held/hash-texts.ts';
import type { Unit } from './lake/write-unit.ts';
import type { LaneFile, LaneInput } from './lane.ts';
import type { FromLane, ToLane } from './lane-worker.ts';
import type { FileAccount } from './rows.ts';
import type { Staged } from './staged-rows.ts';

const ended = (): Error => new Error('a thread of ingest ended before its work was done');

export class ThreadLane {
  readonly #worker: Worker;
  #answer: { resolve: (message: FromLane) => void; reject: (error: Error) => void } | undefined;
  #onRead: (bytes: number) => void = () => undefined;
  #failed: Error | undefined;

  /** @throws EdgeloomError `no-thread` */
  constructor(input: LaneInput) {
    try {
      const entry = new URL('./lane-worker.mjs', import.meta.url);
      this.#worker = new Worker(entry, { workerData: input, execArgv: [] });
    } catch (error) {
      throw cannotRun(error);
    }
    this.#worker.on('message', (message: FromLane) => {
      if (message.kind === 'read') this.#onRead(message.bytes);
      else if (message.kind === 'error') this.#fail(receivedError(message.error));
      else this.#answer?.resolve(message);
    });
    this.#worker.on('error', (error) => this.#fail(cannotRun(error)));
    this.#worker.on('exit', () => this.#fail(ended()));
  }

  async read(file: LaneFile, onRead: (bytes: number) => void): Promise<FileAccount> {
    this.#onRead = onRead;
    const message = await this.#ask({ kind: 'file', file });
    if (message.kind !== 'account') throw ended();
    return message.account;
  }

  async finish(): Promise<Staged> {
    const message = await this.#ask({ kind: 'finish' });
    if (message.kind !== 'staged') throw ended();
    return message.staged;
  }

  async hash(path: string): Promise<TextHashes> {
    const message = await this.#ask({ kind: 'hash', path });
    if (message.kind !== 'hashes') throw ended();
    return message.hashes;
  }

  async write(unit: Unit): Promise<void> {
    const message = await this.#ask({ kind: 'unit', unit });
    if (message.kind !== 'written') throw ended();
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(message: ToLane): Promise<FromLane> {
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      if (this.#failed) reject(this.#failed);
      else this.#worker.postMessage(message);
    });
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#answer?.reject(this.#failed);
  }
}

/** What a lane throws comes as a message; the thread itself fails when it has not the means to run. */
function cannotRun(error: unknown): EdgeloomError {
  return new EdgeloomError(
    {
      code: 'no-thread',
      what: `A thread of ingest could not run: ${sentError(error).message}`,
      where: 'ingest',
      fix: 'free memory or raise the limit of processes (ulimit -u), or ingest with one thread',
    },
    { cause: error },
  );
}
