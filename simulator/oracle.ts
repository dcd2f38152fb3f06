/**
 * The best that could be reached in a world: by reordering what is unseen, and by choosing where to
 * insert requests. The world is played again from its parameters under the logging policy, so the
 * moments are those of the log.
 */
import type { RunOptions } from '../lib/progress.ts';
import { Random } from '../lib/random.ts';
import { bestOrder } from './best-order.ts';
import { HORIZONS } from './counterfactual.ts';
import type { Action, Episode, Observation } from './episode.ts';
import type { WorldParams } from './params.ts';
import { playSession } from './play-session.ts';
import { loggingPolicy } from './policy.ts';
import { SlateTables } from './slate-tables.ts';
import { type SlateValue, SlateValuer } from './slate-value.ts';
import { type UpliftReach, upliftReach } from './uplift-reach.ts';
import { World } from './world.ts';

/** Slots of a slate that count: about what a user sees of a page. */
export const SLATE_HORIZON = 12;
/** Random orders by which chance is judged. */
const RANDOM_ORDERS = 8;
/** Index of ten slots in `HORIZONS`. */
const TEN_SLOTS = HORIZONS.indexOf(10);

export interface OracleOptions extends RunOptions {
  /** Slates to look at, drawn evenly from all moments; 200 tell the gain to a tenth. @default 200 */
  slates?: number;
  /** Simulated futures per arm and estimate of a decision. @default 32 */
  rollouts?: number;
  /** Part of the sessions whose decisions are looked at. @default 1 */
  share?: number;
}

/** Mean per slate. */
export interface Reach {
  random: number;
  initial: number;
  oracle: number;
}

/** Over all slates that were looked at. */
export interface SlatesReach extends Reach {
  /** What the best order brings more than the initial one, and its 95 % interval over slates. */
  gain: { mean: number; low: number; high: number };
}

export interface OracleReport {
  slates: { count: number; horizon: number; clicks: SlatesReach; orders: SlatesReach };
  /** Orders within ten slots of a decision. */
  uplift: UpliftReach;
}

/** Works out what is best at the moments of a world's log. */
export function oracle(params: WorldParams, options: OracleOptions = {}): OracleReport {
  const { slates = 200, rollouts = 32, share = 1, signal, onProgress } = options;
  const world = new World(params);
  const policy = loggingPolicy(params);
  const random = Random.of(params.seed, 'oracle');
  const kept: SlateValuer[] = [];
  let moments = 0;
  const uplifts: [number, number][] = [];

  const keepSlate = (episode: Episode): void => {
    // Reservoir sampling: after n moments each has been kept with probability slates / n.
    const at = moments++ < slates ? kept.length : random.below(moments);
    // What users like is another the next day, so all that depends on it is taken down now.
    if (at < slates) kept[at] = new SlateValuer(episode.hidden(Random.of(0)), SLATE_HORIZON);
  };
  const watch = (looked: boolean) => (episode: Episode, seen: Observation, next: Action) => {
    const arrived = seen.events.some(({ type }) => type === 'request');
    if (seen.wants === 'slot' && (arrived || (seen.trigger && seen.trigger !== 'exposures')))
      if (episode.moment().unexposedCount >= 2) keepSlate(episode);
    if (looked && next.kind === 'decide') {
      const estimate = (salt: number): number => {
        const { treatment, control } = episode.effect(rollouts, salt);
        return treatment.order[TEN_SLOTS]! - control.order[TEN_SLOTS]!;
      };
      uplifts.push([estimate(1), estimate(2)]);
    }
  };
  for (let day = 0; day < params.days; day++) {
    if (day > 0) world.advance();
    onProgress?.({ message: `day ${day + 1} of ${params.days}`, fraction: day / params.days });
    for (const planned of world.plan()) {
      signal?.throwIfAborted();
      const looked = random.chance(share);
      playSession(world, planned, policy, { event: () => undefined, watch: watch(looked) });
    }
  }
  onProgress?.({ message: `${kept.length} slates`, fraction: 1 });
  const values = kept.map((valuer) => {
    signal?.throwIfAborted();
    return slateReach(valuer, random);
  });
  const reach = (of: keyof SlateValue): SlatesReach => ({
    random: mean(values.map((value) => value[of].random)),
    initial: mean(values.map((value) => value[of].initial)),
    oracle: mean(values.map((value) => value[of].oracle)),
    gain: interval(values.map((value) => value[of].oracle - value[of].initial)),
  });
  return {
    slates: {
      count: kept.length,
      horizon: SLATE_HORIZON,
      clicks: reach('clicks'),
      orders: reach('orders'),
    },
    uplift: upliftReach(uplifts),
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, x) => sum + x, 0) / values.length;

/** Mean and its 95 % interval by the normal law. */
function interval(values: readonly number[]): SlatesReach['gain'] {
  const about = mean(values);
  const squares = values.reduce((sum, x) => sum + (x - about) ** 2, 0);
  const half = 1.96 * Math.sqrt(squares / Math.max(1, values.length - 1) / values.length);
  return { mean: about, low: about - half, high: about + half };
}

/** What the unseen items of one moment are worth in random order, as they are, and at best. */
export function slateReach(valuer: SlateValuer, random: Random): Record<keyof SlateValue, Reach> {
  const initial = Array.from(valuer.session.unexposed(), (_, k) => k);
  const shuffled = Array.from({ length: RANDOM_ORDERS }, () =>
    valuer.value(random.shuffle([...initial])),
  );
  const as = valuer.value(initial);
  const tables = new SlateTables(valuer);
  const of = (kind: keyof SlateValue): Reach => ({
    random: mean(shuffled.map((value) => value[kind])),
    initial: as[kind],
    oracle: bestValue(valuer, tables, kind, random),
  });
  return { clicks: of('clicks'), orders: of('orders') };
}

/** What the best order found is worth, at least what the order in force is. */
export function bestValue(
  valuer: SlateValuer,
  tables: SlateTables,
  kind: keyof SlateValue,
  random: Random,
): number {
  const initial = Array.from(valuer.session.unexposed(), (_, k) => k);
  const { order } = bestOrder(tables, kind, random);
  // The world's own rules have the last word.
  return Math.max(valuer.value(initial)[kind], valuer.value(order)[kind]);
}

/**
 * Share of the reachable gain that a model has reached: 0 as good as what was there, 1 as good as the
 * oracle; below 0 it does harm. Null when there is nothing to gain.
 */
export function shareOfOracle(
  model: number,
  { initial, oracle: best }: Pick<Reach, 'initial' | 'oracle'>,
): number | null {
  return best > initial ? (model - initial) / (best - initial) : null;
}
