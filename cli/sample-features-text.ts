/** Features of a sample as lines: rule, where from, raw value → value. */
import type { ShownFeature } from '../data/samples/declared.ts';
import { value } from './sample-words.ts';
import { paragraph, wrap } from './text-table.ts';

/** Above so many values, how often each occurs is told instead. */
const MOST_VALUES = 64;

export function featureLines(features: readonly ShownFeature[], width: number): string[] {
  const lines: string[] = [];
  let group = '';
  for (const feature of features) {
    if (feature.group !== group) lines.push('', `  ${feature.group}`);
    group = feature.group;
    const { name } = feature;
    const size = feature.values.length;
    const state = ` [${feature.tensor}${stateOf(feature)}]`;
    lines.push(...paragraph(`${name}${state}: ${feature.rule}`, width, '    '));
    const from = feature.sources.map(({ source, column }) => `${source} = ${column}`).join(', ');
    const offset = feature.offset > 0 ? `; multi-hot from ${feature.offset}` : '';
    lines.push(...paragraph(`from ${from}${offset}`, width, '      '));
    lines.push(...wrap(size > MOST_VALUES ? tally(feature) : cells(feature), width, '      '));
    for (const { at, tensor } of feature.differs ?? []) {
      lines.push(`      DIFFERS at ${at + 1}: the tensor has ${value(tensor)}`);
    }
  }
  return lines;
}

const stateOf = ({ differs }: ShownFeature): string => {
  if (differs === null) return '';
  return differs.length === 0 ? ', equal' : `, ${differs.length} DIFFER`;
};

/** `place:raw→value` along one axis; one value of the moment has no place. */
function cells({ values, axes, lengths, sources }: ShownFeature): string[] {
  if (values.length === 0) return ['(none)'];
  const shown = values.map((result, at) => {
    const raws = sources
      .filter(({ source }) => source !== 'moment.now')
      .map(({ axis, raw }) => {
        if (!Array.isArray(raw)) return value(raw);
        return value(raw[placeAlong(axis, at, axes, lengths)]);
      });
    return `${raws.join(' & ')} → ${result === -1 ? 'none' : value(result)}`;
  });
  return axes.length === 0 ? shown : shown.map((text, at) => `${at + 1}: ${text}`);
}

/** Place of a value in the list of one of its axes. */
function placeAlong(
  axis: ShownFeature['axes'][number],
  at: number,
  axes: ShownFeature['axes'],
  lengths: readonly number[],
): number {
  const which = axes.indexOf(axis);
  const after = lengths.slice(which + 1).reduce((product, n) => product * n, 1);
  return which < 0 ? at : Math.floor(at / after) % lengths[which]!;
}

/** How often each value occurs, by value. */
function tally({ values, lengths }: ShownFeature): string[] {
  const counts = new Map<number, number>();
  for (const one of values) counts.set(one, (counts.get(one) ?? 0) + 1);
  const each = [...counts].sort(([a], [b]) => a - b).map(([one, n]) => `${value(one)} ×${n}`);
  return [`${lengths.join(' × ')} values:`, ...each];
}
