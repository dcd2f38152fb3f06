/** Fitting what declarations leave open, on the training days. */

import { keyOf, sourcesOf } from '../../../device/features/parts.ts';
import type { DeclaredFeature, FeatureSpec, SampleKind } from '../../../device/features/spec.ts';
import { SAMPLE_KINDS } from '../../../device/features/spec.ts';
import type { Declaration } from '../../contracts/feature-declaration.ts';
import { SOURCES } from '../../contracts/feature-sources.ts';
import type { DuckDb } from '../../duckdb.ts';
import { kindsOf } from '../bindings.ts';
import type { Catalogue, Vocabulary } from '../catalogue.ts';
import { tablesOf } from '../declare.ts';
import { knownSources } from './known-sources.ts';
import { close, type Need, provisional, type Statistic } from './open-statistics.ts';
import { type Asked, findStatistics } from './statistics.ts';

/** A phone keeps the tables that expressions look up in memory. */
const MAX_TABLE = 10_000;

export interface FitDeclared {
  declarations: readonly Declaration[];
  vocabulary: Vocabulary;
  catalogue: Catalogue;
  /** First millisecond after the training dates. */
  trainEnd: number;
}

/**
 * Statistics are those of the first kind of samples, in the order rerank, decision, video, whose training
 * rows know every source; the feature is computed in every such kind. One that no kind knows is named in
 * `absent` with the reason.
 */
export async function fitDeclared(
  db: DuckDb,
  { declarations, vocabulary, catalogue, trainEnd }: FitDeclared,
  absent: FeatureSpec['absent'],
): Promise<DeclaredFeature[]> {
  const whyUnknown = await knownSources(db, SAMPLE_KINDS, catalogue, trainEnd);
  const refusals = new Map<string, string>();
  const wanted: { declaration: Declaration; samples: SampleKind[] }[] = [];
  for (const declaration of declarations) {
    const filled = provisional(declaration.expression);
    const kinds = kindsOf(filled);
    const whyNot = (kind: SampleKind): string | undefined =>
      sourcesOf(filled)
        .map((source) => whyUnknown(kind, source))
        .find(Boolean);
    const samples = kinds.filter((kind) => !whyNot(kind));
    const table = tablesOf(filled).find((name) => sizeOf(vocabulary, name) > MAX_TABLE);
    if (samples.length === 0) refusals.set(declaration.name, whyNot(kinds[0]!)!);
    else if (table) {
      const why = `${sizeOf(vocabulary, table)} texts of the table ${table} are more than ${MAX_TABLE}`;
      refusals.set(declaration.name, why);
    } else wanted.push({ declaration, samples });
  }

  const tables = vocabulary as unknown as Record<string, string[]>;
  const answers = new Map<string, Statistic>();
  const keyOfNeed = (kind: SampleKind, { of, ...need }: Need): string =>
    JSON.stringify([kind, keyOf(of), need]);
  // What is asked for inside has to be found before what it stands in: a round for every level.
  for (;;) {
    const asked = new Map<string, Asked>();
    for (const { declaration, samples } of wanted) {
      close(declaration.expression, (need) => {
        const key = keyOfNeed(samples[0]!, need);
        if (!answers.has(key)) asked.set(key, { kind: samples[0]!, need });
        return answers.get(key);
      });
    }
    if (asked.size === 0) break;
    const found = await findStatistics(db, [...asked.values()], {
      ...{ names: { sources: SOURCES, tables }, catalogue, trainEnd },
    });
    [...asked.keys()].forEach((key, i) => {
      answers.set(key, found[i]!);
    });
  }

  const declared: DeclaredFeature[] = [];
  for (const { declaration, samples } of wanted) {
    const { name } = declaration;
    let empty = false;
    const expression = close(declaration.expression, (need) => {
      const found = answers.get(keyOfNeed(samples[0]!, need))!;
      empty ||= found.none === true;
      return found;
    })!;
    if (empty) refusals.set(name, 'null in every row of the training dates');
    else declared.push({ name, expression, samples });
  }
  for (const { name } of declarations) {
    const why = refusals.get(name);
    if (why) absent.push({ name: `declared.${name}`, why });
  }
  return declared;
}

const sizeOf = (vocabulary: Vocabulary, table: string): number =>
  vocabulary[table as keyof Vocabulary].length;
