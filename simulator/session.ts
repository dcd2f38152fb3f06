/**
 * A session: one user before one feed, slot by slot. This file holds what decides clicks, orders and
 * leaving; what a phone measures besides (dwell, scroll, page views) is drawn in `details.ts` from a
 * stream of its own, so that the two never disturb each other.
 */
import type { Random } from '../lib/random.ts';
import { dot, normalise, pick, SIZE, sigmoid } from './maths.ts';
import type { WorldParams } from './params.ts';
import type { Population } from './population.ts';
import type { Page } from './ranker.ts';

export const SCENES = ['home', 'search-feed'] as const;
export type SceneName = (typeof SCENES)[number];

/** How the scenes differ: in a search feed one knows better what one wants. */
const HOME = { bias: 0, intent: 1, order: 0, attention: 1 } as const;

export type Trigger = 'open' | 'page' | 'refresh' | 'insert';

/** What follows an exposure: the next slot, another page (pulled or scrolled to), or the end. */
export type Outcome = 'continue' | 'refresh' | 'page' | 'end';

/** The slot about to be seen, with the probabilities that the world, and nobody else, knows. */
export interface Look {
  item: number;
  /** Index in the page. */
  position: number;
  /** Slots seen since the top of the feed. */
  depth: number;
  attention: number;
  /** Session intent · item, -1 … 1. */
  intent: number;
  /** Click logit without the slate's part. */
  utility: number;
  /** The slate's part of the click logit. */
  slate: number;
  clickProbability: number;
  /** Probability of an order, given the click. */
  orderProbability: number;
  /** Probability that a click meets the wish, so that the user turns to another. */
  satisfiedProbability: number;
}

const MEMORY = 8;

export class Session {
  readonly population: Population;
  readonly user: number;
  readonly scene: number;
  readonly slow: boolean;
  random: Random;
  /** Part of the signal that the ranker of the session's arm lacks. */
  loss = 0;
  /** [1, SIZE], length 1: what the user is after at the moment. Nobody else sees it. */
  readonly intent = new Float64Array(SIZE);
  page: Page = { items: new Int32Array(0), scores: new Float64Array(0) };
  /** Index in the page of the slot seen next. */
  next = 0;
  depth = 0;
  exposures = 0;
  clicks = 0;
  /** Slots since the last click of the session; infinite before the first. */
  sinceClick = Number.POSITIVE_INFINITY;
  /** Exposures since the last click, delete or request. */
  quiet = 0;
  /** Click logits lost to a wait. */
  annoyance = 0;
  readonly seen: Set<number>;
  readonly #scene: WorldParams['searchFeed'];
  /** Click logit of each candidate, but for intent, fatigue and slate. */
  #fixed = new Float64Array(0);
  /** `#fixed` of the pages as they came, shared with copies: futures see the same pages again and again. */
  #fixedOf = new Map<Page, Float64Array<ArrayBuffer>>();
  #recent = new Int32Array(MEMORY).fill(-1);
  #above = -1;
  #aboveFixed = 0;
  #above2 = -1;
  #above2Fixed = 0;
  /** Weighted sum of the vectors of what was seen: the observable trace of the intent. */
  #trace = new Float64Array(SIZE);
  #traceWeight = 0;

  constructor(
    population: Population,
    user: number,
    scene: number,
    slow: boolean,
    random: Random,
    seen: Set<number> = new Set(),
  ) {
    this.population = population;
    this.user = user;
    this.scene = scene;
    this.slow = slow;
    this.random = random;
    this.seen = seen;
    this.#scene = scene === 0 ? HOME : population.params.searchFeed;
  }

  get sceneName(): SceneName {
    return SCENES[this.scene]!;
  }

  /** Draws a new intent: half of the time among what the user likes anyway. */
  drawIntent(): void {
    const { categories, categoryVectors } = this.population.catalogue;
    const { tastes } = this.population;
    let category = this.random.below(categories);
    if (this.random.chance(0.5)) {
      const weights = new Float64Array(categories);
      for (let c = 0; c < categories; c++) {
        weights[c] = Math.exp(3 * dot(tastes, this.user, categoryVectors, c));
      }
      category = pick(this.random, weights);
    }
    this.#intend(category);
  }

