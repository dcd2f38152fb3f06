/** Cutting the users of a bucket into parts of about equally many events. */
import type { TextIndex } from '../../columns/text-index.ts';
import type { UserRuns } from './user-runs.ts';

export interface CutSettings {
  /** Users of a part have about this many events together. */
  eventsPerPart: number;
  /** Of a user with more events, the latest so many count. */
  maxUserEvents: number;
}

/** Users from `first` to `last` by their key, both included. */
export interface UserRange {
  first: string;
  last: string;
}

/** Events of each user. @param chosen only these users' keys. @default all */
export function countEvents(
  users: TextIndex,
  runs: Iterable<UserRuns>,
  chosen?: ReadonlySet<string>,
): Float64Array {
  const counts = new Float64Array(users.size);
  for (const { user, from, to } of runs) {
    for (let i = 0; i < user.length; i++) counts[user[i]!]! += to[i]! - from[i]!;
  }
  if (chosen) {
    for (let user = 0; user < users.size; user++) {
      if (!chosen.has(users.text(user))) counts[user] = 0;
    }
  }
  return counts;
}

/**
 * Of a user with more events than count: the device time from which on they do, so that `most` and those
 * of the same millisecond remain, and how many are older.
 * @param times of all events; sorted here
 */
export function capOf(times: Float64Array, most: number): { firstTs: number; dropped: number } {
  times.sort();
  const firstTs = times[times.length - most]!;
  let dropped = 0;
  while (times[dropped]! < firstTs) dropped++;
  return { firstTs, dropped };
}

/**
 * Users with events in the order of the bytes of their keys, cut so that the memory of a part is bounded. A
 * user is never divided.
 */
export function partsOf(
  users: TextIndex,
  counts: Float64Array,
  { eventsPerPart, maxUserEvents }: CutSettings,
): (UserRange & { users: number[] })[] {
  const sorted: number[] = [];
  for (let user = 0; user < counts.length; user++) if (counts[user]! > 0) sorted.push(user);
  sorted.sort((a, b) => Buffer.compare(users.bytesOf(a), users.bytesOf(b)));
  const parts: (UserRange & { users: number[] })[] = [];
  let [before, number] = [0, -1];
  for (const user of sorted) {
    const own = Math.floor(before / eventsPerPart);
    const key = users.text(user);
    if (own !== number) parts.push({ first: key, last: key, users: [] });
    const part = parts.at(-1)!;
    part.last = key;
    part.users.push(user);
    number = own;
    before += Math.min(counts[user]!, maxUserEvents);
  }
  return parts;
}
