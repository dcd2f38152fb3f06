/**
 * Uplift metrics for rows of a randomised experiment: Qini curve, normalised Qini, AdaRequest's
 * area and Qini(50), uplift by decile, average treatment effect, MSE of the transformed outcome.
 *
 * Two conventions exist and their numbers are not comparable; both are here under their own names.
 *
 * `normalisedQini` is the Qini coefficient of scikit-uplift 0.5 (`qini_auc_score` with
 * `negative_effect=True`; what DESCN calls AUUC). Rows sorted by score, highest first; at every
 * distinct score, over the rows down to it,
 *
 *     x = rows       y = Y_t − Y_c · N_t / N_c       (0 control rows: y = Y_t)
 *
 *     Qini = (area(curve) − area(chord)) / (area(perfect curve) − area(chord))
 *
 * where the perfect score is y·t − y·(1 − t) and the chord joins (0, 0) to the end point.
 * A random score has expectation 0, the perfect one has 1.
 *
 * `adaRequestQini` is AdaRequest's (KDD 2022): x = share of rows, y = Y_t(x) / N_t − Y_c(x) / N_c
 * with N of the whole set, so that y(1) is the average treatment effect; the area is taken above
 * the diagonal and Qini(50) is y at one half.
 *
 * Propensities. When they differ between rows, a treated row weighs p̄ / p and a control row
 * (1 − p̄) / (1 − p): inverse propensity weights, scaled by the mean propensity p̄ so that a constant
 * propensity, whatever its value, weighs every row 1 and leaves the published definitions as they
 * are. The horizontal axis counts rows, not weights: it is the part of the population that is asked.
 */
import { EdgeloomError } from '../../lib/errors.ts';

/** Rows of a randomised experiment, column by column; all columns have one length. */
export interface UpliftRows {
  /** Higher is asked first. */
  score: ArrayLike<number>;
  /** 0 or 1. */
  outcome: ArrayLike<number>;
  /** 1 treated, 0 control. */
  arm: ArrayLike<number>;
  /** P(arm = 1) when the row was drawn, strictly between 0 and 1; absent means constant. */
  propensity?: ArrayLike<number> | undefined;
}

/** Points of a curve, from (0, 0) on. */
export interface Curve {
  x: Float64Array;
  y: Float64Array;
}

/**
 * How often each unit counts; a bootstrap resample is one of these. A unit is a row unless the rows
 * were sorted with `units`. Absent means once.
 */
export type Multiplicity = ArrayLike<number>;

const fail = (what: string, fix: string): never => {
  throw new EdgeloomError({ code: 'bad-uplift-rows', what, where: 'models/metrics/qini', fix });
};

/**
 * Refuses rows on which an uplift metric has no meaning.
 * @throws EdgeloomError `bad-uplift-rows`
 */
export function checkUpliftRows(rows: UpliftRows): void {
  const n = rows.score.length;
  if (n === 0) fail('There are no rows', 'give at least one treated and one control row');
  for (const name of ['outcome', 'arm', 'propensity'] as const) {
    const column = rows[name];
    if (column && column.length !== n) {
      fail(`${name} has ${column.length} rows, score has ${n}`, 'give columns of one length');
    }
  }
  let treated = 0;
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(rows.score[i])) fail(`score[${i}] is not finite`, 'score every row');
    for (const name of ['outcome', 'arm'] as const) {
      const value = rows[name][i];
      if (value !== 0 && value !== 1) fail(`${name}[${i}] is ${value}`, 'use 0 and 1 only');
    }
    treated += rows.arm[i]!;
    const p = rows.propensity?.[i];
    if (p !== undefined && !(p > 0 && p < 1)) {
      fail(`propensity[${i}] is ${p}`, 'keep rows whose arm was drawn with a chance inside (0, 1)');
    }
  }
  if (treated === 0 || treated === n) {
    fail('All rows are in one arm', 'keep the rows of both arms of the experiment');
  }
}

/** Inverse propensity weight of every row, 1 everywhere when the propensity is constant. */
export function propensityWeights(rows: UpliftRows): Float64Array {
  const n = rows.score.length;
  const weights = new Float64Array(n).fill(1);
  const { arm, propensity } = rows;
  if (!propensity) return weights;
  let mean = 0;
  let constant = true;
  for (let i = 0; i < n; i++) {
    mean += propensity[i]! / n;
    constant &&= propensity[i] === propensity[0];
  }
  if (constant) return weights;
  for (let i = 0; i < n; i++) {
    weights[i] = arm[i] === 1 ? mean / propensity[i]! : (1 - mean) / (1 - propensity[i]!);
  }
  return weights;
}

