/** Ranges of every value over sample rows: what quantisation needs to know about a graph. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { expandComposites } from './expand.ts';
import { fingerprint } from './fingerprint.ts';
import { interpreter, type NamedArrays } from './interpret.ts';
import { type Graph, type TypedArray, type ValueId, valueById } from './ir.ts';

export interface Range {
  min: number;
  max: number;
}

export interface Calibration {
  /** By value of the graph without composite operations; float32, computed at least once. */
  ranges: ReadonlyMap<ValueId, Range>;
  rows: number;
  /** The fingerprint of that graph: the ranges are of no use to another one. */
  graph: string;
}

export interface CalibrationOptions extends RunOptions {
  /**
   * Part of a value's elements that the range must hold, the rest is cut off in equal parts on both
   * sides: 0.9999 leaves out one in ten thousand. 1 takes the smallest and the largest.
   * @default 1
   */
  coverage?: number;
}

const BINS = 2048;
const ROWS_PER_REPORT = 16;

function extremes(data: Float32Array, known: Range | undefined): Range {
  let min = known?.min ?? Number.POSITIVE_INFINITY;
  let max = known?.max ?? Number.NEGATIVE_INFINITY;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
    // Neither smaller nor larger than anything, a NaN would otherwise pass unseen.
    if (Number.isNaN(value)) return { min: value, max: value };
  }
  return { min, max };
}

function addToHistogram(bins: Float64Array, data: TypedArray, { min, max }: Range): void {
  const perUnit = BINS / (max - min);
  for (let i = 0; i < data.length; i++) {
    const bin = Math.min(BINS - 1, Math.floor(((data[i] as number) - min) * perUnit));
    bins[bin] = (bins[bin] as number) + 1;
  }
}

/** The narrowest range of whole bins that leaves at most the tails outside. */
function trimmed(bins: Float64Array, { min, max }: Range, coverage: number): Range {
  const total = bins.reduce((sum, n) => sum + n, 0);
  const tail = (total * (1 - coverage)) / 2;
  let [low, high] = [0, BINS - 1];
  for (let cut = 0; low < high && cut + (bins[low] as number) <= tail; low++) {
    cut += bins[low] as number;
  }
  for (let cut = 0; high > low && cut + (bins[high] as number) <= tail; high--) {
    cut += bins[high] as number;
  }
  const width = (max - min) / BINS;
  return { min: min + low * width, max: min + (high + 1) * width };
}

/**
 * Runs the reference interpreter over the rows (twice when `coverage` is below 1). Rows are the
 * graph's inputs; take them from training data, a few hundred, never from test data.
 * @throws EdgeloomError `bad-input` for rows that do not fit, `bad-calibration` for none and for values
 *   that are not finite
 */
export function calibrate(
  recorded: Graph,
  rows: readonly NamedArrays[],
  { coverage = 1, signal, onProgress }: CalibrationOptions = {},
): Calibration {
  const graph = expandComposites(recorded);
  const refuse = (what: string, fix: string) =>
    new EdgeloomError({ code: 'bad-calibration', what, where: `graph ${recorded.name}`, fix });
  if (rows.length === 0) {
    throw refuse('Calibration needs at least one row', 'pass some hundred rows of training data');
  }
  if (!(coverage > 0 && coverage <= 1)) {
    throw refuse(`The coverage is ${coverage}`, 'give the share of values to hold: 0.9999');
  }
  const run = interpreter(graph);
  const ranges = new Map<ValueId, Range>();
  const each = (message: string, visit: (id: ValueId, data: Float32Array) => void): void => {
    rows.forEach((row, i) => {
      signal?.throwIfAborted();
      if (i % ROWS_PER_REPORT === 0) onProgress?.({ message, fraction: i / rows.length });
      run.run(row, (id, data) => {
        if (data instanceof Float32Array) visit(id, data);
      });
    });
  };
  each('calibrating', (id, data) => ranges.set(id, extremes(data, ranges.get(id))));
  for (const [id, { min, max }] of ranges) {
    if (!Number.isFinite(min) || !Number.isFinite(max)) {
      throw refuse(
        `${valueById(graph, id).name} is not finite on the calibration rows: ${Number.isFinite(min) ? max : min}`,
        'mask with −1e9 in place of −Infinity, and look for divisions by 0 and logarithms of 0',
      );
    }
  }
  if (coverage < 1) {
    const histograms = new Map<ValueId, Float64Array>();
    each('calibrating, second pass', (id, data) => {
      const range = ranges.get(id);
      if (!range || range.max === range.min) return;
      const bins = histograms.get(id) ?? new Float64Array(BINS);
      addToHistogram(bins, data, range);
      histograms.set(id, bins);
    });
    for (const [id, bins] of histograms) {
      ranges.set(id, trimmed(bins, ranges.get(id) as Range, coverage));
    }
  }
  return { ranges, rows: rows.length, graph: fingerprint(graph) };
}
