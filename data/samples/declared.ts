/** Declared features of a sample: computed from raw values, beside what the tensors make of them. */
import type { RawValues } from '../../device/features/columns.ts';
import type { FeatureInterpreter } from '../../device/features/interpreter.ts';
import { sourcesOf } from '../../device/features/parts.ts';
import type { SampleKind, Source } from '../../device/features/spec.ts';
import { type DeclaredColumn, declaredLayout, paddingOf } from '../features/declared/layout.ts';
import { pairsOf } from '../features/declared/pairs.ts';
import type { RawSource } from './raw-values.ts';
import type { Encoded } from './tensors.ts';
import { inWords } from './words.ts';

export interface ShownFeature {
  /** Section of features.json: `dense`, `actions.exposure`, `decay.page_view`, `context` …, `declared`, or `items`. */
  group: string;
  name: string;
  /** A row or index (int32) or a number (float32). */
  kind: 'index' | 'number';
  rule: string;
  /** First index of the group feature in the multi-hot vector; `values` count from it. */
  offset: number;
  axes: Source['axis'][];
  lengths: number[];
  /** Row-major along the axes. −1: nothing is known, no one is set in the multi-hot vector. */
  values: number[];
  sources: RawSource[];
  /** Where the features stage wrote them; `declared/<column>` of those that the models do not read. */
  tensor: string;
  /** Places of `values` that the tensor has otherwise; null when the sample is not encoded. */
  differs: { at: number; tensor: number | null }[] | null;
}

/** @param sources raw values by source; @param raw the same as the interpreter takes them */
export function declaredOf(
  kind: SampleKind,
  interpreter: FeatureInterpreter,
  sources: ReadonlyMap<string, RawSource>,
  raw: RawValues,
  encoded: Encoded,
): ShownFeature[] {
  const { spec } = interpreter;
  const { features } = declaredLayout(spec, kind);
  return spec.declared
    .filter(({ samples }) => samples.includes(kind))
    .map(({ name, expression }): ShownFeature => {
      const { axes, lengths, values } = interpreter.declared(name, raw);
      const columns = features.get(name)!;
      return {
        ...{ group: 'declared', name, offset: 0 },
        kind: values instanceof Float32Array ? 'number' : 'index',
        rule: inWords(expression),
        ...{ axes: [...axes], lengths: [...lengths], values: [...values] },
        sources: sourcesOf(expression).map((source) => sources.get(source)!),
        tensor: `declared/${columns.map((column) => column.name).join(' & ')}`,
        differs: differences(name, kind, [...values], lengths, columns, interpreter, encoded),
      };
    });
}

/** Where the tensors say otherwise; pairs are made of their parts, as training makes them. */
function differences(
  name: string,
  kind: SampleKind,
  values: readonly number[],
  lengths: readonly number[],
  columns: readonly DeclaredColumn[],
  interpreter: FeatureInterpreter,
  encoded: Encoded,
): ShownFeature['differs'] {
  if (!('declared' in encoded)) return null;
  const { declared } = encoded;
  if (columns.some((column) => !declared[column.name])) {
    return values.map((_, at) => ({ at, tensor: null }));
  }
  const [first] = columns;
  const isPair = lengths.length > 1;
  const there = isPair
    ? pairsOf(interpreter, kind, name, declared)
    : { shape: declared[first!.name]!.shape, data: declared[first!.name]!.data };
  const padding = isPair && there.data instanceof Int32Array ? -1 : isPair ? 0 : paddingOf(first!);
  // Rows of a pair's tensor are as long as the longest list; those of the values as long as this one.
  const [stride, length] = isPair
    ? [there.shape[2]!, lengths[1]!]
    : [there.data.length, values.length];
  const differs: { at: number; tensor: number | null }[] = [];
  const expected = new Float64Array(there.data.length).fill(padding);
  const places = new Map<number, number>();
  values.forEach((value, at) => {
    const place = length === 0 ? 0 : Math.floor(at / length) * stride + (at % length);
    places.set(place, at);
    if (place < expected.length) expected[place] = value;
    else differs.push({ at, tensor: null });
  });
  expected.forEach((value, place) => {
    const found = there.data[place]!;
    if (found !== value) differs.push({ at: places.get(place) ?? values.length, tensor: found });
  });
  return differs;
}
