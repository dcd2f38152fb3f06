/** Writes a session down: what the phone logs of each slot and call, and the world's own numbers apart. */
import type { DeviceEvent } from '../data/contracts/device-log.ts';
import type { Random } from '../lib/random.ts';
import type { DecisionTruth } from './counterfactual.ts';
import { exposureDetails, pageViewDetails } from './details.ts';
import { fourDigits as digits } from './maths.ts';
import { Phone } from './phone.ts';
import type { InsertAnswer, MomentTrigger } from './policy.ts';
import type { Page } from './ranker.ts';
import type { Session } from './session.ts';
import type { Look, Outcome, Trigger } from './slot.ts';
import type { PlannedSession, World } from './world.ts';

/** What the pipeline never reads: the world's own numbers of an exposure. */
export interface ExposureTruth {
  event_id: string;
  request_id: string;
  item_id: string;
  position: number;
  click: number;
  click_without_slate: number;
  order_given_click: number;
  attention: number;
  intent: number;
  utility: number;
  slate: number;
  clicked: 0 | 1;
}

/** The effect of an inserted request at one decision. */
export interface DecisionRecord {
  decision_id: string;
  arm: 'control' | 'treatment';
  propensity: number;
  horizons: readonly number[];
  truth: DecisionTruth;
}

/** Takes the truth apart; what is absent is not worked out. */
export interface TruthSink {
  exposureTruth?(truth: ExposureTruth): void;
  decisionTruth?(truth: DecisionRecord): void;
}

/** What the user did in a slot. */
export interface Deed {
  clicked: boolean;
  ordered: boolean;
  satisfied: boolean;
}

const APP_VERSIONS = ['5.1.0', '5.2.0', '5.2.1'];
const HOUR_MS = 3_600_000;

export class SessionLog {
  readonly #world: World;
  readonly #session: Session;
  readonly #random: Random;
  readonly phone: Phone;
  readonly #truth: TruthSink;
  /** Device time, ms. */
  now: number;
  requestId = '';
  pageNo = -1;

  private constructor(
    world: World,
    session: Session,
    random: Random,
    phone: Phone,
    now: number,
    truth: TruthSink,
  ) {
    this.#world = world;
    this.#session = session;
    this.#random = random;
    this.phone = phone;
    this.now = now;
    this.#truth = truth;
  }

  /** @param emit takes every event of the phone as it comes about */
  static open(
    world: World,
    planned: PlannedSession,
    session: Session,
    start: number,
    emit: (event: DeviceEvent) => void,
    truth: TruthSink,
  ): SessionLog {
    const random = world.stream('details', planned);
    const devices = world.population.devices[planned.user]!;
    const offline = random.chance(world.params.log.late);
    const kbps = Math.round((session.slow ? 300 : 6000) * Math.exp(random.normal(0, 0.4)));
    const phone = new Phone({
      userId: world.population.ids[planned.user]!,
      deviceId: devices[random.below(devices.length)]!,
      appVersion: APP_VERSIONS[planned.user % APP_VERSIONS.length]!,
      rollout: world.rolloutArm(planned),
      random: world.stream('ids', planned),
      uploadDelayMs: offline ? Math.floor((1 + 19 * random.uniform()) * HOUR_MS) : 0,
      emit,
    });
    phone.log('client_state', start, { network_kbps: kbps, buffered_ms: null });
    return new SessionLog(world, session, random, phone, start, truth);
  }

