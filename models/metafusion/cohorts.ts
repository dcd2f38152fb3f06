/**
 * Cohorts: users grouped by the interval that their click rate falls into (the crowds of the
 * MetaFusion account), measured strictly before day T.
 */
import { EdgeloomError } from '../../lib/errors.ts';

export interface CohortInput {
  /** Dense user index. */
  user: ArrayLike<number>;
  /** Clicks and exposures of each user before day T. */
  clicks: ArrayLike<number>;
  exposures: ArrayLike<number>;
}

export interface CohortOptions {
  /** Inner interval edges, ascending, e.g. [0.02, 0.04, 0.09]; absent: quantiles. */
  edges?: readonly number[];
  /** Number of equal parts when `edges` is absent. @default 4 */
  quantiles?: number;
  /** A smaller cohort is merged with a neighbour. @default 50 */
  minUsers?: number;
  /** Users with fewer exposures have no cohort: their click rate is noise. @default 30 */
  minExposures?: number;
}

/** Click rates in [low, high); the last cohort's interval is closed at 1. */
export interface Cohort {
  /** `cohort-0`, ascending by click rate. */
  name: string;
  low: number;
  high: number;
  users: number;
}

export const COHORT_DEFAULTS = { quantiles: 4, minUsers: 50, minExposures: 30 } as const;

export interface CohortAssignment {
  cohorts: Cohort[];
  /** User index → place in `cohorts`. A user who is missing is unassigned and keeps W_m. */
  cohortOf: Map<number, number>;
  unassigned: number;
}

/** Place of a click rate among ascending inner edges: the number of edges ≤ rate. */
export function intervalOf(rate: number, edges: readonly number[]): number {
  let place = 0;
  while (place < edges.length && rate >= edges[place]!) place += 1;
  return place;
}

function quantileEdges(rates: number[], parts: number): number[] {
  const sorted = [...rates].sort((a, b) => a - b);
  const edges: number[] = [];
  for (let part = 1; part < parts; part++) {
    const edge = sorted[Math.floor((part * sorted.length) / parts)];
    // Equal quantiles (many users of one rate) leave fewer cohorts; an edge at the minimum splits nothing.
    if (edge !== undefined && edge > (edges.at(-1) ?? sorted[0]!)) edges.push(edge);
  }
  return edges;
}

/** Removes edges until every interval holds enough users: the smallest joins its smaller neighbour. */
function mergeSmall(edges: number[], rates: number[], minUsers: number): number[] {
  const kept = [...edges];
  for (;;) {
    const sizes = Array<number>(kept.length + 1).fill(0);
    for (const rate of rates) sizes[intervalOf(rate, kept)]! += 1;
    const smallest = sizes.indexOf(Math.min(...sizes));
    if (kept.length === 0 || sizes[smallest]! >= minUsers) return kept;
    const below = sizes[smallest - 1] ?? Infinity;
    const above = sizes[smallest + 1] ?? Infinity;
    // Interval i lies between edge i − 1 and edge i.
    kept.splice(below <= above ? smallest - 1 : smallest, 1);
  }
}

/**
 * Groups users by click rate. The intervals depend on nothing but the input and the options.
 * When even all users together are fewer than `minUsers`, there is no cohort and all are unassigned:
 * a ΔW of few users could tell about them.
 *
 * @throws EdgeloomError `bad-cohort-edges` when the configured edges do not ascend inside (0, 1)
 */
export function assignCohorts(input: CohortInput, options: CohortOptions = {}): CohortAssignment {
  const { quantiles, minUsers, minExposures } = { ...COHORT_DEFAULTS, ...options };
  const rates = new Map<number, number>();
  for (let i = 0; i < input.user.length; i++) {
    const exposures = input.exposures[i]!;
    if (exposures > 0 && exposures >= minExposures) {
      rates.set(input.user[i]!, input.clicks[i]! / exposures);
    }
  }
  const { edges } = options;
  if (edges?.some((edge, i) => !(edge > (edges[i - 1] ?? 0) && edge < 1))) {
    throw new EdgeloomError({
      code: 'bad-cohort-edges',
      what: `The cohort edges are ${edges.join(', ')}`,
      fix: 'give ascending click rates between 0 and 1',
    });
  }
  const values = [...rates.values()];
  const noCohort = values.length < Math.max(1, minUsers);
  const inner = mergeSmall([...(edges ?? quantileEdges(values, quantiles))], values, minUsers);
  const bounds = [0, ...inner, 1];
  const cohorts = noCohort
    ? []
    : bounds.slice(1).map((high, i) => ({ name: `cohort-${i}`, low: bounds[i]!, high, users: 0 }));
  const cohortOf = new Map<number, number>();
  if (!noCohort) {
    for (const [user, rate] of rates) {
      const place = intervalOf(rate, inner);
      cohorts[place]!.users += 1;
      cohortOf.set(user, place);
    }
  }
  return { cohorts, cohortOf, unassigned: input.user.length - cohortOf.size };
}
