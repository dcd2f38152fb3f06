/**
 * A session: one user before one feed, slot by slot. This file holds what decides clicks, orders and
 * leaving; what a phone measures besides (dwell, scroll, page views) is drawn in `details.ts` from a
 * stream of its own, so that the two never disturb each other.
 */
import type { Random } from '../lib/random.ts';
import { dot, normalise, pick, SIZE, sigmoid } from './maths.ts';
import { PageMemo, type PageMemos } from './page-memo.ts';
import type { WorldParams } from './params.ts';
import type { Population } from './population.ts';
import type { Page } from './ranker.ts';
import { belowLogit, CONTRAST, fixedLogits } from './slate-law.ts';
import {
  HOME,
  type Look,
  type Outcome,
  SCENES,
  type SceneName,
  type Trigger,
  UNSEEN,
  whatFollows,
} from './slot.ts';
import { Trace } from './trace.ts';

/** Slots by which repetition is judged. */
const MEMORY = 8;
/** Deviation of an intent from its category's direction, in each of its numbers. */
export const INTENT_NOISE = 0.1;

export class Session {
  readonly population: Population;
  user: number;
  scene: number;
  slow: boolean;
  random: Random;
  /** Part of the signal that the ranker of the session's arm lacks. */
  loss = 0;
  /** [1, SIZE], length 1: what the user is after at the moment. Nobody else sees it. */
  intent: Float64Array = new Float64Array(SIZE);
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
  seen = new Set<number>();
  #scene: WorldParams['searchFeed'];
  #memo = new PageMemo(new Float64Array(0), this.intent);
  /** Of a future: what it shares with others. */
  #memos: PageMemos | null = null;
  #recent = new Int32Array(MEMORY).fill(-1);
  #above = -1;
  #aboveFixed = 0;
  #above2 = -1;
  #above2Fixed = 0;
  /** The observable trace of the intent. */
  readonly trace = new Trace();

  constructor(population: Population, user: number, scene: number, slow: boolean, random: Random) {
    this.population = population;
    this.user = user;
    this.scene = scene;
    this.slow = slow;
    this.random = random;
    this.#scene = scene === 0 ? HOME : population.params.searchFeed;
  }

  get sceneName(): SceneName {
    return SCENES[this.scene]!;
  }

  /** Draws a new intent: half of the time among what the user likes anyway. */
  drawIntent(): void {
    let category = this.random.below(this.population.catalogue.categories);
    if (this.random.chance(0.5)) category = pick(this.random, this.#likings());
    this.#intend(category);
  }

  /** Weight of each category in what the user likes anyway. */
  #likings(): Float64Array {
    const { categories, categoryVectors } = this.population.catalogue;
    const { tastes } = this.population;
    const weights = new Float64Array(categories);
    for (let c = 0; c < categories; c++) {
      weights[c] = Math.exp(3 * dot(tastes, this.user, categoryVectors, c));
    }
    return weights;
  }

  /** Probability that a new intent is near each category, [categories]. */
  intentChances(): Float64Array {
    const likings = this.#likings();
    const total = likings.reduce((sum, x) => sum + x, 0);
    return likings.map((x) => 0.5 / likings.length + (0.5 * x) / total);
  }

  #intend(category: number): void {
    const { categoryVectors } = this.population.catalogue;
    const intent = new Float64Array(SIZE);
    for (let d = 0; d < SIZE; d++) {
      intent[d] = categoryVectors[category * SIZE + d]! + INTENT_NOISE * this.random.normal();
    }
    normalise(intent, 0);
    this.intent = intent;
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
    const known = this.#memos?.of(page, this.intent);
    if (known) this.#memo = known;
    else {
      const fixed = fixedLogits(this.population, this.user, this.#scene.bias, page);
      this.#memo = this.#memos?.add(page, this.intent, fixed) ?? new PageMemo(fixed, this.intent);
    }
  }

