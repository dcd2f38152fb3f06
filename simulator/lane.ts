/**
 * A lane plays the sessions of its users, day by day, and hands them on as lines. Lanes do not know of
 * each other: a session depends on its user and on the day alone, and every lane moves a world of its
 * own through the days. Whoever wants the log takes the sessions back in the order of the plan.
 */
import { eventLine, exposureTruthLine } from './event-lines.ts';
import { LineBytes } from './line-bytes.ts';
import type { WorldParams } from './params.ts';
import { playSession } from './play-session.ts';
import { loggingPolicy, type Policy } from './policy.ts';
import { type PlannedSession, World } from './world.ts';

export interface LaneInput {
  params: WorldParams;
  /** 0 … lanes − 1 */
  lane: number;
  lanes: number;
  /** Whether to work out the truth. */
  truth: boolean;
}

/** What a session leaves behind: lines of JSON, each with its line feed, in the order in which they came about. */
export interface PlayedSession {
  /** Events that are received on the session's day. */
  events: Uint8Array;
  /** Number of the lines in `events`. */
  lines: number;
  /** Events that are received on a later one. */
  late: LateLines[];
  /** Events by type, late ones included. */
  counts: Record<string, number>;
  exposures: Uint8Array;
  decisions: Uint8Array;
}

/** Lines of a session that come on one later date. */
export interface LateLines {
  date: string;
  lines: Uint8Array;
}

/** Bytes that a batch holds at least: a session is too little to be handed to another thread. */
const BATCH = 1 << 20;
/** Bytes for which a batch has room at first: a third of it is truth. */
const ROOM = { events: BATCH, exposures: BATCH >> 1, decisions: BATCH >> 3 } as const;
/** Bytes for which the late lines of a session have room at first. */
const LATE = 1 << 12;

/**
 * The lane of each user, such that each lane has the same work to expect: users by activity, dealt out
 * in turn.
 */
export function laneOfUsers(sessionsPerDay: Float64Array, lanes: number): Uint8Array {
  const order = Uint32Array.from(sessionsPerDay, (_, user) => user);
  order.sort((a, b) => sessionsPerDay[b]! - sessionsPerDay[a]! || a - b);
  const laneOf = new Uint8Array(order.length);
  order.forEach((user, rank) => {
    laneOf[user] = rank % lanes;
  });
  return laneOf;
}

/**
 * The sessions of a lane in batches; days and sessions in the order of the plan.
 * @param spare buffers of batches that nobody reads any more, as `buffersOf` names them: more may come
 */
export function* playLane(
  { params, lane, lanes, truth }: LaneInput,
  policy: Policy = loggingPolicy(params),
  spare: ArrayBuffer[][] = [],
): Generator<PlayedSession[], void> {
  const world = new World(params);
  const laneOf = laneOfUsers(world.population.sessionsPerDay, lanes);
  const batch = new Batch();
  for (let day = 0; day < params.days; day++) {
    if (day > 0) world.advance();
    for (const planned of world.plan()) {
      if (laneOf[planned.user] !== lane) continue;
      playLines(world, planned, policy, truth, batch);
      if (batch.length >= BATCH) yield batch.take(spare.pop());
    }
  }
  if (batch.sessions > 0) yield batch.take();
}

/** Sessions that are handed on together: their lines lie one after the other, in a buffer for each kind. */
class Batch {
  readonly events = new LineBytes(ROOM.events);
  readonly exposures = new LineBytes(ROOM.exposures);
  readonly decisions = new LineBytes(ROOM.decisions);
  /** Of each session: what does not lie in the buffers, and where it ends in each of them. */
  readonly #ends: (Pick<PlayedSession, 'lines' | 'late' | 'counts'> & {
    events: number;
    exposures: number;
    decisions: number;
  })[] = [];

  get sessions(): number {
    return this.#ends.length;
  }

  get length(): number {
    return this.events.length + this.exposures.length + this.decisions.length;
  }

  /** Closes a session. */
  end(rest: Pick<PlayedSession, 'lines' | 'late' | 'counts'>): void {
    const { events, exposures, decisions } = this;
    this.#ends.push({
      ...rest,
      events: events.length,
      exposures: exposures.length,
      decisions: decisions.length,
    });
  }

  /** The sessions so far; their buffers are theirs, and the batch starts anew. */
  take(spare: ArrayBuffer[] = []): PlayedSession[] {
    const events = this.events.take(spare[0]);
    const exposures = this.exposures.take(spare[1]);
    const decisions = this.decisions.take(spare[2]);
    let from = { events: 0, exposures: 0, decisions: 0 };
    const sessions = this.#ends.map((to): PlayedSession => {
      const session = {
        events: events.subarray(from.events, to.events),
        lines: to.lines,
        late: to.late,
        counts: to.counts,
        exposures: exposures.subarray(from.exposures, to.exposures),
        decisions: decisions.subarray(from.decisions, to.decisions),
      };
      from = to;
      return session;
    });
    this.#ends.length = 0;
    return sessions;
  }
}

function playLines(
  world: World,
  planned: PlannedSession,
  policy: Policy,
  truth: boolean,
  batch: Batch,
): void {
  const midnight = world.startOf(planned.day + 1);
  const end = world.startOf(world.params.days);
  const counts: Record<string, number> = {};
  let lines = 0;
  const late = new Map<string, LineBytes>();
  const lateLines = (received: number): LineBytes => {
    const date = world.dateOf(received);
    const known = late.get(date) ?? new LineBytes(LATE);
    late.set(date, known);
    return known;
  };
  playSession(world, planned, policy, {
    event(event) {
      // The log is cut at the end of the last day, wherever a session stands then.
      if (event.ts >= end) return;
      counts[event.type] = (counts[event.type] ?? 0) + 1;
      const received = event.received_ts ?? event.ts;
      if (received < midnight) {
        eventLine(batch.events, event);
        lines++;
      } else eventLine(lateLines(received), event);
    },
    ...(truth && {
      exposureTruth: (row) => exposureTruthLine(batch.exposures, row),
      decisionTruth: (row) => batch.decisions.line(row),
    }),
  });
  const received = Array.from(late, ([date, of]) => ({ date, lines: of.copy() }));
  batch.end({ lines, counts, late: received });
}

/** The buffers of a batch, which is not empty: of its events, exposures and decisions. */
export function buffersOf([session]: PlayedSession[]): ArrayBuffer[] {
  const { events, exposures, decisions } = session!;
  return [events, exposures, decisions].map((view) => view.buffer as ArrayBuffer);
}
