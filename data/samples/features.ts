/** Every feature of a sample: computed by the device's interpreter from raw values, beside the tensors. */

import type { RawValues } from '../../device/features/columns.ts';
import { FeatureInterpreter } from '../../device/features/interpreter.ts';
import { sourcesOf } from '../../device/features/parts.ts';
import type { Behaviour, Expression, GroupFeature } from '../../device/features/spec.ts';
import { declaredOf, type ShownFeature } from './declared.ts';
import type { FeaturedSample } from './find.ts';
import type { ItemRows, KnownItem } from './items.ts';
import { asRawValues, listOf, rawSources, SEQUENCES } from './raw-values.ts';
import type { Encoded, Fitted } from './tensors.ts';
import { inWords } from './words.ts';

type Shown = Omit<ShownFeature, 'rule' | 'sources' | 'differs' | 'kind'> & {
  kind?: ShownFeature['kind'];
  expression: Expression;
  /** Column of the tensor's last dimension, and how long that is. */
  place?: { f: number; width: number };
};

/** @returns every feature that samples of this kind have, in the order of features.json */
export function featuresOf(
  found: FeaturedSample,
  { spec, vocabulary }: Fitted,
  itemAt: (id: string) => KnownItem,
  encoded: Encoded,
): ShownFeature[] {
  const interpreter = FeatureInterpreter.open(spec);
  const sources = rawSources(found, spec, itemAt);
  const raw = asRawValues(sources);
  const shown: Shown[] = [];
  if (found.kind !== 'video')
    shown.push(...readByModels(found, found.kind, spec, interpreter, raw));
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
    ...declaredOf(found.kind, interpreter, sources, raw, encoded),
  ];
}

/** Features of the groups that the models read. */
function readByModels(
  found: FeaturedSample,
  kind: 'rerank' | 'decision',
  spec: Fitted['spec'],
  interpreter: FeatureInterpreter,
  raw: RawValues,
): Shown[] {
  const sequences = SEQUENCES[kind];
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
  if (kind === 'rerank') {
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
    kind === 'rerank'
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
  return shown;
}

const every = (values: ArrayLike<number>, f: number, width: number): number[] =>
  Array.from(values).filter((_, i) => i % width === f);

/** Rows of the id tables of every item that the sample names. */
function itemRows(
  { kind, row }: FeaturedSample,
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
  tensor: string,
  { f, width }: { f: number; width: number } = { f: 0, width: 1 },
  encoded: Encoded,
): ShownFeature['differs'] {
  if (!('tensors' in encoded)) return null;
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
