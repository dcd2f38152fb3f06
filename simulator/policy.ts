/** What runs on the phone: it may reorder what is unseen and may insert a request. */
import type { Random } from '../lib/random.ts';
import type { WorldParams } from './params.ts';

/** What made the phone think. */
export type MomentTrigger = 'click' | 'delete' | 'exposures';

/** What a phone knows at a moment inside a page. Nothing hidden is in it. */
export interface Moment {
  /** `other` when nothing has happened, such as before the first slot of a page. */
  trigger: MomentTrigger | 'other';
  /** Device time, ms. */
  now: number;
  userId: string;
  sessionId: string;
  requestId: string;
  /** Arm of a rollout that the phone is in; null while there is none. */
  modelVersion: string | null;
  scene: string;
  pageNo: number;
  unexposedCount: number;
  /** Items of the page not yet seen, top first; put together when first read. */
  unexposed: readonly { itemId: string; score: number }[];
  /** Exposures since the last request. */
  depth: number;
  sessionExposures: number;
  sessionClicks: number;
  /** Exposures of the session since its last decision; infinite before the first. */
  sinceDecision: number;
  slowNetwork: boolean;
}

export interface RerankAnswer {
  /** Indexes into `unexposed`, each once, new top first. */
  order: number[];
  arm: string;
  modelVersion?: string;
}

export interface InsertAnswer {
  arm: 'control' | 'treatment';
  /** Probability with which treatment was drawn. */
  propensity: number;
}

/** One instance serves all users; `random` is the session's own stream for the policy. */
export interface Policy {
  /** Null leaves the order as it is and logs nothing. */
  rerank(moment: Moment, random: Random): RerankAnswer | null;
  /** Null makes no decision of the moment. */
  insert(moment: Moment, random: Random): InsertAnswer | null;
}

/** Slots that the exploring arm shuffles. */
const SHUFFLED = 12;

/**
 * The policy that gathers the logs to learn from. Insertions are randomised, far enough apart that
 * the slots by which one is judged hold no other. On a share of the moments after a click or delete
 * the next slots are shuffled or, with equal chance, left: both arms are logged.
 */
export function loggingPolicy(params: WorldParams): Policy {
  const { takeAfterClick, takeQuiet, spacing, propensity } = params.insert;
  return {
    rerank({ trigger, unexposedCount }, random) {
      if (trigger === 'exposures' || unexposedCount < 2) return null;
      if (!random.chance(params.log.explore)) return null;
      const order = Array.from({ length: unexposedCount }, (_, index) => index);
      if (random.chance(0.5)) return { order, arm: 'initial' };
      const top = random.shuffle(order.slice(0, SHUFFLED));
      return { order: [...top, ...order.slice(SHUFFLED)], arm: 'random' };
    },
    insert({ trigger, sinceDecision, unexposedCount }, random) {
      const take = trigger === 'exposures' ? takeQuiet : takeAfterClick;
      if (sinceDecision < spacing || unexposedCount === 0 || !random.chance(take)) return null;
      return { arm: random.chance(propensity) ? 'treatment' : 'control', propensity };
    },
  };
}
