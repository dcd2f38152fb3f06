/** The users: how often they come, what they like, how readily they click, and how that drifts. */

import type { UserRow } from '../data/contracts/dataset.ts';
import { simulatedUserId } from '../data/contracts/simulated-users.ts';
import { Random } from '../lib/random.ts';
import type { Catalogue } from './catalogue.ts';
import { dot, normalise, pick, randomUnit, SIZE } from './maths.ts';
import type { WorldParams } from './params.ts';
import { Tables } from './tables.ts';

const hex = (random: Random): string => random.uint32().toString(16).padStart(8, '0');

/**
 * Tastes, cohorts and the taste of the day, moved on day by day with `advance`.
 * The state of day d is the same however often and by whatever path it is reached.
 */
export class Population {
  readonly params: WorldParams;
  readonly catalogue: Catalogue;
  readonly count: number;
  readonly tables: Tables;
  readonly ids: string[] = [];
  /** One or two phones a user. */
  readonly devices: string[][] = [];
  /** Expected sessions a day. */
  readonly sessionsPerDay: Float64Array;
  readonly cohort: Uint8Array;
  /** [count, SIZE], each of length 1 */
  readonly tastes: Float64Array;
  /** [count, SIZE]: the cloud ranker's picture of the tastes, learnt before the first day. */
  readonly believedTastes: Float64Array;
  /** Click logit of a user within the cohort. */
  readonly bias: Float64Array;
  /** Factor of a user on the probability of leaving. */
  readonly haste: Float64Array;
  readonly cohortBias: Float64Array;
  /** [cohorts, SIZE] */
  readonly cohortTastes: Float64Array;
  /** [1, SIZE]: the taste of the day. */
  readonly trend = new Float64Array(SIZE);
  day = 0;
  /** Room for the items that a request recalls and for their scores. */
  readonly pool: { items: Int32Array; scores: Float64Array };
  readonly #favourites: Uint8Array;
  readonly #marks: Int32Array;
  /** Of `#appealsTo`; 0 where not yet known. */
  readonly #appeals: Float64Array;
  #appealsTo = -1;
  #mark = 0;

  constructor(params: WorldParams, catalogue: Catalogue) {
    this.params = params;
    this.catalogue = catalogue;
    const { count, cohortShares, biasDeviation } = params.users;
    this.count = count;
    this.tables = new Tables(params);
    this.cohort = new Uint8Array(count);
    this.tastes = new Float64Array(count * SIZE);
    this.believedTastes = new Float64Array(count * SIZE);
    this.bias = new Float64Array(count);
    const { pool } = params.ranker;
    this.pool = { items: new Int32Array(pool), scores: new Float64Array(pool) };
    this.#marks = new Int32Array(catalogue.count);
    this.#appeals = new Float64Array(catalogue.count);
    this.#favourites = new Uint8Array(3 * count);
    this.sessionsPerDay = activity(params);
    this.haste = hastes(params);
    const cohorts = params.users.cohortBias.length;
    this.cohortBias = Float64Array.from(params.users.cohortBias);
    this.cohortTastes = new Float64Array(cohorts * SIZE);
    const random = Random.of(params.seed, 'users');
    for (let c = 0; c < cohorts; c++) randomUnit(random, this.cohortTastes, c);
    for (let u = 0; u < count; u++) {
      this.ids.push(simulatedUserId(u));
      this.devices.push([`d${hex(random)}${hex(random)}`]);
      if (random.chance(0.05)) this.devices[u]!.push(`d${hex(random)}${hex(random)}`);
      this.cohort[u] = pick(random, cohortShares);
      this.bias[u] = random.normal(0, biasDeviation);
      this.#drawTaste(random, u);
    }
  }

