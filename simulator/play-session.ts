/** Plays one session under a policy: the world answers, the phone logs, the truth is kept apart. */
import type { DeviceEvent } from '../data/contracts/device-log.ts';
import type { Random } from '../lib/random.ts';
import { type DecisionTruth, decisionTruth, HORIZONS } from './counterfactual.ts';
import { exposureDetails, pageViewDetails } from './details.ts';
import { fourDigits as digits } from './maths.ts';
import { Phone } from './phone.ts';
import type { Moment, MomentTrigger, Policy } from './policy.ts';
import type { Page } from './ranker.ts';
import type { Look, Outcome, Session, Trigger } from './session.ts';
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

export interface Sink {
  event(event: DeviceEvent): void;
  /** Both absent when nobody keeps the truth, which then is not worked out. */
  exposureTruth?(truth: ExposureTruth): void;
  decisionTruth?(truth: DecisionRecord): void;
}

const APP_VERSIONS = ['5.1.0', '5.2.0', '5.2.1'];
const HOUR_MS = 3_600_000;

/** What the user did in a slot. */
interface Deed {
  clicked: boolean;
  ordered: boolean;
  satisfied: boolean;
}

class Player {
  readonly #world: World;
  readonly #planned: PlannedSession;
  readonly #policy: Policy;
  readonly #sink: Sink;
  readonly #session: Session;
  readonly #phone: Phone;
  readonly #random: Random;
  readonly #policyRandom: Random;
  readonly #kbps: number;
  #now: number;
  #requestId = '';
  #pageNo = -1;
  #pageDepth = 0;
  #decisions = 0;
  #sinceDecision = Number.POSITIVE_INFINITY;

