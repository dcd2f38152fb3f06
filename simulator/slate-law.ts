/** What decides an item's click logit apart from the moment: the item itself, and what stands around it. */
import { dot } from './maths.ts';
import type { Population } from './population.ts';
import type { Page } from './ranker.ts';

/** Weight of the contrast with the item one above, two above and one below. */
export const CONTRAST = { above: 0.5, above2: 0.25, below: 0.25 } as const;

/** Click logit of each item of a page, but for intent, annoyance, fatigue, repetition and slate. */
export function fixedLogits(
  population: Population,
  user: number,
  sceneBias: number,
  page: Page,
): Float64Array {
  const { params, catalogue, bias, cohort, cohortBias } = population;
  const base = params.click.bias + sceneBias + bias[user]! + cohortBias[cohort[user]!]!;
  const interest = population.interest(user);
  const fixed = new Float64Array(page.items.length);
  for (let k = 0; k < fixed.length; k++) {
    const item = page.items[k]!;
    fixed[k] =
      base +
      params.click.taste * dot(interest, 0, catalogue.vectors, item) +
      catalogue.quality[item]! +
      catalogue.curiosity[item]!;
  }
  return fixed;
}

/** Logit that an item gains below another, but for contrast and `slate.effect`. */
export function belowLogit(population: Population, item: number, above: number): number {
  const { params, catalogue } = population;
  const { vectors, category, complement } = catalogue;
  const alike = params.slate.similarity * Math.max(0, dot(vectors, item, vectors, above));
  return complement[category[above]!] === category[item] ? params.slate.complement - alike : -alike;
}
