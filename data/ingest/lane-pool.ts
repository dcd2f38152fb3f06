/** Lanes: this thread and others, which read log files and then write the lake. */

import type { TextHashes } from './held/hash-texts.ts';
import type { Unit } from './lake/write-unit.ts';
import { Lane, type LaneInput } from './lane.ts';
import { ThreadLane } from './lane-thread.ts';

/** What a lane does, here or in a thread. */
export type LaneWork = Pick<Lane, 'read' | 'finish' | 'hash' | 'write'>;

export class LanePool {
  readonly #here: Lane;
  readonly #threads: ThreadLane[] = [];

  /** @param helpers threads beside this one. @throws EdgeloomError `no-thread` */
  constructor(input: Omit<LaneInput, 'lane'>, helpers: number) {
    this.#here = new Lane({ ...input, lane: 0 });
    for (let lane = 1; lane <= helpers; lane++) {
      this.#threads.push(new ThreadLane({ ...input, lane }));
    }
  }

  /**
   * Every lane works until it finds nothing more to do.
   * @throws what the first lane that fails throws, when all have stopped; the signal's reason
   */
  async each<T>(
    work: (lane: LaneWork, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T[]> {
    const stop = new AbortController();
    const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const works = [this.#here, ...this.#threads].map((lane) => work(lane, both));
    for (const one of works) one.catch((error) => stop.abort(error));
    const results = await Promise.allSettled(
      works.map((one, i) => (i === 0 ? one : orStopped(one, both))),
    );
    signal?.throwIfAborted();
    return results.map((result) => {
      if (result.status === 'rejected') throw stop.signal.reason;
      return result.value;
    });
  }

  /** Hashes of the event ids of staged files, in their order. */
  async hash(paths: readonly string[], signal: AbortSignal | undefined): Promise<TextHashes[]> {
    const hashes: TextHashes[] = [];
    await this.#share(paths.length, signal, async (lane, place) => {
      hashes[place] = await lane.hash(paths[place]!);
    });
    return hashes;
  }

  /** Writes the units in their order. @param onUnit hears the place of a unit that is begun */
  async write(
    units: readonly Unit[],
    onUnit: (place: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await this.#share(units.length, signal, async (lane, place, stopped) => {
      onUnit(place);
      await lane.write(units[place]!, stopped);
    });
  }

  /** Every lane takes the next place when it is done with one. */
  async #share(
    count: number,
    signal: AbortSignal | undefined,
    work: (lane: LaneWork, place: number, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    let next = 0;
    await this.each(async (lane, stopped) => {
      while (next < count) {
        stopped.throwIfAborted();
        await work(lane, next++, stopped);
      }
    }, signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((lane) => lane.close()));
  }
}

/** A thread that is in the middle of a file does not hear that it should stop: it is ended. */
function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