/** Rows in the order of a score, highest first, so that thousands of resamples each cost one pass. */
export interface SortedRows {
  /** Row numbers. */
  order: Int32Array;
  /** The unit of each place. */
  unit: Int32Array;
  treated: Uint8Array;
  weight: Float64Array;
  /** Weight times outcome. */
  gain: Float64Array;
  /** 1 where the next place has another score, and at the last place. */
  ends: Uint8Array;
}

/**
 * Sorts rows by a score, ties marked. Does not check the rows.
 * @param units who each row belongs to; absent: every row is a unit of its own
 */
export function sortRows(
  rows: UpliftRows,
  score: ArrayLike<number> = rows.score,
  units?: ArrayLike<number>,
): SortedRows {
  const n = score.length;
  const weights = propensityWeights(rows);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  order.sort((a, b) => score[b]! - score[a]! || a - b);
  return {
    order,
    unit: units ? order.map((row) => units[row]!) : order,
    treated: Uint8Array.from(order, (row) => rows.arm[row]!),
    weight: Float64Array.from(order, (row) => weights[row]!),
    gain: Float64Array.from(order, (row) => weights[row]! * rows.outcome[row]!),
    ends: Uint8Array.from(order, (row, i) =>
      i === n - 1 || score[row] !== score[order[i + 1]!] ? 1 : 0,
    ),
  };
}

/** The score that ranks treated responders first and control responders last. */
export function perfectScore(rows: UpliftRows): Float64Array {
  const n = rows.score.length;
  return Float64Array.from({ length: n }, (_, i) => rows.outcome[i]! * (2 * rows.arm[i]! - 1));
}

interface Totals {
  rows: number;
  treated: number;
  control: number;
  treatedOutcome: number;
  controlOutcome: number;
}

/** Visits every distinct score, highest first, with the totals of the rows down to it. */
function walk(
  { unit, treated, weight, gain, ends }: SortedRows,
  multiplicity: Multiplicity | undefined,
  visit: (totals: Totals) => void,
): Totals {
  const totals = { rows: 0, treated: 0, control: 0, treatedOutcome: 0, controlOutcome: 0 };
  for (let i = 0; i < unit.length; i++) {
    const times = multiplicity ? multiplicity[unit[i]!]! : 1;
    totals.rows += times;
    if (treated[i] === 1) {
      totals.treated += times * weight[i]!;
      totals.treatedOutcome += times * gain[i]!;
    } else {
      totals.control += times * weight[i]!;
      totals.controlOutcome += times * gain[i]!;
    }
    if (ends[i] === 1) visit(totals);
  }
  return totals;
}

const qiniY = (t: Totals): number =>
  t.treatedOutcome - (t.control > 0 ? (t.controlOutcome * t.treated) / t.control : 0);

/** Area under the Qini curve (trapezoids) and its end point, without building the curve. */
function qiniArea(
  sorted: SortedRows,
  multiplicity?: Multiplicity,
): { area: number; chord: number } {
  let area = 0;
  let x = 0;
  let y = 0;
  walk(sorted, multiplicity, (totals) => {
    const height = qiniY(totals);
    area += ((totals.rows - x) * (height + y)) / 2;
    x = totals.rows;
    y = height;
  });
  return { area, chord: (x * y) / 2 };
}

/** Qini curve: x rows, y incremental outcomes among them (scikit-uplift's `qini_curve`). */
export function qiniCurve(rows: UpliftRows): Curve {
  checkUpliftRows(rows);
  const x = [0];
  const y = [0];
  walk(sortRows(rows), undefined, (totals) => {
    x.push(totals.rows);
    y.push(qiniY(totals));
  });
  return { x: Float64Array.from(x), y: Float64Array.from(y) };
}

/** Everything that `normalisedQini` needs of the rows, sorted once; for resampling. */
export interface QiniPlan {
  actual: SortedRows;
  perfect: SortedRows;
}

export function planQini(
  rows: UpliftRows,
  score: ArrayLike<number> = rows.score,
  units?: ArrayLike<number>,
): QiniPlan {
  return {
    actual: sortRows(rows, score, units),
    perfect: sortRows(rows, perfectScore(rows), units),
  };
}

/**
 * The Qini coefficient of planned rows. NaN when the perfect curve is a straight line (no outcome,
 * or one arm only, which a small resample can be).
 */
export function qiniOfPlan({ actual, perfect }: QiniPlan, multiplicity?: Multiplicity): number {
  const found = qiniArea(actual, multiplicity);
  const best = qiniArea(perfect, multiplicity);
  const room = best.area - best.chord;
  return room > 1e-12 * Math.max(1, Math.abs(best.area)) ? (found.area - best.chord) / room : NaN;
}

