/** How far a target's numbers are from tfjs's, and whether the profile's step sizes explain it. */
import { Random } from '../../lib/random.ts';
import { calibrate } from '../graph/calibrate.ts';
import { expandComposites } from '../graph/expand.ts';
import type { NamedArrays } from '../graph/interpret.ts';
import { at, type Graph } from '../graph/ir.ts';
import { planQuantization } from '../tflite/plan.ts';
import { perRow, perRowOrOne } from '../tflite/quantize.ts';
import { planStorage } from '../tflite/storage.ts';
import { record } from '../trace/record.ts';
import { furthestOutside, largest, outputBounds, type Rounding, relativeWidth } from './bounds.ts';
import { expected, largestError, load, randomInputs, type Subject, type Target } from './parity.ts';

const CALIBRATION_ROWS = 40;
const TESTED_ROWS = 3;

/** A recorded subject with random rows and what tfjs makes of the first of them. */
export interface Prepared {
  graph: Graph;
  rows: NamedArrays[];
  wanted: NamedArrays[];
  /** The largest magnitude that an output takes in all rows. */
  scale: number;
}

export function prepare(subject: Subject, seed: number): Prepared {
  const rows = Array.from({ length: CALIBRATION_ROWS }, (_, i) =>
    randomInputs(subject, Random.of(seed, 'row', i)),
  );
  const results = rows.map((inputs) => expected(subject, inputs));
  const scale = largest(...results.flatMap((outputs) => Object.values(outputs)));
  return {
    graph: record(subject.run, subject.inputs, { masks: subject.masks }),
    rows,
    wanted: results.slice(0, TESTED_ROWS),
    scale,
  };
}

export interface Deviation {
  /**
   * In units of the largest value that the outputs take: the largest difference for float32 targets,
   * the root mean square for others.
   */
  error: number;
  /** How far outside the bounds of the profile an element is, relative; 0 when all are inside. */
  outside: number;
  /** Mean width of the bounds in units of the largest magnitude: above 1 they say little. */
  width: number;
}

/** The least that a constant must hold to be packed; small shapes would otherwise stay float32. */
const SMALLEST = 2;

function roundingOf({ graph: recorded, rows }: Prepared, target: Target): Rounding {
  const graph = expandComposites(recorded);
  switch (target) {
    case 'int8':
    case 'onnxInt8': {
      const plan = planQuantization(graph, calibrate(graph, rows));
      return { profile: 'int8', plan, dense: target === 'int8' ? perRowOrOne : perRow };
    }
    case 'float16':
    case 'hybrid': {
      const storage = planStorage(graph, { profile: target, smallest: SMALLEST });
      return { profile: 'stored', storage };
    }
    case 'onnxDynamic':
      return { profile: 'dynamic', smallest: SMALLEST };
    default:
      return { profile: 'float32' };
  }
}

/**
 * Runs a target on the first rows. The calibration has seen them, so that what is measured is
 * rounding, not values beyond the range.
 */
export async function deviation(prepared: Prepared, target: Target): Promise<Deviation> {
  const { graph, rows, wanted } = prepared;
  const { model } = await load(graph, target, rows, SMALLEST);
  const rounding = roundingOf(prepared, target);
  const pairs: [NamedArrays, NamedArrays][] = [];
  let [outside, width] = [0, 0];
  for (const [i, results] of wanted.entries()) {
    const inputs = at(rows, i);
    const got = await model.run(inputs);
    const bounds = outputBounds(expandComposites(graph), rounding, inputs);
    outside = Math.max(outside, furthestOutside(bounds, got));
    width = Math.max(width, relativeWidth(bounds));
    pairs.push([results, got]);
  }
  await model.dispose();
  const error =
    rounding.profile === 'float32'
      ? Math.max(...pairs.map(([results, got]) => largestError(results, got)))
      : rootMeanSquare(pairs) / Math.max(prepared.scale, 1e-3);
  return { error, outside, width };
}

/** Root mean square of the differences, all outputs together. */
function rootMeanSquare(pairs: readonly [NamedArrays, NamedArrays][]): number {
  let [errors, count] = [0, 0];
  for (const [wanted, got] of pairs) {
    for (const [name, data] of Object.entries(wanted)) {
      data.forEach((x, i) => {
        errors += (x - (got[name]?.[i] ?? Number.NaN)) ** 2;
        count++;
      });
    }
  }
  return Math.sqrt(errors / count);
}