  /** A few favourite categories and a direction of the user's own. */
  #drawTaste(random: Random, u: number): void {
    const { categories, categoryVectors } = this.catalogue;
    const favourites = 2 + random.below(2);
    for (let f = 0; f < favourites; f++) {
      const c = random.below(categories);
      for (let d = 0; d < SIZE; d++) this.tastes[u * SIZE + d]! += categoryVectors[c * SIZE + d]!;
    }
    for (let d = 0; d < SIZE; d++) this.tastes[u * SIZE + d]! += 0.25 * random.normal();
    normalise(this.tastes, u);
    const error = this.params.ranker.tasteError / Math.sqrt(SIZE);
    for (let d = 0; d < SIZE; d++) {
      this.believedTastes[u * SIZE + d] = this.tastes[u * SIZE + d]! + error * random.normal();
    }
    normalise(this.believedTastes, u);
    this.#findFavourites(u);
  }

  /** Moves everything on by one day. */
  advance(): void {
    this.day++;
    const { seed, users } = this.params;
    const random = Random.of(seed, 'drift', this.day);
    const drift = users.drift;
    for (let c = 0; c < this.cohortBias.length; c++) {
      // Pulled back a little, so that cohorts keep their order over long runs.
      const home = users.cohortBias[c]!;
      const step = users.cohortDrift * drift * random.normal();
      this.cohortBias[c] = home + 0.9 * (this.cohortBias[c]! - home) + step;
      this.#renew(random, this.cohortTastes, c, users.tasteDrift * drift);
    }
    for (let d = 0; d < SIZE; d++) {
      this.trend[d] = 0.6 * this.trend[d]! + users.trendDrift * drift * random.normal();
    }
    for (let u = 0; u < this.count; u++) {
      this.#renew(random, this.tastes, u, users.tasteDrift * drift);
      if (random.chance(users.cohortChange)) {
        const up = this.cohort[u]! + (random.chance(0.5) ? 1 : -1);
        if (up >= 0 && up < this.cohortBias.length) this.cohort[u] = up;
      }
    }
  }

  /** Replaces a part of a vector's variance by noise and keeps its length. */
  #renew(random: Random, vectors: Float64Array, i: number, part: number): void {
    const renewed = Math.min(1, part);
    if (renewed === 0) return;
    const keep = Math.sqrt(1 - renewed);
    const noise = Math.sqrt(renewed / SIZE);
    for (let d = i * SIZE; d < (i + 1) * SIZE; d++) {
      vectors[d] = keep * vectors[d]! + noise * random.normal();
    }
    normalise(vectors, i);
  }

  /**
   * Long-term interest of a user, [1, SIZE], so that `interest · item` is in units of one taste: the
   * user's own, what the cohort shares, and the taste of the day.
   */
  interest(user: number): Float64Array {
    const own = user * SIZE;
    const shared = this.cohort[user]! * SIZE;
    const { cohortTaste } = this.params.users;
    const interest = new Float64Array(SIZE);
    for (let d = 0; d < SIZE; d++) {
      interest[d] =
        this.trend[d]! + this.tastes[own + d]! + cohortTaste * this.cohortTastes[shared + d]!;
    }
    return interest;
  }

  /** The three categories nearest to the ranker's picture of a user. */
  favourites(user: number): Uint8Array {
    return this.#favourites.subarray(user * 3, user * 3 + 3);
  }

  /**
   * A set of items, empty at first, that costs no memory: an item is in it when it bears `mark`. Sets
   * in use at the same time are apart: an item put into one leaves the other.
   */
  freshMarks(): { marks: Int32Array; mark: number } {
    this.#mark = (this.#mark + 1) & 0x7fffffff;
    return { marks: this.#marks, mark: this.#mark };
  }

  /**
   * What the cloud thinks of each item for a user, which never changes: a table for the last user
   * asked for, that the ranker fills in. 0 where not yet known.
   */
  appealsTo(user: number): Float64Array {
    if (user !== this.#appealsTo) {
      this.#appealsTo = user;
      this.#appeals.fill(0);
    }
    return this.#appeals;
  }

  #findFavourites(user: number): void {
    const { categories, categoryVectors } = this.catalogue;
    const fit = Array.from({ length: categories }, (_, c) => ({
      c,
      value: dot(this.believedTastes, user, categoryVectors, c),
    }));
    fit.sort((a, b) => b.value - a.value);
    for (let k = 0; k < 3; k++) this.#favourites[user * 3 + k] = fit[k]!.c;
  }

  userRow(user: number): UserRow {
    const random = Random.of(this.params.seed, 'profile', user);
    const often = this.sessionsPerDay[user]!;
    return {
      user_id: this.ids[user]!,
      valid_from: 0,
      age_level: `a${random.below(6)}`,
      gender: random.chance(0.5) ? 'f' : 'm',
      activity_level: often >= 2 ? 'high' : often >= 0.4 ? 'middle' : 'low',
    };
  }
}

/**
 * Expected sessions a day of each user: quantiles of a capped Pareto law, dealt out at random.
 * Quantiles, not draws, so that the weight of the tail does not depend on luck.
 */
function activity(params: WorldParams): Float64Array {
  const { count, activityExponent, sessionsPerDay, maxSessionsPerDay } = params.users;
  const raw = Float64Array.from(
    { length: count },
    (_, rank) => ((rank + 0.5) / count) ** (-1 / activityExponent),
  );
  const mean = (scale: number): number =>
    raw.reduce((sum, x) => sum + Math.min(maxSessionsPerDay, x * scale), 0) / count;
  // Bisection for the scale that gives the mean asked for; the cap makes it non-linear.
  let low = 0;
  let high = maxSessionsPerDay;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (mean(middle) < sessionsPerDay) low = middle;
    else high = middle;
  }
  const dealt = Random.of(params.seed, 'activity').shuffle([...raw]);
  return Float64Array.from(dealt, (x) => Math.min(maxSessionsPerDay, x * high));
}

/** Log-normal with mean 1. */
function hastes({ seed, users, session }: WorldParams): Float64Array {
  const random = Random.of(seed, 'haste');
  const deviation = session.hasteDeviation;
  return new Float64Array(users.count).map(() =>
    Math.exp(random.normal(-(deviation ** 2) / 2, deviation)),
  );
}
