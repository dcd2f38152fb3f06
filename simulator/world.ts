/**
 * The world: items and users, the sessions that a day brings, and what lasts from one session to the
 * next. Steppable: `plan` a day, `open` its sessions in order, `close` each, `advance` to the next day.
 * Every session draws from streams of its own, named by user, day and number, so that a policy that
 * treats one user otherwise leaves all others as they were.
 */
import { EdgeloomError } from '../lib/errors.ts';
import { Random } from '../lib/random.ts';
import { type Catalogue, makeCatalogue } from './catalogue.ts';
import { Futures } from './counterfactual.ts';
import { type Action, Episode, type Observation } from './episode.ts';
import { pick, poisson, SIZE } from './maths.ts';
import type { WorldParams } from './params.ts';
import type { RolloutArm } from './phone.ts';
import { Population } from './population.ts';
import { answerRequest, type Page } from './ranker.ts';
import { Session } from './session.ts';
import type { TruthSink } from './session-log.ts';

export const DAY_MS = 86_400_000;

export interface PlannedSession {
  user: number;
  day: number;
  /** Number of the session within the user's day. */
  index: number;
  /** Earliest start, device time in ms; later when the session before takes longer. */
  start: number;
}

export class World {
  readonly params: WorldParams;
  readonly catalogue: Catalogue;
  readonly population: Population;
  readonly #firstDayMs: number;
  /** [users, SIZE]: the intent with which a user left, all 0 before the first session. */
  readonly #left: Float64Array;
  readonly #busyUntil: Float64Array;
  /** Users with an open session. */
  readonly #open = new Set<number>();
  #futures: Futures | undefined;

  constructor(params: WorldParams) {
    this.params = params;
    this.catalogue = makeCatalogue(params);
    this.population = new Population(params, this.catalogue);
    this.#firstDayMs = Date.parse(params.from) - params.log.utcOffsetMinutes * 60_000;
    this.#left = new Float64Array(this.population.count * SIZE);
    this.#busyUntil = new Float64Array(this.population.count);
  }

  get day(): number {
    return this.population.day;
  }

  /** Start of business day `day` in epoch ms. */
  startOf(day: number): number {
    return this.#firstDayMs + day * DAY_MS;
  }

  /** Business date of an instant, YYYY-MM-DD. */
  dateOf(ms: number): string {
    return new Date(ms + this.params.log.utcOffsetMinutes * 60_000).toISOString().slice(0, 10);
  }

  /** The sessions of the current day in order of their start. */
  plan(): PlannedSession[] {
    const planned: PlannedSession[] = [];
    const midnight = this.startOf(this.day);
    const random = Random.of(this.params.seed, 'plan', this.day);
    const { hours } = this.params.session;
    for (let user = 0; user < this.population.count; user++) {
      const sessions = poisson(random, this.population.sessionsPerDay[user]!);
      const starts = Array.from({ length: sessions }, () => {
        const hour = pick(random, hours) + random.uniform();
        return midnight + Math.floor(hour * 3_600_000);
      });
      starts.sort((a, b) => a - b);
      starts.forEach((start, index) => {
        planned.push({ user, day: this.day, index, start });
      });
    }
    return planned.sort((a, b) => a.start - b.start || a.user - b.user || a.index - b.index);
  }

  /**
   * Opens a planned session of the current day for a caller that plays it step by step; sessions of
   * one user one after the other. What has come about so far is `observe`d before the first step.
   *
   * @param truth takes the world's own numbers apart; none are worked out by default
   * @throws EdgeloomError `bad-session` when the day is another or the user's last one is still open
   */
  begin(planned: PlannedSession, truth: TruthSink = {}): Episode {
    const { user, day } = planned;
    if (day !== this.day || this.#open.has(user)) {
      throw new EdgeloomError({
        code: 'bad-session',
        what: day === this.day ? 'A session of this user is open' : `Today is day ${this.day}`,
        where: `session ${planned.index} of day ${day}`,
        fix: day === this.day ? 'end that one first' : 'begin a session of plan()',
      });
    }
    this.#open.add(user);
    return new Episode(this, planned, truth);
  }