  /** A log of a copied session that goes its own way. */
  clone(
    session: Session,
    random: (of: Random, purpose: string) => Random,
    emit: (event: DeviceEvent) => void,
  ): SessionLog {
    const phone = this.phone.clone((ids) => random(ids, 'ids'), emit);
    const details = random(this.#random, 'details');
    const copy = new SessionLog(this.#world, session, details, phone, this.now, {});
    copy.requestId = this.requestId;
    copy.pageNo = this.pageNo;
    return copy;
  }

  /** A page arrives. */
  page(answer: Page, trigger: Trigger): void {
    this.requestId = this.phone.newId('r');
    this.pageNo++;
    const { ids } = this.#world.catalogue;
    this.phone.log('request', this.now, {
      request_id: this.requestId,
      scene: this.#session.sceneName,
      page_no: this.pageNo,
      trigger,
      ...this.phone.rollout,
      candidates: Array.from(answer.items, (item, position) => ({
        item_id: ids[item]!,
        position,
        scores: { ctr: digits(answer.scores[position]!) },
      })),
    });
    this.now += Math.round(this.#session.slow ? 900 : 250) + this.#random.below(200);
  }

  /** Exposure, page view and feedback of a slot; says whether the phone has a reason to think. */
  slot(look: Look, deed: Deed, outcome: Outcome): MomentTrigger | null {
    const { clicked } = deed;
    const { params, catalogue } = this.#world;
    const random = this.#random;
    const session = this.#session;
    const price = catalogue.priceLevel[look.item]!;
    const details = exposureDetails(look, clicked, price, random, params);
    const started = this.now;
    const item_id = catalogue.ids[look.item]!;
    const request_id = this.requestId;
    this.now += details.focusMs;
    // A click covers the feed at once; otherwise the item leaves the screen while the next is seen.
    const ended = this.now + (clicked ? 0 : details.tailMs);
    const killed = outcome === 'end' && !clicked && random.chance(params.log.killed);
    const event_id = this.phone.log('exposure', killed ? started : ended, {
      request_id,
      item_id,
      position: look.position,
      started,
      ended: killed ? null : ended,
      count: details.count,
      scroll_speed: details.scrollSpeed,
      scroll_duration_ms: details.scrollDurationMs,
      scroll_count: details.scrollCount,
    });
    this.#truth.exposureTruth?.({
      event_id,
      request_id,
      item_id,
      position: look.position,
      click: digits(look.clickProbability),
      click_without_slate: digits(session.clickWithoutSlate(look)),
      order_given_click: digits(look.orderProbability),
      attention: digits(look.attention),
      intent: digits(look.intent),
      utility: digits(look.utility),
      slate: digits(look.slate),
      clicked: clicked ? 1 : 0,
    });
    session.observe(look.item, details.evidence);
    if (clicked) {
      this.#pageView(look, deed);
      return 'click';
    }
    if (details.deleteReason !== null) {
      const reason = details.deleteReason;
      this.phone.log('feedback', this.now, { request_id, item_id, kind: 'delete', reason });
      session.quiet = 0;
      return 'delete';
    }
    return session.quiet % params.insert.quiet === 0 ? 'exposures' : null;
  }

  #pageView(look: Look, deed: Deed): void {
    const { params, catalogue } = this.#world;
    const random = this.#random;
    const quality = catalogue.quality[look.item]!;
    const view = pageViewDetails(look, deed, quality, random, params);
    const started = this.now;
    const ended = started + view.durationMs;
    const item_id = catalogue.ids[look.item]!;
    const request_id = this.requestId;
    if (deed.ordered) {
      this.phone.log('order', ended - 1000, {
        request_id,
        item_id,
        order_id: this.phone.newId('o'),
        quantity: 1,
        amount: 10 * (1 + catalogue.priceLevel[look.item]!),
      });
    }
    if (view.liked) {
      const ts = started + Math.floor(view.durationMs / 2);
      this.phone.log('feedback', ts, { request_id, item_id, kind: 'like' });
    }
    const duration = catalogue.durationMs[look.item]!;
    if (duration > 0) {
      const watch_ms = Math.min(view.durationMs, 2 * duration);
      this.phone.log('play', ended, { request_id, item_id, watch_ms, duration_ms: duration });
    }
    this.phone.log('page_view', ended, {
      request_id,
      item_id,
      source: 'feed',
      started,
      ended,
      actions: view.actions,
    });
    if (view.carted) this.#session.observeCart(look.item);
    else this.#session.observe(look.item, view.evidence);
    this.now = ended + 150;
  }

  /** @returns the decision's id */
  decision({ arm, propensity }: InsertAnswer, unexposed: string[], depth: number): string {
    const decision_id = this.phone.newId('q');
    this.phone.log('decision', this.now, {
      decision_id,
      request_id: this.requestId,
      arm,
      propensity,
      unexposed,
      depth,
    });
    this.now += 1;
    return decision_id;
  }
}
