/** A small world for tests, played in memory. */
import type { DeviceEvent, EventOf } from '../data/contracts/device-log.ts';
import { type WorldParamsInput, worldParams } from './params.ts';
import { playSession } from './play-session.ts';
import { loggingPolicy, type Policy } from './policy.ts';
import type { DecisionRecord, ExposureTruth } from './session-log.ts';
import { World } from './world.ts';

export interface Played {
  events: DeviceEvent[];
  /** In the order of the exposures in `events`. */
  exposures: ExposureTruth[];
  decisions: DecisionRecord[];
  world: World;
}

/**
 * Plays every day of a world, by default under the logging policy.
 * @param options.decisions also simulate the futures of decisions; default true
 */
export function playWorld(
  input: WorldParamsInput,
  { policy, decisions = true }: { policy?: Policy; decisions?: boolean } = {},
): Played {
  const params = worldParams.parse(input);
  const world = new World(params);
  const played: Played = { events: [], exposures: [], decisions: [], world };
  for (let day = 0; day < params.days; day++) {
    if (day > 0) world.advance();
    for (const planned of world.plan()) {
      playSession(world, planned, policy ?? loggingPolicy(params), {
        event: (event) => played.events.push(event),
        exposureTruth: (truth) => played.exposures.push(truth),
        ...(decisions && { decisionTruth: (truth) => played.decisions.push(truth) }),
      });
    }
  }
  return played;
}

export const ofType = <T extends DeviceEvent['type']>(
  events: readonly DeviceEvent[],
  type: T,
): EventOf<T>[] => events.filter((event): event is EventOf<T> => event.type === type);

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, x) => sum + x, 0) / values.length;

/** Pearson's correlation. */
export function correlation(x: readonly number[], y: readonly number[]): number {
  const mx = mean(x);
  const my = mean(y);
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < x.length; i++) {
    xy += (x[i]! - mx) * (y[i]! - my);
    xx += (x[i]! - mx) ** 2;
    yy += (y[i]! - my) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

/** Share of pairs (click, no click) of one slate that the score puts right, averaged over slates. */
export function slateAuc(
  rows: readonly { slate: string; clicked: number; score: number }[],
): number {
  const slates = new Map<string, { clicked: number; score: number }[]>();
  for (const row of rows) {
    const slate = slates.get(row.slate);
    if (slate) slate.push(row);
    else slates.set(row.slate, [row]);
  }
  const values: number[] = [];
  for (const slate of slates.values()) {
    let right = 0;
    let pairs = 0;
    for (const a of slate) {
      if (!a.clicked) continue;
      for (const b of slate) {
        if (b.clicked) continue;
        pairs++;
        right += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
      }
    }
    if (pairs > 0) values.push(right / pairs);
  }
  return mean(values);
}
