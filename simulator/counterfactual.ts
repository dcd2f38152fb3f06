/** What would have happened: the chance of an order within the next slots with and without a request. */
import { Random } from '../lib/random.ts';
import type { Page } from './ranker.ts';
import type { Session } from './session.ts';
import type { Look, Outcome } from './slot.ts';

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

/**
 * Both arms from the same state, by simulated futures under common random numbers.
 *
 * A future samples clicks, switches of intent and exits, but not orders: it multiplies the chances
 * that none comes, and goes on as if none had come, so that few futures give a small error:
 *   P(order within N) = 1 − E[ Π_{i ≤ N} (1 − p_click,i · p_order,i) ]
 * Later pages are drawn once a decision and shared by all futures of both arms. A session that ends
 * ends its count: orders of a later session belong to neither arm.
 *
 * @param inserted the page that a request would bring now
 * @param nextPage the page after `ordinal` others, the same whenever asked
 */
export function decisionTruth(
  session: Session,
  inserted: Page,
  nextPage: (ordinal: number) => Page,
  rollouts: number,
  seed: number,
): DecisionTruth {
  // Deriving a stream costs as much as some slots: once for both arms.
  const streams = Array.from({ length: rollouts }, (_, r) => Random.of(seed, 'future', r).state());
  const future = session.fork(Random.of(seed));
  const arm = (treated: boolean): ArmTruth => {
    const total: ArmTruth = { order: HORIZONS.map(() => 0), clicks: HORIZONS.map(() => 0) };
    for (const stream of streams) {
      future.restart(session, Random.fromState(stream));
      if (treated) {
        future.waitForInsert();
        future.show(inserted, 'insert');
      }
      play(future, nextPage, total);
    }
    return {
      order: total.order.map((x) => x / rollouts),
      clicks: total.clicks.map((x) => x / rollouts),
    };
  };
  return { control: arm(false), treatment: arm(true) };
}

function play(future: Session, nextPage: (ordinal: number) => Page, total: ArmTruth): void {
  const last = HORIZONS[HORIZONS.length - 1]!;
  let outcome: Outcome = 'continue';
  let none = 1;
  let clicks = 0;
  let pages = 0;
  let horizon = 0;
  let look: Look | undefined;
  for (let slot = 1; slot <= last; slot++) {
    if (outcome === 'end') break;
    if (outcome !== 'continue') future.show(nextPage(pages++), outcome);
    look = future.look(look);
    const both = look.clickProbability * look.orderProbability;
    none *= 1 - both;
    clicks += look.clickProbability;
    // A click given that no order came.
    const click = (look.clickProbability - both) / (1 - both);
    const clicked = future.random.chance(click);
    const satisfied = clicked && future.random.chance(look.satisfiedProbability);
    outcome = future.settle(look, clicked, satisfied);
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
