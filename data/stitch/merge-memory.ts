/**
 * Memory of the merge. DuckDB keeps to a limit by spilling; the merge cannot: the events of a part are in memory.
 * What a part takes is known before, so lanes are left out until the limit holds, and a limit under one part is
 * refused. Parts themselves stay: files are made of parts, and no result may depend on memory.
 */
import { EdgeloomError } from '../../lib/errors.ts';
import type { CutSettings } from './read/user-cut.ts';

/** Of an event and what is made of it; 270 to 430 were measured (README). */
const BYTES_PER_EVENT = 500;
/** A bucket may hold so many times the events of the mean one. */
const SKEW = 2;

export interface MergeWork extends CutSettings {
  /** Threads that are wanted. */
  threads: number;
  buckets: number;
  /** In all buckets. */
  events: number;
  memoryLimitMb: number;
}

/**
 * How many lanes may merge at a time.
 * @throws EdgeloomError `memory-too-small` when a single part is above the limit
 */
export function lanesWithin(work: MergeWork): number {
  const { threads, buckets, events, memoryLimitMb, eventsPerPart, maxUserEvents } = work;
  // A user is never divided, so the last one of a part may reach beyond it.
  const part = Math.min(
    eventsPerPart + maxUserEvents,
    Math.ceil((SKEW * events) / Math.max(1, buckets)),
  );
  const partMb = (part * BYTES_PER_EVENT) / 1e6;
  const lanes = Math.min(threads, Math.floor(memoryLimitMb / Math.max(partMb, 1e-6)));
  if (lanes >= 1 || threads < 1) return lanes;
  const needed = Math.ceil(partMb);
  throw new EdgeloomError({
    code: 'memory-too-small',
    what: `Stitching holds up to ${part.toLocaleString('en')} events in memory, about ${needed} MB; it may use ${memoryLimitMb} MB`,
    fix: `give ${needed} MB or more for each stage that runs at a time (EDGELOOM_MEMORY_MB is what all of a worker's may use), or lower maxUserEvents in the section stitch`,
  });
}
