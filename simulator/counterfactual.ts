/** What would have happened: the chance of an order within the next slots with and without a request. */
import { Random } from '../lib/random.ts';
import { PageMemos } from './page-memo.ts';
import type { Page } from './ranker.ts';
import type { Session } from './session.ts';
import { type Look, type Outcome, UNSEEN, whatFollows } from './slot.ts';

/** Slots for which the truth is told. */
export const HORIZONS = [5, 10, 15, 20] as const;

export interface ArmTruth {
  /** Probability of at least one order within each of `HORIZONS` slots of this session. */
  order: number[];
  /** Expected clicks within the same slots. */
  clicks: number[];
}

export interface DecisionTruth {
  control: ArmTruth;
  treatment: ArmTruth;
}

/** Slots that count, by which a decision is judged. */
const LAST = HORIZONS[HORIZONS.length - 1]!;
/** Items of a page that its futures can come to, and one more: the last slot's neighbour below. */
export const FUTURE_ITEMS = LAST + 1;

/** A slot as every future sees it that has come there on the common way. */
interface CommonSlot {
  look: Look;
  leaves: number;
  /** The same after a click. */
  leavesAfterClick: number;
}

/**
 * Simulated futures of decisions, one decision after the other, in room that is used again.
 *
 * As long as the wish stays the same and the page is not left, all futures of an arm see the same:
 * clicks alone change nothing of it. They go this common way by draws alone; a future is a session of
 * its own only from where it parts with the others.
 */
export class Futures {
  /** Where an arm begins. */
  readonly #start: Session;
  /** Goes the common way ahead of all others. */
  readonly #ahead: Session;
  readonly #future: Session;
  readonly #memos = new PageMemos();
  readonly #common: CommonSlot[] = [];
  /** Slots of `#common` that are of the present arm. */
  #known = 0;
  readonly #look: Look = { ...UNSEEN };

  /** @param session any of the world */
  constructor(session: Session) {
    this.#start = session.fork(session.random);
    this.#ahead = session.fork(session.random);
    this.#future = session.fork(session.random);
    this.#future.share(this.#memos);
  }

  /**
   * Both arms from the same state, by simulated futures under common random numbers.
   *
   * A future samples clicks, switches of intent and exits, but not orders: it multiplies the chances
   * that none comes, and goes on as if none had come, so that few futures give a small error:
   *   P(order within N) = 1 − E[ Π_{i ≤ N} (1 − p_click,i · p_order,i) ]
   * Later pages are drawn once a decision and shared by all futures of both arms. A session that ends
   * ends its count: orders of a later session belong to neither arm.
   *
   * @param inserted the page that a request would bring now, its first `FUTURE_ITEMS` at least
   * @param nextPage the page after `ordinal` others, the same whenever asked; as many items at least
   */
  decisionTruth(
    session: Session,
    inserted: Page,
    nextPage: (ordinal: number) => Page,
    rollouts: number,
    seed: number,
  ): DecisionTruth {
    // Deriving a stream costs as much as some slots: once for both arms.
    const streams = Array.from({ length: rollouts }, (_, r) =>
      Random.of(seed, 'future', r).state(),
    );
    this.#memos.begin(session.intent);
    const arm = (treated: boolean): ArmTruth => {
      this.#start.restart(session, session.random);
      if (treated) {
        this.#start.waitForInsert();
        this.#start.show(inserted, 'insert');
      }
      this.#ahead.restart(this.#start, session.random);
      this.#known = 0;
      const total: ArmTruth = { order: HORIZONS.map(() => 0), clicks: HORIZONS.map(() => 0) };
      for (const stream of streams) this.#play(Random.fromState(stream), nextPage, total);
      return {
        order: total.order.map((x) => x / rollouts),
        clicks: total.clicks.map((x) => x / rollouts),
      };
    };
    return { control: arm(false), treatment: arm(true) };
  }

  #play(random: Random, nextPage: (ordinal: number) => Page, total: ArmTruth): void {
    const future = this.#future;
    let common = true;
    let outcome: Outcome = 'continue';
    let none = 1;
    let clicks = 0;
    let pages = 0;
    let horizon = 0;
    for (let slot = 1; slot <= LAST; slot++) {
      if (outcome === 'end') break;
      if (outcome !== 'continue') {
        if (common) this.#part(slot - 1, random);
        common = false;
        future.show(nextPage(pages++), outcome);
      }
      const at = common ? this.#slot(slot - 1) : null;
      const look = at ? at.look : future.look(this.#look);
      const both = look.clickProbability * look.orderProbability;
      none *= 1 - both;
      clicks += look.clickProbability;
      // A click given that no order came.
      const click = (look.clickProbability - both) / (1 - both);
      const clicked = random.chance(click);
      const satisfied = clicked && random.chance(look.satisfiedProbability);
      if (!at) outcome = future.settle(look, clicked, satisfied);
      else {
        const { params } = future.population;
        if (satisfied || random.chance(params.session.intentSwitch)) {
          this.#part(slot, random);
          common = false;
          future.turn(satisfied ? look : null);
        }
        const unseen = this.#start.page.items.length - this.#start.next - slot;
        const leaves = clicked ? at.leavesAfterClick : at.leaves;
        outcome = whatFollows(random, leaves, unseen, params.session);
      }
      if (slot === HORIZONS[horizon]) {
        total.order[horizon]! += 1 - none;
        total.clicks[horizon]! += clicks;
        horizon++;
      }
    }
    for (; horizon < HORIZONS.length; horizon++) {
      total.order[horizon]! += 1 - none;
      total.clicks[horizon]! += clicks;
    }
  }

  /** Slot `index` of the common way. */
  #slot(index: number): CommonSlot {
    const ahead = this.#ahead;
    for (; this.#known <= index; this.#known++) {
      this.#common[this.#known] ??= { look: { ...UNSEEN }, leaves: 0, leavesAfterClick: 0 };
      const slot = this.#common[this.#known]!;
      ahead.look(slot.look);
      slot.leaves = ahead.leaves(slot.look, false);
      slot.leavesAfterClick = ahead.leaves(slot.look, true);
      ahead.pass(slot.look);
    }
    return this.#common[index]!;
  }

  /** Lets the future go on alone from where `slots` of the common way have passed. */
  #part(slots: number, random: Random): void {
    this.#future.restart(this.#start, random);
    for (let k = 0; k < slots; k++) this.#future.pass(this.#common[k]!.look);
  }
}
