/**
 * A lane plays the sessions of its users, day by day, and hands them on as lines. Lanes do not know of
 * each other: a session depends on its user and on the day alone, and every lane moves a world of its
 * own through the days. Whoever wants the log takes the sessions back in the order of the plan.
 */
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

/** What a session leaves behind, as lines of JSON in the order in which they came about. */
export interface PlayedSession {
  /** Events that are received on the session's day. */
  events: string[];
  /** Events that are received on a later one. */
  late: { date: string; line: string }[];
  /** Events by type, late ones included. */
  counts: Record<string, number>;
  exposures: string[];
  decisions: string[];
}

/** Characters that a batch holds at least: a session is too little to be handed to another thread. */
const BATCH = 1 << 20;

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

/** The sessions of a lane in batches; days and sessions in the order of the plan. */
export function* playLane(
  { params, lane, lanes, truth }: LaneInput,
  policy: Policy = loggingPolicy(params),
): Generator<PlayedSession[], void> {
  const world = new World(params);
  const laneOf = laneOfUsers(world.population.sessionsPerDay, lanes);
  let batch: PlayedSession[] = [];
  let length = 0;
  for (let day = 0; day < params.days; day++) {
    if (day > 0) world.advance();
    for (const planned of world.plan()) {
      if (laneOf[planned.user] !== lane) continue;
      const { session, characters } = playLines(world, planned, policy, truth);
      batch.push(session);
      length += characters;
      if (length < BATCH) continue;
      yield batch;
      batch = [];
      length = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

function playLines(
  world: World,
  planned: PlannedSession,
  policy: Policy,
  truth: boolean,
): { session: PlayedSession; characters: number } {
  const midnight = world.startOf(planned.day + 1);
  const end = world.startOf(world.params.days);
  const session: PlayedSession = { events: [], late: [], counts: {}, exposures: [], decisions: [] };
  const { counts } = session;
  let characters = 0;
  const lineOf = (row: unknown): string => {
    const line = JSON.stringify(row);
    characters += line.length;
    return line;
  };
  playSession(world, planned, policy, {
    event(event) {
      // The log is cut at the end of the last day, wherever a session stands then.
      if (event.ts >= end) return;
      counts[event.type] = (counts[event.type] ?? 0) + 1;
      const received = event.received_ts ?? event.ts;
      const line = lineOf(event);
      if (received < midnight) session.events.push(line);
      else session.late.push({ date: world.dateOf(received), line });
    },
    ...(truth && {
      exposureTruth: (row) => session.exposures.push(lineOf(row)),
      decisionTruth: (row) => session.decisions.push(lineOf(row)),
    }),
  });
  return { session, characters };
}
