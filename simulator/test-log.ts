/** Plain statistics of a log, for tests: only what the events and the item table tell is used. */
import type { DeviceEvent } from '../data/contracts/device-log.ts';
import type { World } from './world.ts';

/** An exposure and whether it was clicked. */
export interface Slot {
  user: string;
  session: string;
  request: string;
  item: string;
  category: string;
  position: number;
  clicked: number;
  /** Log of the time on the screen; null when it never ended. */
  dwell: number | null;
  /** Business day, 0 the first. */
  day: number;
  modelVersion: string | null;
}

/** Exposures in the order of the log; a click is an exposure with a page view. */
export function slotsOf(events: readonly DeviceEvent[], world: World): Slot[] {
  const { catalogue } = world;
  const category = new Map(catalogue.ids.map((id, item) => [id, `c${catalogue.category[item]}`]));
  const viewed = new Set<string>();
  for (const event of events) {
    if (event.type === 'page_view') viewed.add(`${event.request_id} ${event.item_id}`);
  }
  return events.flatMap((event) =>
    event.type === 'exposure'
      ? {
          user: event.user_id,
          session: event.session_id!,
          request: event.request_id!,
          item: event.item_id,
          category: category.get(event.item_id)!,
          position: event.position!,
          clicked: viewed.has(`${event.request_id} ${event.item_id}`) ? 1 : 0,
          dwell: event.ended == null ? null : Math.log(event.ended - event.started),
          day: Math.floor((event.ts - world.startOf(0)) / 86_400_000),
          modelVersion: event.model_version ?? null,
        }
      : [],
  );
}

/** Rows by key, in order. */
export function groupBy<T>(rows: readonly T[], key: (row: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group) group.push(row);
    else groups.set(key(row), [row]);
  }
  return [...groups.values()];
}

export interface Interval {
  value: number;
  low: number;
  high: number;
}

/** Deviations on either side: 99 of 100 intervals hold the true value. */
const WIDTH = 2.576;

/** Mean of independent values with its 99 % interval. */
export function meanOf(values: readonly number[]): Interval {
  const value = values.reduce((sum, x) => sum + x, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - value) ** 2, 0);
  const error = WIDTH * Math.sqrt(squares / (values.length - 1) / values.length);
  return { value, low: value - error, high: value + error };
}

/** Sum of the first over the sum of the second of independent pairs, with its 99 % interval. */
export function ratioOf(pairs: readonly (readonly [number, number])[]): Interval {
  const total = (at: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[at], 0);
  const value = total(0) / total(1);
  const squares = pairs.reduce((sum, [a, b]) => sum + (a - value * b) ** 2, 0);
  const error = (WIDTH * Math.sqrt(squares)) / total(1);
  return { value, low: value - error, high: value + error };
}

/** Mean of independent estimates with its interval. */
export function pooled(intervals: readonly Interval[]): Interval {
  const value = intervals.reduce((sum, each) => sum + each.value, 0) / intervals.length;
  const squares = intervals.reduce((sum, each) => sum + (each.high - each.value) ** 2, 0);
  const error = Math.sqrt(squares) / intervals.length;
  return { value, low: value - error, high: value + error };
}

/** Successes and trials of two kinds within one cluster. */
export interface Counts {
  hits: [number, number];
  trials: [number, number];
}

/**
 * Rate of the first kind less the rate of the second, with a 99 % interval that counts clusters, not
 * trials, as independent (linearised ratio estimator).
 */
export function rateDifference(clusters: readonly Counts[]): Interval & { rates: number[] } {
  const total = (of: 'hits' | 'trials', kind: 0 | 1): number =>
    clusters.reduce((sum, cluster) => sum + cluster[of][kind], 0);
  const trials = [total('trials', 0), total('trials', 1)] as const;
  const rates = [total('hits', 0) / trials[0], total('hits', 1) / trials[1]] as const;
  const variance = clusters.reduce((sum, { hits, trials: n }) => {
    const residual = [0, 1].map((k) => (hits[k]! - rates[k]! * n[k]!) / trials[k]!);
    return sum + (residual[0]! - residual[1]!) ** 2;
  }, 0);
  const value = rates[0] - rates[1];
  const error = WIDTH * Math.sqrt(variance);
  return { value, low: value - error, high: value + error, rates: [...rates] };
}

/** Counts of each cluster: `kindOf` says which kind a row is of, if any. */
export function countsBy<T>(
  clusters: readonly (readonly T[])[],
  kindOf: (row: T, index: number, cluster: readonly T[]) => 0 | 1 | null,
  hit: (row: T) => number,
): Counts[] {
  return clusters.map((cluster) => {
    const counts: Counts = { hits: [0, 0], trials: [0, 0] };
    cluster.forEach((row, index) => {
      const kind = kindOf(row, index, cluster);
      if (kind === null) return;
      counts.trials[kind]++;
      counts.hits[kind] += hit(row);
    });
    return counts;
  });
}
