/** A FeatureSpec from what was fitted: the sources and tables that it names, and the hash of its statistics. */

import { sourcesOf } from '../../device/features/parts.ts';
import type { Expression, FeatureSpec } from '../../device/features/spec.ts';
import { canonicalJson, sha256 } from '../../lib/hash.ts';
import { SOURCES } from '../contracts/feature-sources.ts';
import type { Vocabulary } from './catalogue.ts';
import { type FeaturesConfig, knobsOf } from './config.ts';
import { tablesOf } from './declare.ts';

/** Of the rules of fitting: to be raised when equal samples would give other statistics. */
const STATISTICS_VERSION = 2;

type Fitted = Omit<FeatureSpec, 'version' | 'statistics' | 'sources' | 'tables'>;

/** The text of vocabulary.json. */
export const vocabularyText = (vocabulary: Vocabulary): string =>
  `${JSON.stringify({ version: 1, ...vocabulary })}\n`;

export function completeSpec(
  fitted: Fitted,
  vocabulary: Vocabulary,
  config: FeaturesConfig,
): FeatureSpec {
  const expressions: Expression[] = [
    ...fitted.actions.exposure,
    ...fitted.actions.page_view,
    fitted.decay.exposure,
    fitted.decay.page_view,
    ...fitted.dense,
    ...fitted.context,
    ...fitted.decisionContext,
    ...fitted.declared,
  ].map(({ expression }) => expression);
  const used = new Set(expressions.flatMap(sourcesOf));
  // The masks of action vectors come from these.
  for (const behaviour of ['exposure', 'page_view']) used.add(`${behaviour}.known`);
  const tables = [...new Set(expressions.flatMap(tablesOf))].sort();
  const spec: FeatureSpec = {
    version: 2,
    statistics: {
      version: STATISTICS_VERSION,
      config: knobsOf(config),
      vocabulary: sha256(vocabularyText(vocabulary)),
      sha256: '',
    },
    ...fitted,
    tables: Object.fromEntries(tables.map((name) => [name, vocabulary[name as keyof Vocabulary]])),
    sources: Object.fromEntries(Object.entries(SOURCES).filter(([name]) => used.has(name))),
  };
  spec.statistics.sha256 = statisticsHash(spec);
  return spec;
}

/** SHA-256 of a spec without the hash itself, as canonical JSON. */
export function statisticsHash(spec: FeatureSpec): string {
  const { sha256: _, ...statistics } = spec.statistics;
  return sha256(canonicalJson({ ...spec, statistics }));
}
