/** Plays one session under a policy: the policy answers each step, the sink takes the events. */
import type { DeviceEvent } from '../data/contracts/device-log.ts';
import type { Action, Episode, Observation } from './episode.ts';
import type { Policy } from './policy.ts';
import type { TruthSink } from './session-log.ts';
import type { PlannedSession, World } from './world.ts';

export interface Sink extends TruthSink {
  event(event: DeviceEvent): void;
  /** Sees each step before it is taken: what evaluators look at besides. */
  watch?(episode: Episode, seen: Observation, next: Action): void;
}

/** Plays one planned session of the world's current day. */
export function playSession(
  world: World,
  planned: PlannedSession,
  policy: Policy,
  sink: Sink,
): void {
  const random = world.stream('policy', planned);
  const episode = world.begin(planned, sink);
  const answer = ({ wants, trigger }: Observation): Action => {
    if (wants === 'page') return { kind: 'page' };
    if (!trigger) return { kind: 'look' };
    // A policy does one thing at a moment: it decides, or it reorders, or it goes on.
    const moment = episode.moment();
    const decided = policy.insert(moment, random);
    if (decided) return { kind: 'decide', ...decided };
    const reranked = policy.rerank(moment, random);
    return reranked ? { kind: 'rerank', ...reranked } : { kind: 'look' };
  };
  let seen = episode.observe();
  for (;;) {
    for (const event of seen.events) sink.event(event);
    if (seen.wants === 'nothing') return;
    const next = answer(seen);
    sink.watch?.(episode, seen, next);
    seen = world.step(episode, next);
  }
}
