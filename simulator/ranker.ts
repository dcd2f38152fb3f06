/**
 * The cloud: recalls a pool of items, scores them by long-term taste and the item's click appeal with
 * noise, and sends the best as a page. It knows nothing of the session, save for an inserted
 * request, which brings along what the phone observed.
 */
import type { Random } from '../lib/random.ts';
import { dot, sigmoid } from './maths.ts';
import type { Population } from './population.ts';

/** A page of candidates as the cloud answers it, best score first. */
export interface Page {
  items: Int32Array;
  /** The cloud's click probability, four significant digits are logged. */
  scores: Float64Array;
}

/**
 * Answers a request.
 *
 * @param estimate the session's intent as far as an inserted request knows it, [1, SIZE]; absent
 *   for an ordinary one
 * @param seen items of the session, never recalled again while others are left
 */
export function answerRequest(
  population: Population,
  user: number,
  random: Random,
  seen: ReadonlySet<number>,
  estimate?: Float64Array,
): Page {
  const { params, catalogue } = population;
  const { page, pool, favourites, noise } = params.ranker;
  const wanted = Math.min(pool, catalogue.count);
  const favoured = favouriteCategories(population, user);
  const recalled = new Set<number>();
  // The number of attempts is bounded: a small catalogue may hold fewer unseen items than asked.
  for (let attempt = 0; recalled.size < wanted && attempt < wanted * 4; attempt++) {
    let item: number;
    if (random.chance(favourites)) {
      const members = catalogue.itemsOfCategory[favoured[random.below(favoured.length)]!]!;
      item = members[random.below(members.length)]!;
    } else item = random.below(catalogue.count);
    if (!seen.has(item) || attempt >= wanted * 3) recalled.add(item);
  }
  const items = Int32Array.from(recalled);
  const fit = params.insert.fit * params.insert.effect;
  const scores = new Float64Array(items.length);
  const order: number[] = [];
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    let score =
      params.click.taste * dot(population.believedTastes, user, catalogue.vectors, item) +
      catalogue.quality[item]! +
      catalogue.curiosity[item]! +
      random.normal(0, noise);
    if (estimate) score += fit * dot(estimate, 0, catalogue.vectors, item);
    scores[i] = score;
    order.push(i);
  }
  order.sort((a, b) => scores[b]! - scores[a]!);
  const best = order.slice(0, page);
  return {
    items: Int32Array.from(best, (i) => items[i]!),
    scores: Float64Array.from(best, (i) => sigmoid(params.click.bias + scores[i]!)),
  };
}

/** The three categories nearest to the ranker's picture of the user. */
function favouriteCategories(population: Population, user: number): number[] {
  const { categories, categoryVectors } = population.catalogue;
  const fit = Array.from({ length: categories }, (_, c) =>
    dot(population.believedTastes, user, categoryVectors, c),
  );
  return fit
    .map((value, c) => ({ value, c }))
    .sort((a, b) => b.value - a.value)
    .slice(0, 3)
    .map(({ c }) => c);
}
