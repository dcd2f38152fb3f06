/** Which leaf of a Parquet file a column of the lake is. */
import type { ParquetFile } from '../../parquet/read/file.ts';
import type { Leaf } from '../../parquet/read/schema.ts';
import type { Holds, Source } from './loads.ts';

/** A list of scalars is `name.list.element`, a field of structs one name more; writers name them as they like. */
const LIST_PATH = 3;

const HOLDS: Record<Holds, (leaf: Leaf) => boolean> = {
  ints: ({ physical, logical }) =>
    physical === 'int32' && (!logical || (logical.kind === 'int' && logical.signed)),
  numbers: ({ physical, logical }) =>
    ['int32', 'int64', 'float', 'double'].includes(physical) &&
    (!logical || logical.kind === 'int'),
  texts: ({ physical, logical }) =>
    physical === 'bytes' && ['text', 'json', 'enum'].includes(logical?.kind ?? ''),
  lists: () => true,
};

/**
 * Finds the leaf of a column.
 * @returns undefined when the file has no such column, `'other'` when it has one in another form
 */
export function leafOf(
  { leaves }: Pick<ParquetFile, 'leaves'>,
  { column, field, list, holds }: Source & { holds: Holds },
): number | 'other' | undefined {
  const own = leaves.flatMap((leaf, i) => (leaf.path[0] === column ? [i] : []));
  if (own.length === 0) {
    // SQL takes names for the same whatever their case.
    return leaves.some(({ path }) => path[0]?.toLowerCase() === column) ? 'other' : undefined;
  }
  const fits = (i: number): boolean => {
    const { path, maxRepetition } = leaves[i]!;
    if (maxRepetition !== Number(list === true)) return false;
    if (!list) return path.length === 1;
    if (holds === 'lists') return true;
    if (field === undefined) return path.length <= LIST_PATH && own.length === 1;
    return path.length === LIST_PATH + 1 && path.at(-1) === field;
  };
  const [found, second] = own.filter(fits);
  if (found === undefined || (second !== undefined && holds !== 'lists')) return 'other';
  return HOLDS[holds](leaves[found]!) ? found : 'other';
}