  /** What was seen above the next slot, the logits of the page's items and the scene's law; to read only. */
  get surroundings() {
    return {
      above: { item: this.#above, fixed: this.#aboveFixed },
      above2: { item: this.#above2, fixed: this.#above2Fixed },
      recent: this.#recent,
      fixed: this.#memo.fixed,
      law: this.#scene,
    };
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
    const { fixed } = this.#memo;
    const moved = fixed.map((_, k) => fixed[at(k)]!);
    this.#memo = this.#freshMemo(moved);
  }

  /** Shows the page of another fork in its order, to the user's wish here. */
  rerankLike(other: Session): void {
    this.page = other.page;
    this.#memo = this.#freshMemo(other.#memo.fixed);
  }

  /** The wait for an inserted request annoys: little when the page is a failure, much in the flow. */
  waitForInsert(): void {
    const { wait, slowWait, flowWait, effect } = this.population.params.insert;
    const loss = (this.slow ? slowWait : wait) + (this.sinceClick <= 3 ? flowWait : 0);
    this.annoyance += loss * Math.min(1, effect);
  }

  /**
   * What the user would do in the next slot. Changes nothing.
   * @param look takes the answer, for callers that ask again and again
   */
  look(look: Look = { ...UNSEEN }): Look {
    const { params, catalogue } = this.population;
    const k = this.next;
    const item = this.page.items[k]!;
    const memo = this.#memoOfIntent();
    const fit = this.#fit(memo, k);
    const own = memo.fixed[k]! + params.click.intent * this.#scene.intent * fit;
    const category = catalogue.category[item]!;
    const recent = this.#recent;
    let alike = 0;
    for (let m = 0; m < MEMORY; m++) if (recent[m] === category) alike++;
    const utility =
      own -
      this.annoyance -
      params.click.fatigue * this.population.tables.fatigue(this.exposures) -
      params.click.repetition * alike;
    const size = memo.fixed.length;
    let slate = memo.numbers[size + k]!;
    if (slate === 0) {
      slate = this.#slate(memo, k, own);
      // Further up the neighbours may be of another page.
      if (k >= 2) memo.numbers[size + k] = slate;
    }
    let ordered = memo.numbers[2 * size + k]!;
    if (ordered === 0) {
      const { bias, intent, quality } = params.order;
      const logit = bias + this.#scene.order + intent * fit + quality * catalogue.quality[item]!;
      ordered = sigmoid(logit);
      memo.numbers[2 * size + k] = ordered;
    }
    let exit = memo.numbers[3 * size + k]!;
    if (exit === 0) {
      exit = params.session.exit * Math.exp(-0.7 * fit);
      memo.numbers[3 * size + k] = exit;
    }
    const attention = this.population.tables.attention(this.scene, this.depth);
    const { slip } = params.click;
    look.item = item;
    look.position = k;
    look.depth = this.depth;
    look.attention = attention;
    look.intent = fit;
    look.utility = utility;
    look.slate = slate;
    look.clickProbability = attention * (slip + (1 - slip) * sigmoid(utility + slate));
    look.satisfiedProbability = fit > 0.5 ? params.session.satisfied : 0;
    look.orderProbability = ordered;
    look.exit = exit;
    return look;
  }

  /** The page's memo, or a new one when the wish is another than when the page came. */
  #memoOfIntent(): PageMemo {
    if (this.#memo.intent !== this.intent) this.#memo = this.#freshMemo(this.#memo.fixed);
    return this.#memo;
  }

  #freshMemo(fixed: Float64Array): PageMemo {
    return this.#memos?.own(fixed, this.intent) ?? new PageMemo(fixed, this.intent);
  }

  #fit(memo: PageMemo, k: number): number {
    let fit = memo.numbers[k]!;
    if (fit === 0) {
      fit = dot(this.intent, 0, this.population.catalogue.vectors, this.page.items[k]!);
      memo.numbers[k] = fit;
    }
    return fit;
  }

