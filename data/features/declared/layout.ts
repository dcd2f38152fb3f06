/** Columns of `tensors/declared/<folder>/<date>.safetensors`, for who writes and who reads them. */
import { keyOf, partsOf } from '../../../device/features/parts.ts';
import type { Axis, Expression, FeatureSpec, SampleKind } from '../../../device/features/spec.ts';
import { typeOf } from '../../../device/features/type-of.ts';
import type { ColumnSpec } from '../tensor-file.ts';

export interface DeclaredColumn {
  /** The feature's name; `part.<n>` of a part of pairs, which several features may share. */
  name: string;
  expression: Expression;
  axis: Axis | null;
  /** I32 of a category (padding −1), F32 of a number (0); F64 of a number that is a part (NaN, also for null). */
  dtype: 'I32' | 'F32' | 'F64';
}

export interface DeclaredLayout {
  columns: DeclaredColumn[];
  /** By name of the feature: one column, or those of its parts in the order of evaluation. */
  features: Map<string, DeclaredColumn[]>;
}

type Spec = Pick<FeatureSpec, 'declared' | 'sources' | 'tables'>;

/** Features that pair candidates with behaviours are kept as parts (device/features/parts.ts). */
export function declaredLayout(spec: Spec, kind: SampleKind): DeclaredLayout {
  const parts = new Map<string, DeclaredColumn>();
  const features = new Map<string, DeclaredColumn[]>();
  const columnOf = (expression: Expression, name: string, exact: boolean): DeclaredColumn => {
    const type = typeOf(expression, spec);
    const number = exact ? 'F64' : 'F32';
    return {
      ...{ name, expression, axis: type.axes[0] ?? null },
      dtype: type.kind === 'number' ? number : 'I32',
    };
  };
  for (const { name, expression, samples } of spec.declared) {
    if (!samples.includes(kind)) continue;
    if (typeOf(expression, spec).axes.length < 2) {
      features.set(name, [columnOf(expression, name, false)]);
      continue;
    }
    const own = partsOf(expression, spec).map((part) => {
      const key = keyOf(part);
      const before = parts.get(key);
      if (before) return before;
      const column = columnOf(part, `part.${parts.size}`, true);
      parts.set(key, column);
      return column;
    });
    features.set(name, own);
  }
  const single = [...features.values()].filter(([first]) => !first!.name.startsWith('part.'));
  const all = [...parts.values(), ...single.flat()];
  // What takes 8 bytes comes first, so that every column is aligned.
  const isWide = ({ dtype }: DeclaredColumn) => dtype === 'F64';
  return {
    columns: [...all.filter(isWide), ...all.filter((column) => !isWide(column))],
    features,
  };
}

/** Axes of a layout's columns. */
export const axesOfLayout = ({ columns }: DeclaredLayout): Axis[] => [
  ...new Set(columns.flatMap(({ axis }) => (axis ? [axis] : []))),
];

export const lengthColumn = (axis: Axis): string => `length.${axis}`;
export const USER_COLUMN = 'row.user';

/** With how many values of each axis a row has, and the user's place. */
export function declaredTensors(
  layout: DeclaredLayout,
  lists: Partial<Record<Axis, number>>,
): Record<string, ColumnSpec> {
  const columns = layout.columns.map(({ name, axis, dtype }): [string, ColumnSpec] => [
    name,
    { dtype, shape: axis ? [lists[axis]!] : [] },
  ]);
  const counts = [...axesOfLayout(layout).map(lengthColumn), USER_COLUMN];
  return {
    ...Object.fromEntries(columns),
    ...Object.fromEntries(counts.map((name) => [name, { dtype: 'I32', shape: [] }])),
  };
}

/** What a column holds after the last value. */
export const paddingOf = ({ dtype }: DeclaredColumn): number =>
  dtype === 'I32' ? -1 : dtype === 'F32' ? 0 : Number.NaN;
