/**
 * Day T + 2, which nothing has read before: per cohort, GAUC of W_m, of the fine-tuned W_p and of the
 * fused W_f, with paired differences over the same resamples of users.
 */
import type { Cohort } from '../../lib/cohorts.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Tensors } from '../engine/types.ts';
import type { Estimate } from '../metrics/bootstrap.ts';
import { evaluatePredictions } from '../metrics/evaluate.ts';
import {
  allGates,
  type FusedScorer,
  type GatesOf,
  scoreVariants,
  type Variant,
} from './predict.ts';
import type { DayRows } from './rows.ts';

/** Models that are compared. `allUsers` is W_m after day T's rows of every user: what freshness alone gives. */
export const COMPARED = ['meta', 'fineTuned', 'fused', 'fusedInt8', 'allUsers'] as const;
export type Compared = (typeof COMPARED)[number];

const PAIRS: [Compared, Compared][] = [
  ['fineTuned', 'meta'],
  ['fused', 'meta'],
  ['fused', 'fineTuned'],
  ['allUsers', 'meta'],
  ['fineTuned', 'allUsers'],
  ['fused', 'allUsers'],
  ['fusedInt8', 'fused'],
];

/** One cohort's part of the test day, and the weights that compete on it. */
export interface CohortTest {
  day: DayRows;
  /** ΔW as trained, and as the bundle holds it. */
  delta: Tensors;
  deltaInt8: Tensors;
  /** ΔW of all users together. */
  deltaAllUsers: Tensors;
  gatesOf: GatesOf;
}

/** Exposed candidates with the logit of every model, row for row. */
export interface ScoredRows<Name extends string = Compared> {
  user: Int32Array;
  slate: Int32Array;
  label: Uint8Array;
  logits: Record<Name, Float32Array>;
}

const eachOf = <Name extends string>(
  logits: Record<Name, Float32Array>,
  make: (name: Name) => Float32Array,
): Record<Name, Float32Array> =>
  Object.fromEntries((Object.keys(logits) as Name[]).map((name) => [name, make(name)])) as Record<
    Name,
    Float32Array
  >;

export interface GaucReport {
  /** Exposed candidates, slates with both classes decide the GAUC. */
  rows: number;
  users: number;
  gauc: Record<Compared, Estimate>;
  /** Keyed `a − b`: ΔGAUC, paired. */
  differences: Record<string, Estimate>;
}

/** Scores one cohort's test rows with every model. W_p is W_m with the whole change. */
export async function scoreCohort(
  scorer: FusedScorer,
  { day, delta, deltaInt8, deltaAllUsers, gatesOf }: CohortTest,
  options: RunOptions = {},
): Promise<ScoredRows> {
  const none = allGates(scorer.layers, 0);
  const whole = allGates(scorer.layers, 1);
  const variants: Record<Compared, Variant> = {
    meta: { delta, gatesOf: none },
    fineTuned: { delta, gatesOf: whole },
    fused: { delta, gatesOf },
    fusedInt8: { delta: deltaInt8, gatesOf },
    allUsers: { delta: deltaAllUsers, gatesOf: whole },
  };
  return labelledRows(day, await scoreVariants(scorer, day, variants, options));
}

/** Picks the exposed candidates out of logits of whole slates, row-major [rows, N]. */
export function labelledRows<Name extends string>(
  day: DayRows,
  slates: Record<Name, Float32Array>,
): ScoredRows<Name> {
  const { label_mask: mask, label_click: click, slate } = day.columns;
  const width = mask!.shape[1]!;
  const cells: number[] = [];
  mask!.data.forEach((value, cell) => {
    if (value === 1) cells.push(cell);
  });
  const rowOf = (cell: number): number => Math.floor(cell / width);
  return {
    user: Int32Array.from(cells, (cell) => day.user[rowOf(cell)]!),
    slate: Int32Array.from(cells, (cell) => slate!.data[rowOf(cell)]!),
    label: Uint8Array.from(cells, (cell) => click!.data[cell]!),
    logits: eachOf(slates, (name) => Float32Array.from(cells, (cell) => slates[name][cell]!)),
  };
}

/** Joins the rows of several cohorts. */
export function concatRows<Name extends string>(parts: ScoredRows<Name>[]): ScoredRows<Name> {
  const ints = (pick: (part: ScoredRows<Name>) => Int32Array): Int32Array =>
    Int32Array.from(parts.flatMap((part) => [...pick(part)]));
  return {
    user: ints((part) => part.user),
    slate: ints((part) => part.slate),
    label: Uint8Array.from(parts.flatMap((part) => [...part.label])),
    logits: eachOf(parts[0]?.logits ?? ({} as Record<Name, Float32Array>), (name) =>
      Float32Array.from(parts.flatMap((part) => [...part.logits[name]])),
    ),
  };
}

/** Keeps the rows of some users. */
export function rowsOfUsers(scored: ScoredRows, users: ReadonlySet<number>): ScoredRows {
  const kept = [...scored.user.keys()].filter((i) => users.has(scored.user[i]!));
  return {
    user: Int32Array.from(kept, (i) => scored.user[i]!),
    slate: Int32Array.from(kept, (i) => scored.slate[i]!),
    label: Uint8Array.from(kept, (i) => scored.label[i]!),
    logits: eachOf(scored.logits, (name) =>
      Float32Array.from(kept, (i) => scored.logits[name][i]!),
    ),
  };
}

/**
 * Users whose click rate on the test day itself lies in their cohort's interval. A diagnosis, as in
 * the published account: it reads the labels of the test day, so no phone could select by it.
 */
export function stableUsers(scored: ScoredRows, { low, high }: Cohort): Set<number> {
  const seen = new Map<number, { clicks: number; exposures: number }>();
  scored.user.forEach((user, i) => {
    const counts = seen.get(user) ?? { clicks: 0, exposures: 0 };
    counts.clicks += scored.label[i]!;
    counts.exposures += 1;
    seen.set(user, counts);
  });
  const inside = (rate: number): boolean => rate >= low && (rate < high || high === 1);
  return new Set(
    [...seen].flatMap(([user, { clicks, exposures }]) =>
      inside(clicks / exposures) ? [user] : [],
    ),
  );
}

/** GAUC per slate of every model and the paired differences. Undefined without a row. */
export function compareGauc(
  scored: ScoredRows,
  seed: number,
  replicates: number,
): GaucReport | undefined {
  if (scored.label.length === 0) return undefined;
  const report = evaluatePredictions(
    { list: scored.slate, user: scored.user, label: scored.label },
    Object.fromEntries(
      COMPARED.map((name) => [name, { kind: 'score', scores: scored.logits[name] }]),
    ),
    { seed, replicates, cutoffs: [], compare: PAIRS },
  );
  return {
    rows: report.rows,
    users: report.users,
    gauc: Object.fromEntries(COMPARED.map((name) => [name, report.models[name]!.gauc!])) as Record<
      Compared,
      Estimate
    >,
    differences: Object.fromEntries(
      PAIRS.map(([a, b]) => [`${a} − ${b}`, report.differences[`${a} − ${b}`]!.gauc!]),
    ),
  };
}
