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
 * @param loss part of the signal that this ranker lacks, of `rollout.loss`
 * @param seen items of the session, never recalled again while others are left
 */
export function answerRequest(
  population: Population,
  user: number,
  random: Random,
  seen: ReadonlySet<number>,
  loss: number,
  estimate?: Float64Array,
): Page {
  const { params, catalogue } = population;
  const { page, pool, favourites, noise, popularity } = params.ranker;
  const kept = 1 - loss;
  const share = (x: number): number => (popularity === 1 ? x : x ** popularity);
  const appeals = population.appealsTo(user);
  const wanted = Math.min(pool, catalogue.count);
  const favoured = population.favourites(user);
  const fit = params.insert.fit * params.insert.effect;
  const { marks, mark: recalled } = population.freshMarks();
  const { mark: known } = population.freshMarks();
  for (const item of seen) marks[item] = known;
  const items = new Int32Array(Math.min(page, wanted));
  const scores = new Float64Array(items.length);
  let length = 0;
  let found = 0;
  // The number of attempts is bounded: a small catalogue may hold fewer unseen items than asked.
  for (let attempt = 0; found < wanted && attempt < wanted * 4; attempt++) {
    let item: number;
    if (random.chance(favourites)) {
      const members = catalogue.itemsOfCategory[favoured[random.below(favoured.length)]!]!;
      item = members[Math.floor(share(random.uniform()) * members.length)]!;
    } else item = Math.floor(share(random.uniform()) * catalogue.count);
    const mark = marks[item]!;
    if (mark === recalled || (mark === known && attempt < wanted * 3)) continue;
    marks[item] = recalled;
    let appeal = appeals[item]!;
    if (appeal === 0) {
      appeal =
        params.click.taste * dot(population.believedTastes, user, catalogue.vectors, item) +
        catalogue.quality[item]! +
        catalogue.curiosity[item]!;
      appeals[item] = appeal;
    }
    let score = kept * appeal + random.normal(0, noise);
    if (estimate) score += kept * fit * dot(estimate, 0, catalogue.vectors, item);
    found++;
    // The page is kept sorted, the best first; of equal scores the one recalled first.
    if (length < items.length) length++;
    else if (score <= scores[length - 1]!) continue;
    let at = length - 1;
    for (; at > 0 && scores[at - 1]! < score; at--) {
      scores[at] = scores[at - 1]!;
      items[at] = items[at - 1]!;
    }
    scores[at] = score;
    items[at] = item;
  }
  for (let k = 0; k < length; k++) scores[k] = sigmoid(params.click.bias + scores[k]!);
  return { items: items.slice(0, length), scores: scores.slice(0, length) };
}
