/**
 * What an order of the unseen items is worth: expected clicks and orders in its first slots, under the
 * world's own rules, over everything the user may do.
 *
 * The user's wish is followed as a distribution over the present intent and each category's direction
 * (a wish that was met turns to the complementary one); all else that a click depends on is the same
 * on every path. Exact but for the spread of a new intent around its category's direction, of which
 * only the mean is used. Counting ends when the user leaves the page.
 */
import { Random } from '../lib/random.ts';
import { normalise, SIZE } from './maths.ts';
import { PageMemos } from './page-memo.ts';
import { INTENT_NOISE, type Session } from './session.ts';
import type { Look } from './slot.ts';

/** Length of the mean of the intents that are drawn around one direction, to the first order. */
const MEAN_LENGTH = 1 / Math.sqrt(1 + (SIZE - 1) * INTENT_NOISE ** 2);

export interface SlateValue {
  clicks: number;
  orders: number;
}

export class SlateValuer {
  /** Slots that count. */
  readonly horizon: number;
  readonly session: Session;
  /** A future per wish: the present intent first, then one for each category. */
  readonly #wishes: Session[];
  /** What each of these wishes. */
  readonly intents: Float64Array[];
  /** Probability of each category when a wish changes by itself. */
  readonly chances: Float64Array;
  #look: Look | undefined;

  /**
   * @param session stands at the moment, and is left as it is
   * @param horizon slots that count at most
   */
  constructor(session: Session, horizon: number) {
    const { categories, categoryVectors } = session.population.catalogue;
    this.session = session;
    this.horizon = Math.min(horizon, session.unexposed().length);
    this.chances = session.intentChances();
    this.intents = [session.intent];
    for (let c = 0; c < categories; c++) {
      const intent = categoryVectors.slice(c * SIZE, (c + 1) * SIZE);
      normalise(intent, 0, MEAN_LENGTH);
      this.intents.push(intent);
    }
    this.#wishes = this.intents.map(() => {
      const wish = session.fork(Random.of(0));
      wish.share(new PageMemos());
      return wish;
    });
  }

  /** @param order indexes into `session.unexposed()`, each once */
  value(order: readonly number[]): SlateValue {
    const { params, catalogue } = this.session.population;
    const { intentSwitch } = params.session;
    this.#wishes.forEach((wish, i) => {
      wish.restart(this.session, wish.random);
      wish.intent = this.intents[i]!;
      if (i === 0) wish.rerank(order);
      else wish.rerankLike(this.#wishes[0]!);
    });
    let alive = new Float64Array(this.#wishes.length);
    alive[0] = 1;
    const value: SlateValue = { clicks: 0, orders: 0 };
    for (let slot = 0; slot < this.horizon; slot++) {
      const next = new Float64Array(alive.length);
      for (let i = 0; i < alive.length; i++) {
        const wish = this.#wishes[i]!;
        if (alive[i] === 0) {
          // Nobody has this wish yet, but its future has to keep up with the others.
          wish.pass(this.#passed(wish));
          continue;
        }
        const look = wish.look(this.#look);
        this.#look = look;
        const { clickProbability: click, satisfiedProbability: met } = look;
        value.clicks += alive[i]! * click;
        value.orders += alive[i]! * click * look.orderProbability;
        const stays = alive[i]! * (1 - click) * (1 - wish.leaves(look, false));
        const stayed = alive[i]! * click * (1 - wish.leaves(look, true));
        const complement = catalogue.complement[catalogue.category[look.item]!]!;
        next[1 + complement]! += stayed * met;
        const same = stays + stayed * (1 - met);
        next[i]! += same * (1 - intentSwitch);
        for (let c = 0; c < this.chances.length; c++)
          next[1 + c]! += same * intentSwitch * this.chances[c]!;
        wish.pass(look);
      }
      alive = next;
    }
    return value;
  }

  #passed(wish: Session): Look {
    const look = this.#look ?? wish.look();
    look.item = wish.page.items[wish.next]!;
    look.position = wish.next;
    return look;
  }
}
