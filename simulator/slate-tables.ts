/**
 * The numbers of `SlateValuer` laid out in tables, for a search that asks for many orders of one slate:
 * many times as fast, and an order that shares its first slots with the one before starts there. Logits
 * are kept as odds against a click, `exp(−logit)`, so that they multiply and no slot needs an exponential.
 * `slate-tables.test.ts` holds the two to the same values.
 */
import { Random } from '../lib/random.ts';
import { dot } from './maths.ts';
import { belowLogit, CONTRAST } from './slate-law.ts';
import type { SlateValue, SlateValuer } from './slate-value.ts';

export class SlateTables {
  /** Unseen items. */
  readonly items: number;
  /** Slots that count. */
  readonly horizon: number;
  /** Places of an order that its value depends on: the slots that count and the item below them. */
  readonly places: number;
  readonly #wishes: number;
  /**
   * [items, wishes] each: odds against a click of the item by itself, what a click counts for,
   * probability that it meets the wish, probabilities of leaving.
   */
  readonly #odds: Float64Array;
  readonly #gain: Record<keyof SlateValue, Float64Array>;
  readonly #met: Float64Array;
  readonly #leaves: [unclicked: Float64Array, clicked: Float64Array];
  /**
   * [items + 3, items, wishes]: factor on these odds below, and two below or one above, another item; then
   * the two seen last, then nothing at all.
   */
  readonly #below: Float64Array;
  readonly #beside: Float64Array;
  /** [horizon] each: attention; factor on the odds by annoyance and fatigue. */
  readonly #attention: Float64Array;
  readonly #tired: Float64Array;
  readonly #category: Uint8Array;
  readonly #complement: Uint8Array;
  /** [memory + 1]: factor on the odds by the number of items of the category among the last. */
  readonly #repeated: Float64Array;
  /** [memory]: categories seen last, the oldest first. */
  readonly #recent: Int32Array;
  readonly #chances: Float64Array;
  readonly #law: { slip: number; intentSwitch: number };
  /** [horizon + 1, wishes]: probability to see a slot with a wish, in the order begun with. */
  readonly #alive: Float64Array;
  /** [horizon + 1]: what the slots before are worth. */
  readonly #worth: Float64Array;
  /** The same two for the order that is asked for. */
  readonly #aliveNow: Float64Array;
  readonly #worthNow: Float64Array;

