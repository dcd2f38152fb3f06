/** Known values of text features as parameters of the encoding statements. */
import type { CategoricalFeature, FeatureSpec } from '../contracts/feature-spec.ts';
import { type SqlParameters, textList } from '../duckdb.ts';

const valuesOf = (group: readonly CategoricalFeature[], source: string) => {
  const feature = group.find((candidate) => candidate.source === source);
  return textList(feature?.kind === 'onehot' ? feature.values : []);
};

export const knownTexts = (spec: FeatureSpec): SqlParameters => ({
  scenes: textList(spec.scenes),
  scene_values: valuesOf(spec.context, 'scene'),
  decision_scenes: valuesOf(spec.decisionContext, 'scene'),
  triggers: valuesOf(spec.context, 'trigger'),
  reasons: valuesOf(spec.actions.exposure, 'delete_reason'),
  sources: valuesOf(spec.actions.page_view, 'source'),
});
