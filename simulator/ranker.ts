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
 * @param most items that are asked for at most
 */
export function answerRequest(
  population: Population,
  user: number,
  random: Random,
  seen: ReadonlySet<number>,
  loss: number,
  estimate?: Float64Array,
  most = Number.POSITIVE_INFINITY,
): Page {
  const { params, catalogue } = population;
  const { page, pool, favourites, noise, popularity } = params.ranker;
  const { itemsOfCategory, vectors } = catalogue;
  const kept = 1 - loss;
  const appeals = population.appealsTo(user);
  const wanted = Math.min(pool, catalogue.count);
  const favoured = population.favourites(user);
  const fit = kept * (params.insert.fit * params.insert.effect);
  const { marks, mark: recalled } = population.freshMarks();
  const { mark: known } = population.freshMarks();
  for (const item of seen) marks[item] = known;
  const { items, scores } = population.pool;
  let found = 0;
  // The number of attempts is bounded: a small catalogue may hold fewer unseen items than asked.
  for (let attempt = 0; found < wanted && attempt < wanted * 4; attempt++) {
    const members = random.chance(favourites)
      ? itemsOfCategory[favoured[random.below(favoured.length)]!]!
      : null;
    const drawn = random.uniform();
    const share = popularity === 1 ? drawn : drawn ** popularity;
    const item = members
      ? members[Math.floor(share * members.length)]!
      : Math.floor(share * catalogue.count);
    const mark = marks[item]!;
    if (mark === recalled || (mark === known && attempt < wanted * 3)) continue;
    marks[item] = recalled;
    let appeal = appeals[item]!;
    if (appeal === 0) {
      appeal = appealOf(population, user, item);
      appeals[item] = appeal;
    }
    let score = kept * appeal + random.normal(0, noise);
    if (estimate) score += fit * dot(estimate, 0, vectors, item);
    items[found] = item;
    scores[found] = score;
    found++;
  }
  const length = sortBest(items, scores, found, Math.min(page, most));
  const answer = { items: items.slice(0, length), scores: scores.slice(0, length) };
  for (let k = 0; k < length; k++) answer.scores[k] = sigmoid(params.click.bias + scores[k]!);
  return answer;
}

/** What the cloud thinks of an item for a user, in click logits. */
function appealOf({ params, catalogue, believedTastes }: Population, user: number, item: number) {
  return (
    params.click.taste * dot(believedTastes, user, catalogue.vectors, item) +
    catalogue.quality[item]! +
    catalogue.curiosity[item]!
  );
}

/**
 * Brings the best to the front, in place: the best first, of equal scores the one recalled first.
 * @returns how many these are
 */
function sortBest(items: Int32Array, scores: Float64Array, count: number, most: number): number {
  let length = 0;
  for (let i = 0; i < count; i++) {
    const score = scores[i]!;
    if (length < most) length++;
    else if (score <= scores[length - 1]!) continue;
    const item = items[i]!;
    let at = length - 1;
    for (; at > 0 && scores[at - 1]! < score; at--) {
      scores[at] = scores[at - 1]!;
      items[at] = items[at - 1]!;
    }
    scores[at] = score;
    items[at] = item;
  }
  return length;
}