  /** The slate's part of the click logit of slot `k`. */
  #slate(memo: PageMemo, k: number, own: number): number {
    const { params, catalogue } = this.population;
    const { vectors } = catalogue;
    const item = this.page.items[k]!;
    const weight = params.click.intent * this.#scene.intent;
    let slate = 0;
    if (this.#above >= 0) {
      const above = this.#above;
      slate += belowLogit(this.population, item, above);
      const rival = this.#aboveFixed + weight * dot(this.intent, 0, vectors, above);
      slate -= params.slate.contrast * CONTRAST.above * Math.tanh(rival - own);
    }
    if (this.#above2 >= 0) {
      const rival = this.#above2Fixed + weight * dot(this.intent, 0, vectors, this.#above2);
      slate -= params.slate.contrast * CONTRAST.above2 * Math.tanh(rival - own);
    }
    if (k + 1 < this.page.items.length) {
      const rival = memo.fixed[k + 1]! + weight * this.#fit(memo, k + 1);
      slate -= params.slate.contrast * CONTRAST.below * Math.tanh(rival - own);
    }
    return slate * params.slate.effect;
  }

  /** Click probability of a look with the neighbours' effect taken away. */
  clickWithoutSlate({ attention, utility }: Look): number {
    const { slip } = this.population.params.click;
    return attention * (slip + (1 - slip) * sigmoid(utility));
  }

  /** Lets the slot pass, whatever happened in it: the part of `settle` without chance. */
  pass(look: Look): void {
    const { params, catalogue } = this.population;
    this.#recent[this.exposures % MEMORY] = catalogue.category[look.item]!;
    this.#above2 = this.#above;
    this.#above2Fixed = this.#aboveFixed;
    this.#above = look.item;
    this.#aboveFixed = this.#memo.fixed[look.position]!;
    this.annoyance *= params.insert.recovery;
    this.next++;
    this.depth++;
    this.exposures++;
    this.quiet++;
    this.sinceClick++;
  }

  /** Probability of leaving the page after a slot. */
  leaves({ exit }: Pick<Look, 'exit'>, clicked: boolean): number {
    return Math.min(1, exit * (clicked ? 0.5 : 1) * this.population.haste[this.user]!);
  }

  /** Lets the slot pass with what happened in it, and says what follows. */
  settle(look: Look, clicked: boolean, satisfied: boolean): Outcome {
    this.pass(look);
    if (clicked) {
      this.clicks++;
      this.sinceClick = 0;
      this.quiet = 0;
    }
    const { params } = this.population;
    if (satisfied || this.random.chance(params.session.intentSwitch))
      this.turn(satisfied ? look : null);
    const unseen = this.page.items.length - this.next;
    return whatFollows(this.random, this.leaves(look, clicked), unseen, params.session);
  }

  /**
   * Turns to another wish.
   * @param met the slot that met the present one; null when it just goes
   */
  turn(met: Look | null): void {
    const { complement, category } = this.population.catalogue;
    // Who has found a phone looks for its case.
    if (met) this.#intend(complement[category[met.item]!]!);
    else this.drawIntent();
  }

  /**
   * Adds an observation to the trace.
   * @param weight above 0 for interest shown (long dwell, deep page view), below for the contrary
   */
  observe(item: number, weight: number): void {
    this.trace.observe(this.population.catalogue.vectors, item, weight);
  }

  /** Forgets the trace of the wish that was met and notes the one that goes with it. */
  observeCart(item: number): void {
    const { category, categoryVectors, complement } = this.population.catalogue;
    this.trace.restart(categoryVectors, complement[category[item]!]!);
  }

  /** A future: a copy that goes its own way, without the trace, which no future asks for. */
  fork(random: Random): Session {
    const copy = new Session(this.population, this.user, this.scene, this.slow, random);
    copy.restart(this, random);
    return copy;
  }

  /** A whole copy, which does not disturb this one. */
  clone(random: Random): Session {
    const copy = this.fork(random);
    copy.seen = new Set(this.seen);
    copy.trace.set(this.trace);
    return copy;
  }

  /**
   * Makes a future stand where `from` does, of whatever session of this world it was before. Pages are
   * shared: nobody writes into one.
   */
  restart(from: Session, random: Random): void {
    this.user = from.user;
    this.scene = from.scene;
    this.#scene = from.#scene;
    this.slow = from.slow;
    this.seen = from.seen;
    this.random = random;
    this.intent = from.intent;
    this.loss = from.loss;
    this.page = from.page;
    this.next = from.next;
    this.depth = from.depth;
    this.exposures = from.exposures;
    this.clicks = from.clicks;
    this.sinceClick = from.sinceClick;
    this.annoyance = from.annoyance;
    this.quiet = from.quiet;
    this.#memo = from.#memoOfIntent();
    this.#recent.set(from.#recent);
    this.#above = from.#above;
    this.#aboveFixed = from.#aboveFixed;
    this.#above2 = from.#above2;
    this.#above2Fixed = from.#above2Fixed;
  }

  /** Shares what pages mean with other futures, one of which plays at a time. */
  share(memos: PageMemos): void {
    this.#memos = memos;
  }
}
