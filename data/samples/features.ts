/** Every feature of a sample: computed by the device's interpreter from raw values, beside the tensors. */
import { FeatureInterpreter } from '../../device/features/interpreter.ts';
import type { Behaviour, Expression, GroupFeature, Source } from '../../device/features/spec.ts';
import type { SampleKind } from '../features/bindings.ts';
import type { Found } from './find.ts';
import type { ItemRows, KnownItem } from './items.ts';
import { asRawValues, listOf, type RawSource, rawSources, SEQUENCES } from './raw-values.ts';
import type { Encoded, Fitted } from './tensors.ts';
import { inWords, sourcesOf } from './words.ts';

export interface ShownFeature {
  /** Section of features.json: `dense`, `actions.exposure`, `decay.page_view`, `context` …, or `items.<field>`. */
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
  /** Where the features stage wrote them; null when this feature is in no tensor. */
  tensor: string | null;
  /** Places of `values` that the tensor has otherwise; null when the sample is not encoded. */
  differs: { at: number; tensor: number | null }[] | null;
}

type Shown = Omit<ShownFeature, 'rule' | 'sources' | 'differs' | 'kind'> & {
  kind?: ShownFeature['kind'];
  expression: Expression;
  /** Column of the tensor's last dimension, and how long that is. */
  place?: { f: number; width: number };
};

/** @returns every feature that samples of this kind have, in the order of features.json */
export function featuresOf(
  found: Found & { kind: SampleKind },
  { spec, vocabulary }: Fitted,
  itemAt: (id: string) => KnownItem,
  encoded: Encoded,
): ShownFeature[] {
  const interpreter = FeatureInterpreter.open(spec);
  const sources = rawSources(found, spec, itemAt);
  const raw = asRawValues(sources);
  const sequences = SEQUENCES[found.kind];
  const shown: Shown[] = [];

  for (const behaviour of ['exposure', 'page_view'] as const satisfies Behaviour[]) {
    const { columns, tensors } = sequences.find(({ axis }) => axis === behaviour)!;
    const lengths = [listOf(found.row, `${columns}_item`).length];
    const axes = [behaviour];
    const group = spec.actions[behaviour];
    const indexes = interpreter.actions(behaviour, raw);
    shown.push(
      ...group.map((feature, f) => ({
        ...{
          ...feature,
          group: `actions.${behaviour}`,
          axes,
          lengths,
          tensor: `${tensors}_action`,
        },
        values: every(indexes, f, group.length),
        place: { f, width: group.length },
      })),
    );
    const values = [...interpreter.decay(behaviour, raw)];
    const { expression } = spec.decay[behaviour];
    const decay = { group: 'decay', name: behaviour, expression, offset: 0, axes, lengths, values };
    shown.push({ ...decay, tensor: `${tensors}_decay` });
  }
  if (found.kind === 'rerank') {
    const lengths = [listOf(found.row, 'cand_item').length];
    const numbers = interpreter.dense(raw);
    shown.push(
      ...spec.dense.map(
        (feature, f): Shown => ({
          ...{
            ...feature,
            group: 'dense',
            kind: 'number',
            offset: 0,
            axes: ['candidate'],
            lengths,
          },
          values: every(numbers, f, spec.dense.length),
          tensor: 'cand_dense',
          place: { f, width: spec.dense.length },
        }),
      ),
    );
  }
  const [group, context] =
    found.kind === 'rerank'
      ? (['context', interpreter.context(raw)] as const)
      : (['decisionContext', interpreter.decisionContext(raw)] as const);
  shown.push(
    ...spec[group].map(
      (feature: GroupFeature, f): Shown => ({
        ...{ ...feature, group, axes: [], lengths: [], values: [context[f]!], tensor: 'context' },
        place: { f, width: spec[group].length },
      }),
    ),
  );
  for (const { name, expression } of spec.declared) {
    if (!sourcesOf(expression).every((source) => sources.has(source))) continue;
    const { axes, lengths, values } = interpreter.declared(name, raw);
    const kind = values instanceof Float32Array ? 'number' : 'index';
    const along = { axes: [...axes], lengths: [...lengths], values: [...values] };
    shown.push({ group: 'declared', name, expression, kind, offset: 0, ...along, tensor: null });
  }
  return [
    ...itemRows(found, spec.items.fields, vocabulary, itemAt, encoded),
    ...shown.map(({ expression, place, ...feature }) => {
      const read = sourcesOf(expression).map((source) => sources.get(source)!);
      const differs = differences(feature.values, feature.tensor, place, encoded);
      const values = feature.values.map((value) =>
        value < 0 && feature.kind !== 'number' ? -1 : value - feature.offset,
      );
      const kind = feature.kind ?? 'index';
      return { ...feature, kind, values, rule: inWords(expression), sources: read, differs };
    }),
  ];
}

const every = (values: ArrayLike<number>, f: number, width: number): number[] =>
  Array.from(values).filter((_, i) => i % width === f);

/** Rows of the id tables of every item that the sample names. */
function itemRows(
  { kind, row }: Found & { kind: SampleKind },
  fields: { name: keyof ItemRows; size: number }[],
  vocabulary: Fitted['vocabulary'],
  itemAt: (id: string) => KnownItem,
  encoded: Encoded,
): ShownFeature[] {
  return SEQUENCES[kind].flatMap(({ columns, tensors, axis }) => {
    const items = listOf<string>(row, `${columns}_item`);
    return fields.map(({ name }): ShownFeature => {
      const values = items.map((item) => itemAt(item).rows![name]);
      const texts =
        name === 'item' ? items : items.map((id) => itemAt(id).attributes?.[name] ?? null);
      const column = name === 'item' ? `${columns}_item` : `items.${name} of ${columns}_item`;
      const tensor = `${tensors}_${name}`;
      return {
        group: 'items',
        name: tensor,
        kind: 'index',
        rule: `row of the ${name} in the id table of ${vocabulary[name].length}; unknown: 0`,
        ...{ offset: 0, axes: [axis], lengths: [items.length], values, tensor },
        sources: [{ source: `${tensors}.${name}`, axis, column, raw: texts }],
        differs: differences(values, tensor, undefined, encoded),
      };
    });
  });
}

/** Where the tensor's row is not what was computed; after the last value it must hold padding. */
function differences(
  values: readonly number[],
  tensor: string | null,
  { f, width }: { f: number; width: number } = { f: 0, width: 1 },
  encoded: Encoded,
): ShownFeature['differs'] {
  if (tensor === null || !('tensors' in encoded)) return null;
  const written = encoded.tensors[tensor];
  if (!written) return values.map((_, at) => ({ at, tensor: null }));
  const there = every(written.values, f, width);
  const padding = /_(action|decay)$/.test(tensor) ? -1 : 0;
  const expected = there.map((_, at) => values[at] ?? padding);
  for (const value of values.slice(there.length)) expected.push(value);
  return expected.flatMap((value, at) =>
    there[at] === value ? [] : [{ at, tensor: there[at] ?? null }],
  );
}
