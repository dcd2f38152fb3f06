/** Curves of the world over slots, worked out once: they are asked for at every slot of every future. */
import type { WorldParams } from './params.ts';

/** Slots that the tables hold; further on the curves are worked out each time. */
const SIZE = 1024;

export class Tables {
  readonly #params: WorldParams;
  readonly #fatigue: Float64Array;
  readonly #attention: Float64Array[];

  constructor(params: WorldParams) {
    this.#params = params;
    const slots = Array.from({ length: SIZE }, (_, slot) => slot);
    this.#fatigue = Float64Array.from(slots, fatigueAt);
    this.#attention = [0, 1].map((scene) =>
      Float64Array.from(slots, (depth) => attentionAt(params, scene, depth)),
    );
  }

  /** log(1 + n / 20) of the exposures of a session so far. */
  fatigue(exposures: number): number {
    return exposures < SIZE ? this.#fatigue[exposures]! : fatigueAt(exposures);
  }

  /** Share of the users who look at a slot at all. */
  attention(scene: number, depth: number): number {
    return depth < SIZE ? this.#attention[scene]![depth]! : attentionAt(this.#params, scene, depth);
  }
}

const fatigueAt = (exposures: number): number => Math.log1p(exposures / 20);

/** Halves every `attentionScale` slots, and falls a little from the first to the fourth on a screen. */
function attentionAt({ click, searchFeed }: WorldParams, scene: number, depth: number): number {
  const halvings = depth / (click.attentionScale * (scene === 0 ? 1 : searchFeed.attention));
  const falling = 2 ** -halvings * (1 - 0.06 * (depth % 4));
  return 1 - click.positionBias * (1 - falling);
}
