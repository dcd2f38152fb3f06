/** Which leaves of a Parquet file must be what, for each event type. */
import type { EventType } from '../../contracts/device-log.ts';
import type { ParquetFile } from '../../parquet/read/file.ts';
import { fitsRule, type LeafRule, type TypeRules } from './contract-rules.ts';

/** A column of the file: what rows of a type must have in it. */
export interface PlannedColumn {
  name: string;
  /** Numbers of its leaves that can be read, with their paths. */
  leaves: { leaf: number; path: string }[];
  /** By type, then by path of the leaf; a type that is not there must have null. */
  rules: Map<EventType, ReadonlyMap<string, LeafRule>>;
}

export interface GroupPlan {
  columns: PlannedColumn[];
  /** Types of which rows can be staged. */
  types: ReadonlySet<EventType>;
}

/**
 * Whether the leaves of a column are all what the type's rules know, and none is missing that must be
 * there.
 */
function rulesFor(
  file: ParquetFile,
  leaves: readonly { leaf: number; path: string }[],
  paths: readonly string[],
  { leaves: rules }: TypeRules,
): ReadonlyMap<string, LeafRule> | undefined {
  const found = new Map<string, LeafRule>();
  for (const { leaf, path } of leaves) {
    const rule = rules.get(path);
    if (!rule || !fitsRule(file.leaves[leaf]!, rule)) return undefined;
    found.set(path, rule);
  }
  return paths.every((path) => found.has(path) || !rules.get(path)!.required) ? found : undefined;
}

/** @returns undefined when the file has a column that no type has, or that cannot be read here */
export function groupPlan(
  file: ParquetFile,
  rules: ReadonlyMap<EventType, TypeRules>,
): GroupPlan | undefined {
  const byName = new Map<string, { leaf: number; path: string }[]>();
  file.leaves.forEach(({ path }, leaf) => {
    const name = path[0]!;
    byName.set(name, [...(byName.get(name) ?? []), { leaf, path: path.join('.') }]);
  });
  // Of two columns with one name the rows, read one by one, know the second under another.
  const paths = file.leaves.map(({ path }) => path.join('.'));
  if (new Set(paths).size < paths.length) return undefined;
  const columns: PlannedColumn[] = [];
  for (const [name, leaves] of byName) {
    const readable = leaves.filter(({ leaf }) => file.leaves[leaf]!.unsupported === undefined);
    const owners = [...rules].filter(([, { columns: names }]) => names.has(name));
    if (owners.length === 0 || readable.length === 0) return undefined;
    const planned: PlannedColumn = { name, leaves: readable, rules: new Map() };
    for (const [type, own] of owners) {
      const found = rulesFor(file, leaves, own.columns.get(name)!, own);
      if (found && found.size > 0) planned.rules.set(type, found);
    }
    columns.push(planned);
  }
  const complete = ([type, { required }]: [EventType, TypeRules]): boolean =>
    required.every((name) =>
      columns.some((column) => column.name === name && column.rules.has(type)),
    );
  return { columns, types: new Set([...rules].filter(complete).map(([type]) => type)) };
}
