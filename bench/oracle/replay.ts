/** The test day once more, in the world itself: what the orders and decisions of that day are truly worth. */
import { Random } from '../../lib/random.ts';
import { HORIZONS } from '../../simulator/counterfactual.ts';
import type { Episode } from '../../simulator/episode.ts';
import { SLATE_HORIZON } from '../../simulator/oracle.ts';
import type { WorldParams } from '../../simulator/params.ts';
import { playSession, type Sink } from '../../simulator/play-session.ts';
import { loggingPolicy } from '../../simulator/policy.ts';
import { SlateValuer } from '../../simulator/slate-value.ts';
import { World } from '../../simulator/world.ts';

/**
 * Plays all days as the log was made.
 * @param last days whose sessions `sink` sees: one that begins before midnight decides on the day after
 */
export function replay(params: WorldParams, last: number, sink: Sink): void {
  const world = new World(params);
  const policy = loggingPolicy(params);
  const nothing: Sink = { event: () => undefined };
  for (let day = 0; day < params.days; day++) {
    if (day > 0) world.advance();
    const seen = day >= params.days - last ? sink : nothing;
    for (const planned of world.plan()) playSession(world, planned, policy, seen);
  }
}

/** The slate of a sample as it stands in the world. */
export interface SlateMoment {
  valuer: SlateValuer;
  /** Items not yet seen, in the ranker's order. */
  items: string[];
}

/**
 * Slates of the last days in the order that the ranker gave them, by the id of their sample: pages that
 * have just arrived, and moments after a click or delete.
 * @param wanted ids of requests and of reranks; reranks that shuffled are left out
 */
export function slateMoments(
  params: WorldParams,
  wanted: ReadonlySet<string>,
): Map<string, SlateMoment> {
  const moments = new Map<string, SlateMoment>();
  const take = (episode: Episode): SlateMoment => ({
    valuer: new SlateValuer(episode.hidden(Random.of(0)), SLATE_HORIZON),
    items: episode.moment().unexposed.map(({ itemId }) => itemId),
  });
  let pending: SlateMoment | undefined;
  replay(params, 2, {
    event: ({ type, event_id }) => {
      // The log tells the id of a rerank only after the step.
      if (type === 'rerank' && pending && wanted.has(event_id)) moments.set(event_id, pending);
      pending = undefined;
    },
    watch: (episode, seen, next) => {
      const request = seen.events.find(({ type }) => type === 'request');
      if (request && wanted.has(request.event_id)) moments.set(request.event_id, take(episode));
      if (next.kind === 'rerank' && next.arm === 'initial') pending = take(episode);
    },
  });
  return moments;
}

/** Index of ten slots in `HORIZONS`. */
const TEN_SLOTS = HORIZONS.indexOf(10);

/**
 * Two independent estimates of the true uplift of each decision of the last days, by its id: how much
 * likelier an order within ten slots becomes.
 * @param rollouts simulated futures per arm and estimate
 */
export function trueUplifts(params: WorldParams, rollouts: number): Map<string, [number, number]> {
  const uplifts = new Map<string, [number, number]>();
  let pending: [number, number] | undefined;
  replay(params, 2, {
    event: (event) => {
      if (event.type !== 'decision' || !pending) return;
      uplifts.set(event.decision_id, pending);
      pending = undefined;
    },
    watch: (episode, _, next) => {
      if (next.kind !== 'decide') return;
      const estimate = (salt: number): number => {
        const { treatment, control } = episode.effect(rollouts, salt);
        return treatment.order[TEN_SLOTS]! - control.order[TEN_SLOTS]!;
      };
      pending = [estimate(1), estimate(2)];
    },
  });
  return uplifts;
}
