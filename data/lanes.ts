/** Independent pieces of work over several connections of one database. */
import type { DuckDb } from './duckdb.ts';

/**
 * Works through `items` in their order, `lanes` at a time, each lane on a connection of its own.
 * A failure interrupts the other lanes; it is thrown when all of them have ended.
 *
 * Why not one connection with as many threads: the statements here are many and small, and DuckDB
 * cannot divide a small one. A database for two lanes needs one thread only.
 * @param work called with the lane's connection; temporary tables stay from item to item of a lane
 */
export async function inLanes<T>(
  db: DuckDb,
  lanes: number,
  items: readonly T[],
  work: (db: DuckDb, item: T) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  let next = 0;
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    const own = await db.connect(stop.signal);
    try {
      while (next < items.length && !stop.signal.aborted) await work(own, items[next++]!);
    } catch (error) {
      failure ??= { error };
      stop.abort(error);
    } finally {
      own.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  if (failure) throw failure.error;
}
