/** Lanes as their reader sees them: in threads of their own, or a single one in this. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { EdgeloomError, receivedError, sentError } from '../lib/errors.ts';
import { buffersOf, type LaneInput, type PlayedSession, playLane } from './lane.ts';
import type { FromLane, ToLane } from './lane-worker.ts';
import type { WorldParams } from './params.ts';
import type { Policy } from './policy.ts';

/** Batches that a lane plays ahead at most: some 8 MB, which evens out what the lanes have to do. */
const AHEAD = 8;
/** What one thread can merge and compress. */
const MOST = 4;
/** Sessions below which a thread's start takes longer than it saves. */
const WORTH_A_LANE = 250;

/** A lane whose sessions come one by one, in the order in which they were planned. */
export interface Lane {
  /** What it gave before is valid no more. */
  next(): Promise<PlayedSession>;
  close(): Promise<void>;
}

/** Lanes for a world: as many as there are cores, up to 4, and fewer for a small one. */
export function lanesFor({ users, days }: WorldParams): number {
  const sessions = users.count * users.sessionsPerDay * days;
  const worth = Math.ceil(sessions / WORTH_A_LANE);
  return Math.max(1, Math.min(availableParallelism(), MOST, worth));
}

/**
 * Opens the lanes of a simulation; close each.
 * @param lanes 1 … 64
 * @param policy plays in this thread: there can be one lane only
 * @throws EdgeloomError `bad-lanes`
 */
export function openLanes(
  params: WorldParams,
  lanes: number,
  truth: boolean,
  policy: Policy | undefined,
): Lane[] {
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > 64) {
    throw new EdgeloomError({
      code: 'bad-lanes',
      what: `A simulation cannot have ${lanes} lanes`,
      fix: 'name 1 … 64 lanes, or none for as many as there are cores',
      exitCode: 2,
    });
  }
  if (lanes === 1) return [hereLane({ params, lane: 0, lanes, truth }, policy)];
  return Array.from({ length: lanes }, (_, lane) => new ThreadLane({ params, lane, lanes, truth }));
}

function hereLane(input: LaneInput, policy: Policy | undefined): Lane {
  const sessions = (function* () {
    const spare: ArrayBuffer[][] = [];
    for (const batch of playLane(input, policy, spare)) {
      yield* batch;
      spare.push(buffersOf(batch));
    }
  })();
  return {
    async next() {
      const { value } = sessions.next();
      if (!value) throw ended();
      return value;
    },
    async close() {
      sessions.return();
    },
  };
}

const ended = (): Error =>
  new Error('a lane of the simulation ended before its sessions were played');

class ThreadLane implements Lane {
  /** Undefined when it could not be started, which `next` then tells. */
  readonly #worker: Worker | undefined;
  readonly #batches: PlayedSession[][] = [];
  #taken = 0;
  #wake: (() => void) | undefined;
  #failed: Error | undefined;

  constructor(input: LaneInput) {
    try {
      this.#worker = new Worker(new URL('./lane-worker.mjs', import.meta.url), {
        workerData: input,
        execArgv: [],
      });
    } catch (error) {
      this.#fail(cannotRun(error));
      return;
    }
    this.#worker.on('message', (message: FromLane) => {
      if (message.kind === 'batch') this.#batches.push(message.batch);
      else this.#failed ??= message.kind === 'error' ? receivedError(message.error) : ended();
      this.#wake?.();
    });
    this.#worker.on('error', (error) => this.#fail(cannotRun(error)));
    this.#worker.on('exit', () => this.#fail(ended()));
    for (let i = 0; i < AHEAD; i++) this.#more(null);
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#wake?.();
  }

  #more(read: ToLane): void {
    this.#worker?.postMessage(read, read ?? []);
  }

  async next(): Promise<PlayedSession> {
    for (;;) {
      const session = this.#batches[0]?.[this.#taken];
      if (session) {
        this.#taken++;
        return session;
      }
      const read = this.#batches.shift();
      if (read) {
        this.#taken = 0;
        this.#more(buffersOf(read));
      } else if (this.#failed) throw this.#failed;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}

/** What a lane throws comes as a message; the thread itself fails when it has not the means to run. */
function cannotRun(error: unknown): EdgeloomError {
  return new EdgeloomError(
    {
      code: 'no-thread',
      what: `A thread of the simulation could not run: ${sentError(error).message}`,
      where: 'simulator',
      fix: 'free memory or raise the limit of processes (ulimit -u), or simulate with one lane (--lanes 1)',
    },
    { cause: error },
  );
}
