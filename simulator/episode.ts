/**
 * An open session, step by step: the caller is the phone's code, the world is the user and the cloud.
 * `World.begin` opens one, `World.step` passes an action on, `World.branch` asks what would have been.
 */
import type { DeviceEvent } from '../data/contracts/device-log.ts';
import { EdgeloomError } from '../lib/errors.ts';
import type { Random } from '../lib/random.ts';
import { type DecisionTruth, FUTURE_ITEMS, HORIZONS } from './counterfactual.ts';
import type { InsertAnswer, Moment, MomentTrigger, RerankAnswer } from './policy.ts';
import type { Page } from './ranker.ts';
import type { Session } from './session.ts';
import { SessionLog, type TruthSink } from './session-log.ts';
import type { Trigger } from './slot.ts';
import type { PlannedSession, World } from './world.ts';

/** What the phone may do next. */
export type Action =
  /** Fetch the page that the user asks for. */
  | { kind: 'page' }
  /** Show the next slot and see what the user does. */
  | { kind: 'look' }
  /** Reorder what is unseen. */
  | ({ kind: 'rerank' } & RerankAnswer)
  /** Log a decision; `treatment` inserts a request, `control` does not. */
  | ({ kind: 'decide' } & InsertAnswer)
  /** Close the app. */
  | { kind: 'end' };

/** What a phone can observe. Nothing hidden is in it. */
export interface Observation {
  /** What the phone logged in this step, as the log's contract has it. */
  events: readonly DeviceEvent[];
  /** `page`: the user has come, pulled or scrolled to the end; `slot`: one is on the screen next. */
  wants: 'page' | 'slot' | 'nothing';
  /** What gave the phone a reason to think, if anything did. */
  trigger: MomentTrigger | null;
}

type Wish = Exclude<Trigger, 'insert'> | 'slot' | 'nothing';

export class Episode {
  readonly planned: PlannedSession;
  readonly #world: World;
  readonly #session: Session;
  readonly #log: SessionLog;
  readonly #truth: TruthSink;
  /** Empty for what really happens; a branch's path of futures. */
  readonly #future: readonly number[];
  readonly #real: boolean;
  #events: DeviceEvent[] = [];
  #wish: Wish = 'open';
  #trigger: MomentTrigger | null = null;
  #pageDepth = 0;
  #decisions = 0;
  #sinceDecision = Number.POSITIVE_INFINITY;

  /** @param from the episode to copy, with the stream that each of its own goes on with */
  constructor(
    world: World,
    planned: PlannedSession,
    truth: TruthSink,
    from?: { episode: Episode; future: number | undefined },
  ) {
    this.#world = world;
    this.planned = planned;
    this.#truth = truth;
    const emit = (event: DeviceEvent): void => {
      this.#events.push(event);
    };
    if (!from) {
      const { session, start } = world.open(planned);
      this.#session = session;
      this.#log = SessionLog.open(world, planned, session, start, emit, truth);
      this.#future = [];
      this.#real = true;
      return;
    }
    const { episode, future } = from;
    this.#future = future === undefined ? episode.#future : [...episode.#future, future];
    const random = (of: Random, purpose: string): Random =>
      future === undefined
        ? of.clone()
        : world.stream(`branch ${purpose}`, planned, episode.#log.now, ...this.#future);
    this.#session = episode.#session.clone(random(episode.#session.random, 'session'));
    this.#log = episode.#log.clone(this.#session, random, emit);
    this.#real = false;
    this.#wish = episode.#wish;
    this.#trigger = episode.#trigger;
    this.#pageDepth = episode.#pageDepth;
    this.#decisions = episode.#decisions;
    this.#sinceDecision = episode.#sinceDecision;
  }

  /** What has come about since the step before; first of all that the app was opened. */
  observe(): Observation {
    const events = this.#events;
    this.#events = [];
    const wish = this.#wish;
    const wants = wish === 'slot' || wish === 'nothing' ? wish : 'page';
    return { events, wants, trigger: this.#trigger };
  }

  /** What the phone knows now, as a policy sees it. */
  moment(): Moment {
    const session = this.#session;
    const { page, next } = session;
    const { ids } = this.#world.catalogue;
    let unexposed: Moment['unexposed'] | undefined;
    return {
      trigger: this.#trigger ?? 'other',
      now: this.#log.now,
      userId: this.#log.phone.userId,
      sessionId: this.#log.phone.sessionId,
      requestId: this.#log.requestId,
      modelVersion: this.#log.phone.rollout?.arm ?? null,
      scene: session.sceneName,
      pageNo: this.#log.pageNo,
      unexposedCount: page.items.length - next,
      // Most policies let most moments pass without a look at the items.
      get unexposed() {
        unexposed ??= Array.from(page.items.subarray(next), (item, k) => ({
          itemId: ids[item]!,
          score: page.scores[next + k]!,
        }));
        return unexposed;
      },
      depth: this.#pageDepth,
      sessionExposures: session.exposures,
      sessionClicks: session.clicks,
      sinceDecision: this.#sinceDecision,
      slowNetwork: session.slow,
    };
  }

  /** A future of what the user and the page are now, for evaluators: no phone may see it. */
  hidden(random: Random): Session {
    return this.#session.fork(random);
  }

  /** @throws EdgeloomError `bad-action` when the user waits for something else */
  act(action: Action): void {
    const wish = this.#wish;
    if (wish === 'nothing') throw this.#refusal(action, 'The session has ended', 'begin another');
    if (action.kind === 'end') this.#end();
    else if (action.kind === 'page') {
      if (wish === 'slot')
        throw this.#refusal(action, 'The user asks for no page', "look, or decide for 'treatment'");
      this.#page(wish);
    } else if (wish !== 'slot')
      throw this.#refusal(action, 'The user waits for a page', "answer with { kind: 'page' }");
    else if (action.kind === 'look') this.#look();
    else if (action.kind === 'rerank') this.#rerank(action);
    else this.#decide(action);
  }

  #refusal(action: Action, what: string, fix: string): EdgeloomError {
    return new EdgeloomError({
      code: 'bad-action',
      what,
      where: `${action.kind} in session ${this.#log.phone.sessionId}`,
      fix,
    });
  }

  #end(): void {
    this.#wish = 'nothing';
    this.#trigger = null;
    if (this.#real) this.#world.close(this.#session, this.#log.now);
  }

  #page(trigger: Trigger, page?: Page): void {
    const pageNo = this.#log.pageNo + 1;
    const answer = page ?? this.#world.answer(this.#session, trigger, this.#stream('page', pageNo));
    this.#log.page(answer, trigger);
    this.#pageDepth = 0;
    this.#session.show(answer, trigger);
    this.#log.phone.reportPolicy(this.#log.now, answer.scores);
    this.#wish = 'slot';
  }