  /**
   * Passes an action on and says what came of it.
   * @throws EdgeloomError `bad-action` when the user waits for something else; `stale-episode`
   */
  step(episode: Episode, action: Action): Observation {
    if (episode.planned.day !== this.day) {
      throw new EdgeloomError({
        code: 'stale-episode',
        what: 'The world has moved on to another day since this session was opened',
        where: `day ${episode.planned.day}, today is day ${this.day}`,
        fix: 'step a session, and its branches, before the world advances',
      });
    }
    episode.act(action);
    return episode.observe();
  }

  /**
   * What would have happened: a copy of an open session for the same user and moment that leaves the
   * original and the world as they are.
   *
   * @param future absent: the copy draws the same numbers, so that equal actions give equal events;
   *   a number: a future of its own, as likely as any other, the same whenever asked for
   */
  branch(episode: Episode, future?: number): Episode {
    return new Episode(this, episode.planned, {}, { episode, future });
  }

  /** Arm of the rollout, drawn for the user or the session; null while nothing is rolled out. */
  rolloutArm({ user, day, index }: PlannedSession): RolloutArm | null {
    const { share, unit } = this.params.rollout;
    if (share === 0) return null;
    const drawn = unit === 'user' ? [user] : [user, day, index];
    const challenger = Random.of(this.params.seed, 'rollout', ...drawn).chance(share);
    return challenger
      ? { arm: 'challenger', propensity: share }
      : { arm: 'champion', propensity: 1 - share };
  }

  /** Opens a planned session of the current day. `start` says when it really begins. */
  open(planned: PlannedSession): { session: Session; start: number } {
    const { user } = planned;
    const { searchShare, slow, intentCarry } = this.params.session;
    const random = this.stream('session', planned);
    const scene = random.chance(searchShare) ? 1 : 0;
    const session = new Session(this.population, user, scene, random.chance(slow), random);
    if (this.rolloutArm(planned)?.arm === 'challenger') session.loss = this.params.rollout.loss;
    const left = this.#left.subarray(user * SIZE, (user + 1) * SIZE);
    const start = Math.max(planned.start, this.#busyUntil[user]! + 60_000);
    // A wish fades: three days later it is e times less likely to be alive.
    const alive = intentCarry * Math.exp((this.#busyUntil[user]! - start) / (3 * DAY_MS));
    const carried = random.chance(alive) && left.some((x) => x !== 0);
    if (carried) session.intent = left.slice();
    else session.drawIntent();
    return { session, start };
  }

  /** Remembers how a session ended. */
  close(session: Session, end: number): void {
    this.#left.set(session.intent, session.user * SIZE);
    this.#busyUntil[session.user] = end;
    this.#open.delete(session.user);
  }

  /**
   * The cloud's answer to a call from this session.
   * @param most items that it may have at most, when its page is longer
   */
  answer(
    session: Session,
    trigger: 'open' | 'page' | 'refresh' | 'insert',
    random: Random,
    most?: number,
  ): Page {
    const inserted = trigger === 'insert';
    if (inserted && this.params.insert.effect === 0) {
      // The null world: what is left comes back as it is.
      return { items: session.unexposed(), scores: session.page.scores.subarray(session.next) };
    }
    return answerRequest(
      this.population,
      session.user,
      random,
      session.seen,
      session.loss,
      inserted ? session.trace.estimate() : undefined,
      most,
    );
  }

  /** Room for the futures of any session of this world, one decision at a time. */
  futuresOf(session: Session): Futures {
    this.#futures ??= new Futures(session);
    return this.#futures;
  }

  /** A stream of random numbers that belongs to one session and purpose. */
  stream(purpose: string, planned: PlannedSession, ...more: number[]): Random {
    return Random.of(this.params.seed, purpose, planned.user, planned.day, planned.index, ...more);
  }

  /**
   * Moves on to the next day: tastes, cohorts and the taste of the day drift.
   * @throws EdgeloomError `open-session`
   */
  advance(): void {
    if (this.#open.size > 0) {
      throw new EdgeloomError({
        code: 'open-session',
        what: `${this.#open.size} sessions of day ${this.day} are open`,
        fix: "end them first, with { kind: 'end' } if need be",
      });
    }
    this.population.advance();
  }
}