  constructor(world: World, planned: PlannedSession, policy: Policy, sink: Sink) {
    this.#world = world;
    this.#planned = planned;
    this.#policy = policy;
    this.#sink = sink;
    const { session, start } = world.open(planned);
    this.#session = session;
    this.#now = start;
    const random = world.stream('details', planned);
    this.#random = random;
    this.#policyRandom = world.stream('policy', planned);
    const devices = world.population.devices[planned.user]!;
    const offline = random.chance(world.params.log.late);
    this.#kbps = Math.round((session.slow ? 300 : 6000) * Math.exp(random.normal(0, 0.4)));
    this.#phone = new Phone({
      userId: world.population.ids[planned.user]!,
      deviceId: devices[random.below(devices.length)]!,
      appVersion: APP_VERSIONS[planned.user % APP_VERSIONS.length]!,
      random: world.stream('ids', planned),
      uploadDelayMs: offline ? Math.floor((1 + 19 * random.uniform()) * HOUR_MS) : 0,
      emit: (event) => sink.event(event),
    });
  }

  play(): void {
    this.#phone.log('client_state', this.#now, {
      network_kbps: this.#kbps,
      buffered_ms: null,
    });
    let outcome = this.#request('open');
    while (outcome !== 'end') {
      if (outcome === 'refresh' || outcome === 'page') outcome = this.#request(outcome);
      else outcome = this.#slot();
    }
    this.#world.close(this.#session, this.#now);
  }

  /** Asks the cloud for a page and shows it. */
  #request(trigger: Trigger, page?: Page): Outcome {
    const random = this.#world.stream('page', this.#planned, this.#pageNo + 1);
    const answer = page ?? this.#world.answer(this.#session, trigger, random);
    this.#requestId = this.#phone.newId('r');
    this.#pageNo++;
    this.#pageDepth = 0;
    const { ids } = this.#world.catalogue;
    this.#phone.log('request', this.#now, {
      request_id: this.#requestId,
      scene: this.#session.sceneName,
      page_no: this.#pageNo,
      trigger,
      candidates: Array.from(answer.items, (item, position) => ({
        item_id: ids[item]!,
        position,
        scores: { ctr: digits(answer.scores[position]!) },
      })),
    });
    this.#now += Math.round(this.#session.slow ? 900 : 250) + this.#random.below(200);
    this.#session.show(answer, trigger);
    this.#phone.reportPolicy(this.#now, answer.scores);
    return 'continue';
  }

  /** One slot of the feed, and what the phone does after it. */
  #slot(): Outcome {
    const session = this.#session;
    const look = session.look();
    const { random } = session;
    const clicked = random.chance(look.clickProbability);
    const ordered = clicked && random.chance(look.orderProbability);
    session.seen.add(look.item);
    const satisfied = clicked && random.chance(look.satisfiedProbability);
    let outcome = session.settle(look, clicked, satisfied);
    this.#pageDepth++;
    this.#sinceDecision++;
    const trigger = this.#logSlot(look, { clicked, ordered, satisfied }, outcome);
    if (outcome === 'continue' && trigger) outcome = this.#think(trigger);
    return outcome;
  }

  /** Logs exposure, page view and feedback; says whether the phone has a reason to think. */
  #logSlot(look: Look, deed: Deed, outcome: Outcome): MomentTrigger | null {
    const { clicked } = deed;
    const { params, catalogue } = this.#world;
    const random = this.#random;
    const session = this.#session;
    const price = catalogue.priceLevel[look.item]!;
    const details = exposureDetails(look, clicked, price, random, params);
    const started = this.#now;
    const item_id = catalogue.ids[look.item]!;
    const request_id = this.#requestId;
    this.#now += details.focusMs;
    // A click covers the feed at once; otherwise the item leaves the screen while the next is seen.
    const ended = this.#now + (clicked ? 0 : details.tailMs);
    const killed = outcome === 'end' && !clicked && random.chance(params.log.killed);
    const event_id = this.#phone.log('exposure', killed ? started : ended, {
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
    this.#sink.exposureTruth?.({
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
      this.#logPageView(look, deed);
      return 'click';
    }
    if (details.deleteReason !== null) {
      this.#phone.log('feedback', this.#now, {
        request_id,
        item_id,
        kind: 'delete',
        reason: details.deleteReason,
      });
      session.quiet = 0;
      return 'delete';
    }
    return session.quiet % params.insert.quiet === 0 ? 'exposures' : null;
  }

  #logPageView(look: Look, deed: Deed): void {
    const { params, catalogue } = this.#world;
    const random = this.#random;
    const quality = catalogue.quality[look.item]!;
    const view = pageViewDetails(look, deed, quality, random, params);
    const started = this.#now;
    const ended = started + view.durationMs;
    const item_id = catalogue.ids[look.item]!;
    const request_id = this.#requestId;
    if (deed.ordered) {
      this.#phone.log('order', ended - 1000, {
        request_id,
        item_id,
        order_id: this.#phone.newId('o'),
        quantity: 1,
        amount: 10 * (1 + catalogue.priceLevel[look.item]!),
      });
    }
    if (view.liked) {
      const ts = started + Math.floor(view.durationMs / 2);
      this.#phone.log('feedback', ts, { request_id, item_id, kind: 'like' });
    }
    const duration = catalogue.durationMs[look.item]!;
    if (duration > 0) {
      const watch_ms = Math.min(view.durationMs, 2 * duration);
      this.#phone.log('play', ended, { request_id, item_id, watch_ms, duration_ms: duration });
    }
    this.#phone.log('page_view', ended, {
      request_id,
      item_id,
      source: 'feed',
      started,
      ended,
      actions: view.actions,
    });
    if (view.carted) this.#session.observeCart(look.item);
    else this.#session.observe(look.item, view.evidence);
    this.#now = ended + 150;
  }

  #moment(trigger: MomentTrigger): Moment {
    const session = this.#session;
    const { ids } = this.#world.catalogue;
    const scores = session.page.scores.subarray(session.next);
    return {
      trigger,
      now: this.#now,
      userId: this.#phone.userId,
      sessionId: this.#phone.sessionId,
      requestId: this.#requestId,
      scene: session.sceneName,
      pageNo: this.#pageNo,
      unexposed: Array.from(session.unexposed(), (item, k) => ({
        itemId: ids[item]!,
        score: scores[k]!,
      })),
      depth: this.#pageDepth,
      sessionExposures: session.exposures,
      sessionClicks: session.clicks,
      sinceDecision: this.#sinceDecision,
      slowNetwork: session.slow,
    };
  }

  /** The phone decides on a request, and when it does not, may reorder. */
  #think(trigger: MomentTrigger): Outcome {
    const session = this.#session;
    const moment = this.#moment(trigger);
    const unexposedIds = (): string[] => moment.unexposed.map(({ itemId }) => itemId);
    const answer = this.#policy.insert(moment, this.#policyRandom);
    if (answer) return this.#decide(answer, unexposedIds(), moment.depth);

    const reranked = this.#policy.rerank(moment, this.#policyRandom);
    if (reranked) {
      const unexposed = unexposedIds();
      this.#phone.log(
        'rerank',
        this.#now,
        {
          request_id: this.#requestId,
          trigger,
          arm: reranked.arm,
          order_before: unexposed,
          order_after: reranked.order.map((k) => unexposed[k]!),
        },
        reranked.modelVersion,
      );
      session.rerank(reranked.order);
      this.#now += 20;
    }
    return 'continue';
  }

  #decide(
    { arm, propensity }: { arm: 'control' | 'treatment'; propensity: number },
    unexposed: string[],
    depth: number,
  ): Outcome {
    const world = this.#world;
    const session = this.#session;
    const number = this.#decisions++;
    this.#sinceDecision = 0;
    const decision_id = this.#phone.newId('q');
    this.#phone.log('decision', this.#now, {
      decision_id,
      request_id: this.#requestId,
      arm,
      propensity,
      unexposed,
      depth,
    });
    this.#now += 1;
    const tell = this.#sink.decisionTruth;
    if (arm === 'control' && !tell) return 'continue';
    const inserted = world.answer(session, 'insert', world.stream('insert', this.#planned, number));
    if (tell) {
      const later: Page[] = [];
      const truth = decisionTruth(
        session,
        inserted,
        (ordinal) => {
          const random = world.stream('later', this.#planned, number, ordinal);
          later[ordinal] ??= world.answer(session, 'refresh', random);
          return later[ordinal];
        },
        world.params.insert.rollouts,
        world.stream('future', this.#planned, number).uint32(),
      );
      tell({ decision_id, arm, propensity, horizons: HORIZONS, truth });
    }
    if (arm === 'control') return 'continue';
    session.waitForInsert();
    return this.#request('insert', inserted);
  }
}

/** Plays one planned session of the world's current day. */
export function playSession(
  world: World,
  planned: PlannedSession,
  policy: Policy,
  sink: Sink,
): void {
  new Player(world, planned, policy, sink).play();
}
