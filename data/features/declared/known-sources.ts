/** Which sources the training days know, and why not the others. */
import type { SampleKind } from '../../../device/features/spec.ts';
import { SOURCES } from '../../contracts/feature-sources.ts';
import type { DuckDb } from '../../duckdb.ts';
import { attributeOf, axesOf, columnName, itemColumn, listSql } from '../bindings.ts';
import type { Catalogue } from '../catalogue.ts';

/** Why a source is null in every training row of a kind of samples; undefined when it is not. */
export type WhyUnknown = (kind: SampleKind, source: string) => string | undefined;

/** @param trainEnd attributes that became valid later do not count, ms */
export async function knownSources(
  db: DuckDb,
  kinds: readonly SampleKind[],
  catalogue: Catalogue,
  trainEnd: number,
): Promise<WhyUnknown> {
  const counts = new Map<SampleKind, Record<string, number>>();
  for (const kind of kinds) {
    const bound = Object.keys(SOURCES).filter((source) => columnName(kind, source) !== null);
    const columns = bound.map((source) => {
      const column = columnName(kind, source)!;
      const known =
        SOURCES[source]!.axis === null
          ? `count(${column})`
          : `coalesce(sum(list_count(${listSql(kind, column)})), 0)`;
      return `${known}::double as "${source}"`;
    });
    const items = axesOf(kind).map(
      (axis) =>
        `coalesce(sum(len(${listSql(kind, itemColumn(kind, axis))})), 0)::double as "${axis}"`,
    );
    counts.set(
      kind,
      await db.row(`select ${[...columns, ...items].join(', ')} from train_${kind}`),
    );
  }
  return (kind, source) => {
    const found = counts.get(kind)!;
    const attribute = attributeOf(kind, source);
    const { axis } = SOURCES[source]!;
    const known = attribute ? found[axis!]! : found[source]!;
    if (known === 0) return `${source} is null in every row of the training dates`;
    return attribute && !catalogue.knows(attribute, trainEnd)
      ? `no item of the training dates has a ${attribute}`
      : undefined;
  };
}
