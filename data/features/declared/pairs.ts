/** Features that pair candidates with behaviours, made of their parts as training's attention needs them. */
import type { NumberColumn } from '../../../device/features/columns.ts';
import type { FeatureInterpreter } from '../../../device/features/interpreter.ts';
import { keyOf } from '../../../device/features/parts.ts';
import type { SampleKind } from '../../../device/features/spec.ts';
import type { NamedTensor } from '../../../lib/safetensors.ts';
import { declaredLayout, lengthColumn } from './layout.ts';

/** [rows, candidates, behaviours]: int32 indexes with −1 as padding, or float32 numbers with 0. */
export interface PairTensor {
  shape: [number, number, number];
  data: Int32Array | Float32Array;
}

/**
 * Evaluates the expression of `features.json` over stored parts with the device's own interpreter: there is
 * no second definition. A batch at a time: a row has as many values as candidates times behaviours.
 *
 * @param name of a declared feature along candidates and one kind of behaviours
 * @param tensors rows of `tensors/declared/<folder>/<date>.safetensors`
 */
export function pairsOf(
  interpreter: FeatureInterpreter,
  kind: SampleKind,
  name: string,
  tensors: Record<string, NamedTensor>,
): PairTensor {
  const parts = declaredLayout(interpreter.spec, kind).features.get(name);
  if (!parts || !parts[0]!.name.startsWith('part.')) {
    throw new RangeError(`${name} pairs nothing in ${kind} samples`);
  }
  const behaviours = parts.map(({ axis }) => axis).find((axis) => axis && axis !== 'candidate')!;
  const width = (axis: typeof behaviours): number =>
    tensors[parts.find((part) => part.axis === axis)!.name]!.shape[1]!;
  const [N, K] = [width('candidate'), width(behaviours)];
  const counts = {
    candidate: tensors[lengthColumn('candidate')]!.data,
    behaviour: tensors[lengthColumn(behaviours)]!.data,
  };
  const rows = counts.candidate.length;
  let data: Int32Array | Float32Array | undefined;
  for (let row = 0; row < rows; row++) {
    const given = new Map<string, NumberColumn>();
    for (const { name: column, axis, expression } of parts) {
      const perRow = axis === null ? 1 : axis === 'candidate' ? N : K;
      const n =
        axis === null ? 1 : (axis === 'candidate' ? counts.candidate : counts.behaviour)[row]!;
      const values = Float64Array.from(
        tensors[column]!.data.subarray(row * perRow, row * perRow + n),
      );
      given.set(keyOf(expression), { axes: axis ? [axis] : [], lengths: axis ? [n] : [], values });
    }
    const { values, lengths } = interpreter.declaredFromParts(name, given);
    data ??=
      values instanceof Int32Array
        ? new Int32Array(rows * N * K).fill(-1)
        : new Float32Array(rows * N * K);
    const k = lengths[1]!;
    for (let c = 0; c < lengths[0]!; c++) {
      data.set(values.subarray(c * k, (c + 1) * k), (row * N + c) * K);
    }
  }
  return { shape: [rows, N, K], data: data ?? new Int32Array(0) };
}