  constructor({ session, horizon, intents, chances }: SlateValuer) {
    const { population } = session;
    const { params, catalogue, tables } = population;
    const seen = session.surroundings;
    const n = session.unexposed().length;
    const wishes = intents.length;
    const ids = [...session.unexposed(), seen.above.item, seen.above2.item];
    this.items = n;
    this.horizon = horizon;
    this.places = Math.min(n, horizon + 1);
    this.#wishes = wishes;
    this.#chances = chances;
    this.#law = { slip: params.click.slip, intentSwitch: params.session.intentSwitch };
    this.#category = Uint8Array.from({ length: n }, (_, i) => catalogue.category[ids[i]!]!);
    this.#complement = this.#category.map((category) => catalogue.complement[category]!);
    this.#recent = seen.recent.map(
      (_, k) => seen.recent[(session.exposures + k) % seen.recent.length]!,
    );
    this.#repeated = Float64Array.from({ length: this.#recent.length + 1 }, (_, alike) =>
      Math.exp(params.click.repetition * alike),
    );
    this.#attention = new Float64Array(horizon);
    this.#tired = new Float64Array(horizon);
    for (let slot = 0, { annoyance } = session; slot < horizon; slot++) {
      this.#attention[slot] = tables.attention(session.scene, session.depth + slot);
      const fatigue = params.click.fatigue * tables.fatigue(session.exposures + slot);
      this.#tired[slot] = Math.exp(annoyance + fatigue);
      annoyance *= params.insert.recovery;
    }
    const table = (): Float64Array => new Float64Array(n * wishes);
    this.#gain = { clicks: table().fill(1), orders: table() };
    this.#met = table();
    this.#leaves = [table(), table()];
    const own = new Float64Array((n + 2) * wishes);
    const weight = params.click.intent * seen.law.intent;
    intents.forEach((intent, w) => {
      const wish = session.fork(Random.of(0));
      wish.intent = intent;
      for (let i = 0; i < n; i++) {
        const look = wish.look();
        const at = i * wishes + w;
        own[at] = seen.fixed[session.next + i]! + weight * look.intent;
        this.#gain.orders[at] = look.orderProbability;
        this.#met[at] = look.satisfiedProbability;
        this.#leaves[0][at] = wish.leaves(look, false);
        this.#leaves[1][at] = wish.leaves(look, true);
        wish.pass(look);
      }
      [seen.above, seen.above2].forEach(({ item, fixed }, k) => {
        if (item < 0) return;
        own[(n + k) * wishes + w] = fixed + weight * dot(intent, 0, catalogue.vectors, item);
      });
    });
    this.#odds = own.subarray(0, n * wishes).map((logit) => Math.exp(-logit));
    this.#below = new Float64Array((n + 3) * n * wishes).fill(1);
    this.#beside = new Float64Array((n + 3) * n * wishes).fill(1);
    const { contrast, effect } = params.slate;
    for (const [a, above] of ids.entries()) {
      if (above < 0) continue;
      for (let i = 0; i < n; i++) {
        const alike = belowLogit(population, ids[i]!, above);
        for (let w = 0; w < wishes; w++) {
          const rival = contrast * Math.tanh(own[a * wishes + w]! - own[i * wishes + w]!);
          const at = (a * n + i) * wishes + w;
          this.#below[at] = Math.exp(-effect * (alike - CONTRAST.above * rival));
          // Two above and one below weigh the same.
          this.#beside[at] = Math.exp(effect * CONTRAST.below * rival);
        }
      }
    }
    this.#alive = new Float64Array((horizon + 1) * wishes);
    this.#worth = new Float64Array(horizon + 1);
    this.#alive[0] = 1;
    this.#aliveNow = this.#alive.slice();
    this.#worthNow = this.#worth.slice();
  }

  /** What an item is worth alone in the next slot, to a user whose wish is the present one. */
  alone(item: number, of: keyof SlateValue): number {
    const at = item * this.#wishes;
    const click = 1 / (1 + this.#odds[at]!);
    return click * this.#gain[of][at]!;
  }

  /** Makes an order the one that others share their first slots with, and returns its value. */
  begin(order: ArrayLike<number>, of: keyof SlateValue, places = this.places): number {
    const value = this.value(order, of, 0, places);
    this.#alive.set(this.#aliveNow);
    this.#worth.set(this.#worthNow);
    return value;
  }

  /**
   * @param order indexes into the unseen items, each once; only the first `places` are read
   * @param shared first places that are those of the order begun with
   * @param places of the order; fewer for one that is not whole yet
   */
  value(
    order: ArrayLike<number>,
    of: keyof SlateValue,
    shared: number,
    places = this.places,
  ): number {
    const n = this.items;
    const W = this.#wishes;
    const { slip, intentSwitch } = this.#law;
    const alive = this.#aliveNow;
    const odds = this.#odds;
    const repeated = this.#repeated;
    const below = this.#below;
    const beside = this.#beside;
    const [leaves, leavesClicked] = this.#leaves;
    const worthNow = this.#worthNow;
    const categories = this.#category;
    const complement = this.#complement;
    const recent = this.#recent;
    const memory = recent.length;
    const gain = this.#gain[of];
    const met = this.#met;
    const chances = this.#chances;
    const attentions = this.#attention;
    const tired = this.#tired;
    const slots = Math.min(this.horizon, places);
    // The slot above a change sees it below itself.
    const from = Math.min(Math.max(0, shared - 1), slots);
    for (let k = from * W; k < (from + 1) * W; k++) alive[k] = this.#alive[k]!;
    let worth = this.#worth[from]!;
    worthNow[from] = worth;
    const placed = (slot: number): number => (slot >= 0 ? order[slot]! : n - 1 - slot);
    for (let slot = from; slot < slots; slot++) {
      const item = order[slot]!;
      const category = categories[item]!;
      let alike = 0;
      for (let m = slot - memory; m < slot; m++) {
        const seen = m < 0 ? recent[memory + m]! : categories[order[m]!]!;
        if (seen === category) alike++;
      }
      const base = tired[slot]! * repeated[alike]!;
      const above = (placed(slot - 1) * n + item) * W;
      const above2 = (placed(slot - 2) * n + item) * W;
      const next = slot + 1 < places ? order[slot + 1]! : n + 2;
      const under = (next * n + item) * W;
      const attention = attentions[slot]!;
      const here = slot * W;
      const there = here + W;
      const wanted = 1 + complement[item]!;
      let turned = 0;
      let satisfied = 0;
      for (let w = 0; w < W; w++) {
        const at = item * W + w;
        const part = alive[here + w]!;
        if (part === 0) {
          alive[there + w] = 0;
          continue;
        }
        const against =
          odds[at]! * base * below[above + w]! * (beside[above2 + w]! * beside[under + w]!);
        const click = attention * (slip + (1 - slip) / (1 + against));
        const clicked = part * click;
        worth += clicked * gain[at]!;
        const stayed = clicked * (1 - leavesClicked[at]!);
        const content = stayed * met[at]!;
        const same = (part - clicked) * (1 - leaves[at]!) + stayed - content;
        satisfied += content;
        turned += same;
        alive[there + w] = same * (1 - intentSwitch);
      }
      for (let c = 1; c < W; c++) alive[there + c]! += turned * intentSwitch * chances[c - 1]!;
      alive[there + wanted]! += satisfied;
      worthNow[slot + 1] = worth;
    }
    return worth;
  }
}