/** Qini coefficient: 0 in expectation for a random score, 1 for the perfect one; NaN without outcomes. */
export function normalisedQini(rows: UpliftRows): number {
  checkUpliftRows(rows);
  return qiniOfPlan(planQini(rows));
}

/** AdaRequest's three numbers, as rates per row of an arm. */
export interface AdaRequestQini {
  /** Area between the curve and the diagonal, "Qini AUUC". */
  area: number;
  /** Height at half of the rows, "Qini(50)", with straight lines between distinct scores. */
  at50: number;
  /** Height at the end: the average treatment effect. */
  ate: number;
}

/** AdaRequest's Qini of sorted rows; NaN when an arm is empty. */
export function adaRequestOfSorted(
  sorted: SortedRows,
  multiplicity?: Multiplicity,
): AdaRequestQini {
  const all = walk(sorted, multiplicity, () => undefined);
  let area = 0;
  let at50 = NaN;
  let x = 0;
  let y = 0;
  walk(sorted, multiplicity, (totals) => {
    const right = totals.rows / all.rows;
    const height = totals.treatedOutcome / all.treated - totals.controlOutcome / all.control;
    area += ((right - x) * (height + y)) / 2;
    if (x < 0.5 && right >= 0.5) at50 = y + ((height - y) * (0.5 - x)) / (right - x);
    x = right;
    y = height;
  });
  return { area: area - y / 2, at50, ate: y };
}

/** AdaRequest's area, Qini(50) and average treatment effect, in outcomes per row. */
export function adaRequestQini(rows: UpliftRows): AdaRequestQini {
  checkUpliftRows(rows);
  return adaRequestOfSorted(sortRows(rows));
}

/** One bin of `upliftByQuantile`. */
export interface UpliftBin {
  /** 1 = the highest scores. */
  bin: number;
  rows: number;
  treated: number;
  control: number;
  meanScore: number;
  treatedRate: number;
  controlRate: number;
  /** treatedRate − controlRate; NaN when an arm is empty in the bin. */
  uplift: number;
}

/**
 * Observed uplift in `bins` groups of equal size (within one row), highest scores first.
 * Rows of equal score fall in input order: with many ties, bins next to each other mix.
 */
export function upliftByQuantile(rows: UpliftRows, bins = 10): UpliftBin[] {
  checkUpliftRows(rows);
  const { order, treated, weight, gain } = sortRows(rows);
  const n = order.length;
  return Array.from({ length: bins }, (_, b) => {
    const from = Math.floor((b * n) / bins);
    const to = Math.floor(((b + 1) * n) / bins);
    const mass = [0, 0];
    const hits = [0, 0];
    const counts = [0, 0];
    let scores = 0;
    for (let i = from; i < to; i++) {
      const a = treated[i]!;
      counts[a]! += 1;
      mass[a]! += weight[i]!;
      hits[a]! += gain[i]!;
      scores += rows.score[order[i]!]!;
    }
    const rate = (a: number): number => (mass[a]! > 0 ? hits[a]! / mass[a]! : NaN);
    return {
      bin: b + 1,
      rows: to - from,
      treated: counts[1]!,
      control: counts[0]!,
      meanScore: to > from ? scores / (to - from) : NaN,
      treatedRate: rate(1),
      controlRate: rate(0),
      uplift: rate(1) - rate(0),
    };
  });
}

/** Observed difference of the arms' outcome rates, propensity weighted. */
export function averageTreatmentEffect(rows: UpliftRows): number {
  return adaRequestQini(rows).ate;
}

/**
 * Mean squared error between a predicted effect (a difference of probabilities) and the transformed
 * outcome Y* = y·t/p − y·(1 − t)/(1 − p), whose expectation given the features is the effect.
 * Without propensities p is the treated share. Only differences between models mean something:
 * the noise of Y* is most of it.
 */
export function mseTransformedOutcome(rows: UpliftRows, effect: ArrayLike<number>): number {
  checkUpliftRows(rows);
  const n = effect.length;
  if (n !== rows.score.length) fail('effect and rows differ in length', 'predict every row');
  let treated = 0;
  for (let i = 0; i < n; i++) treated += rows.arm[i]!;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const p = rows.propensity?.[i] ?? treated / n;
    const t = rows.arm[i]!;
    const transformed = (rows.outcome[i]! * (t - p)) / (p * (1 - p));
    sum += (transformed - effect[i]!) ** 2 / n;
  }
  return sum;
}