  #intend(category: number): void {
    const { categoryVectors } = this.population.catalogue;
    for (let d = 0; d < SIZE; d++) {
      this.intent[d] = categoryVectors[category * SIZE + d]! + 0.1 * this.random.normal();
    }
    normalise(this.intent, 0);
  }

  /** Puts a page before the user. An inserted one continues the feed where the user is. */
  show(page: Page, trigger: Trigger): void {
    this.page = page;
    this.next = 0;
    this.quiet = 0;
    if (trigger === 'open' || trigger === 'refresh') {
      this.depth = 0;
      this.#above = -1;
      this.#above2 = -1;
    }
    const known = this.#fixedOf.get(page);
    const fixed = known ?? this.#fixedLogits(page);
    if (!known) this.#fixedOf.set(page, fixed);
    this.#fixed = fixed;
  }

  #fixedLogits(page: Page): Float64Array<ArrayBuffer> {
    const { params, catalogue, bias, cohort, cohortBias } = this.population;
    const base =
      params.click.bias + this.#scene.bias + bias[this.user]! + cohortBias[cohort[this.user]!]!;
    const interest = this.population.interest(this.user);
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

  /** Items of the page not yet seen, top first. */
  unexposed(): Int32Array {
    return this.page.items.subarray(this.next);
  }

  /**
   * Reorders what is not yet seen.
   * @param order indexes into `unexposed()`, each once
   */
  rerank(order: ArrayLike<number>): void {
    const from = this.next;
    const { items, scores } = this.page;
    const at = (k: number): number => (k < from ? k : from + order[k - from]!);
    this.page = {
      items: items.map((_, k) => items[at(k)]!),
      scores: scores.map((_, k) => scores[at(k)]!),
    };
    const fixed = this.#fixed;
    this.#fixed = fixed.map((_, k) => fixed[at(k)]!);
  }

  /** The wait for an inserted request annoys: little when the page is a failure, much in the flow. */
  waitForInsert(): void {
    const { wait, slowWait, flowWait, effect } = this.population.params.insert;
    const loss = (this.slow ? slowWait : wait) + (this.sinceClick <= 3 ? flowWait : 0);
    this.annoyance += loss * Math.min(1, effect);
  }

  /** What the user would do in the next slot. Changes nothing. */
  look(): Look {
    const { params, catalogue } = this.population;
    const { vectors, category } = catalogue;
    const k = this.next;
    const item = this.page.items[k]!;
    const scene = this.#scene;
    const weight = params.click.intent * scene.intent;
    const intent = dot(this.intent, 0, vectors, item);
    const own = this.#fixed[k]! + weight * intent;

    let alike = 0;
    for (let m = 0; m < MEMORY; m++) if (this.#recent[m] === category[item]) alike++;
    const utility =
      own -
      this.annoyance -
      params.click.fatigue * Math.log1p(this.exposures / 20) -
      params.click.repetition * alike;

    let slate = 0;
    if (this.#above >= 0) {
      const above = this.#above;
      slate -= params.slate.similarity * Math.max(0, dot(vectors, item, vectors, above));
      if (catalogue.complement[category[above]!] === category[item])
        slate += params.slate.complement;
      const rival = this.#aboveFixed + weight * dot(this.intent, 0, vectors, above);
      slate -= params.slate.contrast * 0.5 * Math.tanh(rival - own);
    }
    if (this.#above2 >= 0) {
      const rival = this.#above2Fixed + weight * dot(this.intent, 0, vectors, this.#above2);
      slate -= params.slate.contrast * 0.25 * Math.tanh(rival - own);
    }
    if (k + 1 < this.page.items.length) {
      const below = this.page.items[k + 1]!;
      const rival = this.#fixed[k + 1]! + weight * dot(this.intent, 0, vectors, below);
      slate -= params.slate.contrast * 0.25 * Math.tanh(rival - own);
    }
    slate *= params.slate.effect;

    // Halves every `attentionScale` slots, and falls a little from the first to the fourth on a screen.
    const halvings = this.depth / (params.click.attentionScale * scene.attention);
    const falling = 2 ** -halvings * (1 - 0.06 * (this.depth % 4));
    const attention = 1 - params.click.positionBias * (1 - falling);
    const { order } = params;
    const { slip } = params.click;
    return {
      item,
      position: k,
      depth: this.depth,
      attention,
      intent,
      utility,
      slate,
      clickProbability: attention * (slip + (1 - slip) * sigmoid(utility + slate)),
      satisfiedProbability: intent > 0.5 ? params.session.satisfied : 0,
      orderProbability: sigmoid(
        order.bias + scene.order + order.intent * intent + order.quality * catalogue.quality[item]!,
      ),
    };
  }

  /** Click probability of a look with the neighbours' effect taken away. */
  clickWithoutSlate({ attention, utility }: Look): number {
    const { slip } = this.population.params.click;
    return attention * (slip + (1 - slip) * sigmoid(utility));
  }

  /** Lets the slot pass with what happened in it, and says what follows. */
  settle(look: Look, clicked: boolean, satisfied: boolean): Outcome {
    const { params, catalogue, haste } = this.population;
    this.#recent[this.exposures % MEMORY] = catalogue.category[look.item]!;
    this.#above2 = this.#above;
    this.#above2Fixed = this.#aboveFixed;
    this.#above = look.item;
    this.#aboveFixed = this.#fixed[look.position]!;
    this.annoyance *= params.insert.recovery;
    this.next++;
    this.depth++;
    this.exposures++;
    this.quiet++;
    this.sinceClick++;
    if (clicked) {
      this.clicks++;
      this.sinceClick = 0;
      this.quiet = 0;
    }
    // Who has found a phone looks for its case.
    if (satisfied) this.#intend(catalogue.complement[catalogue.category[look.item]!]!);
    else if (this.random.chance(params.session.intentSwitch)) this.drawIntent();
    const exit =
      params.session.exit * Math.exp(-0.7 * look.intent) * (clicked ? 0.5 : 1) * haste[this.user]!;
    if (this.random.chance(Math.min(1, exit))) return this.#leave();
    if (this.next >= this.page.items.length)
      return this.random.chance(params.session.nextPage) ? 'page' : 'end';
    return 'continue';
  }

  #leave(): Outcome {
    return this.random.chance(this.population.params.session.another) ? 'refresh' : 'end';
  }

  /**
   * Adds an observation to the trace.
   * @param weight above 0 for interest shown (long dwell, deep page view), below for the contrary
   */
  observe(item: number, weight: number): void {
    const { vectors } = this.population.catalogue;
    for (let d = 0; d < SIZE; d++) {
      this.#trace[d] = 0.96 * this.#trace[d]! + weight * vectors[item * SIZE + d]!;
    }
    this.#traceWeight = 0.96 * this.#traceWeight + Math.abs(weight);
  }

  /** Forgets the trace of the wish that was met and notes the one that goes with it. */
  observeCart(item: number): void {
    const { category, categoryVectors, complement } = this.population.catalogue;
    const next = complement[category[item]!]!;
    for (let d = 0; d < SIZE; d++) this.#trace[d] = 2 * categoryVectors[next * SIZE + d]!;
    this.#traceWeight = 2;
  }

  /** The intent as what was observed gives it away, [1, SIZE]; near 0 while little was seen. */
  estimate(): Float64Array {
    const scale = 1 / (this.#traceWeight + 1);
    return this.#trace.map((x) => x * scale);
  }

  /** A future: a copy that goes its own way, without the trace, which no future asks for. */
  fork(random: Random): Session {
    return this.#copy(random, this.seen);
  }

  /** A whole copy, which does not disturb this one. */
  clone(random: Random): Session {
    const copy = this.#copy(random, new Set(this.seen));
    copy.#trace.set(this.#trace);
    copy.#traceWeight = this.#traceWeight;
    return copy;
  }

  /** Pages are shared: nobody writes into one. */
  #copy(random: Random, seen: Set<number>): Session {
    const copy = new Session(this.population, this.user, this.scene, this.slow, random, seen);
    copy.intent.set(this.intent);
    copy.loss = this.loss;
    copy.page = this.page;
    copy.next = this.next;
    copy.depth = this.depth;
    copy.exposures = this.exposures;
    copy.clicks = this.clicks;
    copy.sinceClick = this.sinceClick;
    copy.annoyance = this.annoyance;
    copy.quiet = this.quiet;
    copy.#fixed = this.#fixed;
    copy.#fixedOf = this.#fixedOf;
    copy.#recent = this.#recent.slice();
    copy.#above = this.#above;
    copy.#aboveFixed = this.#aboveFixed;
    copy.#above2 = this.#above2;
    copy.#above2Fixed = this.#above2Fixed;
    return copy;
  }
}