  #stream(purpose: string, ...more: number[]): Random {
    return this.#world.stream(purpose, this.planned, ...more, ...this.#future);
  }

  /** One slot of the feed. */
  #look(): void {
    const session = this.#session;
    const look = session.look();
    const { random } = session;
    const clicked = random.chance(look.clickProbability);
    const ordered = clicked && random.chance(look.orderProbability);
    session.seen.add(look.item);
    const satisfied = clicked && random.chance(look.satisfiedProbability);
    const outcome = session.settle(look, clicked, satisfied);
    this.#pageDepth++;
    this.#sinceDecision++;
    const trigger = this.#log.slot(look, { clicked, ordered, satisfied }, outcome);
    this.#trigger = outcome === 'continue' ? trigger : null;
    if (outcome === 'continue') return;
    if (outcome === 'end') this.#end();
    else this.#wish = outcome;
  }

  #unexposedIds(): string[] {
    const { ids } = this.#world.catalogue;
    return Array.from(this.#session.unexposed(), (item) => ids[item]!);
  }

  #rerank(action: Action & { kind: 'rerank' }): void {
    const unexposed = this.#unexposedIds();
    const { order, arm, modelVersion } = action;
    const known = new Set(order.filter((k) => unexposed[k] !== undefined));
    if (known.size !== unexposed.length || order.length !== unexposed.length) {
      const fix = `name each index from 0 to ${unexposed.length - 1} once`;
      throw this.#refusal(action, 'The order is none of the unseen items', fix);
    }
    this.#log.phone.log(
      'rerank',
      this.#log.now,
      {
        request_id: this.#log.requestId,
        trigger: this.#trigger ?? 'other',
        arm,
        order_before: unexposed,
        order_after: order.map((k) => unexposed[k]!),
      },
      modelVersion,
    );
    this.#session.rerank(order);
    this.#log.now += 20;
    this.#trigger = null;
  }

  #decide(action: InsertAnswer): void {
    const world = this.#world;
    const session = this.#session;
    const { arm, propensity } = action;
    const number = this.#decisions++;
    this.#sinceDecision = 0;
    this.#trigger = null;
    const decision_id = this.#log.decision(action, this.#unexposedIds(), this.#pageDepth);
    const told = this.#truth.decisionTruth !== undefined;
    if (arm === 'control' && !told) return;
    // A page that is not shown need not reach further than the futures do.
    const most = arm === 'control' ? FUTURE_ITEMS : undefined;
    const inserted = world.answer(session, 'insert', this.#stream('insert', number), most);
    if (told) {
      const truth = this.#decisionTruth(inserted, number, world.params.insert.rollouts);
      this.#truth.decisionTruth?.({ decision_id, arm, propensity, horizons: HORIZONS, truth });
    }
    if (arm === 'control') return;
    session.waitForInsert();
    this.#page('insert', inserted);
  }

  /**
   * Both arms of a decision taken now, for evaluators: no phone may see it.
   * @param salt another one is another, independent, set of futures
   */
  effect(rollouts: number, salt: number): DecisionTruth {
    const number = this.#decisions;
    const stream = this.#stream('insert', number);
    const inserted = this.#world.answer(this.#session, 'insert', stream, FUTURE_ITEMS);
    return this.#decisionTruth(inserted, number, rollouts, salt);
  }

  #decisionTruth(
    inserted: Page,
    number: number,
    rollouts: number,
    ...salt: number[]
  ): DecisionTruth {
    const world = this.#world;
    const later: Page[] = [];
    const nextPage = (ordinal: number): Page => {
      later[ordinal] ??= world.answer(
        this.#session,
        'refresh',
        this.#stream('later', number, ordinal),
        FUTURE_ITEMS,
      );
      return later[ordinal];
    };
    const seed = this.#stream('future', number, ...salt).uint32();
    const futures = world.futuresOf(this.#session);
    return futures.decisionTruth(this.#session, inserted, nextPage, rollouts, seed);
  }
}
