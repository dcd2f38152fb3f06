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

interface Scored {
  item: number;
  score: number;
}

const byScore = (a: Scored, b: Scored): number => b.score - a.score;

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
  const favoured = population.favourites(user);
  const fit = params.insert.fit * params.insert.effect;
  const recalled = population.freshMarks();
  const scored: Scored[] = [];
  // The number of attempts is bounded: a small catalogue may hold fewer unseen items than asked.
  for (let attempt = 0; scored.length < wanted && attempt < wanted * 4; attempt++) {
    let item: number;
    if (random.chance(favourites)) {
      const members = catalogue.itemsOfCategory[favoured[random.below(favoured.length)]!]!;
      item = members[random.below(members.length)]!;
    } else item = random.below(catalogue.count);
    if (recalled.marks[item] === recalled.mark) continue;
    if (seen.has(item) && attempt < wanted * 3) continue;
    recalled.marks[item] = recalled.mark;
    let score =
      params.click.taste * dot(population.believedTastes, user, catalogue.vectors, item) +
      catalogue.quality[item]! +
      catalogue.curiosity[item]! +
      random.normal(0, noise);
    if (estimate) score += fit * dot(estimate, 0, catalogue.vectors, item);
    scored.push({ item, score });
  }
  scored.sort(byScore);
  const length = Math.min(page, scored.length);
  const answer = { items: new Int32Array(length), scores: new Float64Array(length) };
  for (let k = 0; k < length; k++) {
    answer.items[k] = scored[k]!.item;
    answer.scores[k] = sigmoid(params.click.bias + scored[k]!.score);
  }
  return answer;
}
