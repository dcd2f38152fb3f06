/**
 * Every number of the simulated world, with its meaning. The defaults are those of the world
 * `default`; `worlds/` holds the frozen sets on which models are judged. `simulator/README.md` states
 * the formula that uses each.
 */
import { z } from 'zod';

const share = z.number().min(0).max(1);
const strength = z.number().min(0).max(5);

const items = z.strictObject({
  count: z.int().min(200).max(1_000_000).default(600).describe('items in the catalogue'),
  categories: z.int().min(4).max(256).default(6),
  brandsPerCategory: z.int().min(1).max(100).default(6),
  creators: z.int().min(1).max(100_000).default(150),
  videoShare: share.default(0.4).describe('items of kind video; the others are of kind image'),
  qualityDeviation: strength.default(0.2).describe('logits; raises clicks, dwell and orders'),
  curiosityDeviation: strength.default(0.55).describe('logits; raises clicks only (click bait)'),
});

const users = z.strictObject({
  count: z.int().min(1).max(10_000_000).default(1000),
  activityExponent: z
    .number()
    .min(0.5)
    .max(5)
    .default(1.05)
    .describe('Pareto exponent of sessions a day'),
  sessionsPerDay: z.number().min(0.01).max(50).default(0.32).describe('mean over users'),
  maxSessionsPerDay: z.number().min(0.1).max(200).default(3.2).describe('cap on one user'),
  cohortShares: z.array(share).min(1).max(16).default([0.3, 0.3, 0.25, 0.15]),
  cohortBias: z
    .array(z.number().min(-5).max(5))
    .min(1)
    .max(16)
    .default([-0.9, -0.3, 0.3, 0.9])
    .describe('click logit of each cohort, lowest click rate first'),
  biasDeviation: strength.default(0.25).describe('click logit of a user within the cohort'),
  cohortChange: share
    .default(0.06)
    .describe('probability a day of moving to a neighbouring cohort'),
  cohortTaste: strength.default(0.6).describe('weight of the taste that a cohort shares'),
  tasteDrift: share.default(0.15).describe("part of a taste's variance that is renewed a day"),
  cohortDrift: strength.default(0.1).describe("deviation a day of a cohort's click logit"),
  trendDrift: strength.default(0.25).describe('deviation of the taste of the day that all share'),
  drift: z
    .number()
    .min(0)
    .max(3)
    .default(1)
    .describe('multiplies every drift; 0 is a world at rest'),
});

const click = z.strictObject({
  bias: z.number().min(-10).max(5).default(-3.8),
  taste: strength.default(0.7).describe('logits per unit of taste · item'),
  intent: strength.default(4.5).describe('logits per unit of session intent · item'),
  slip: share.default(0.03).describe('probability of a click by mistake, times attention'),
  positionBias: share.default(1).describe('0: attention is the same everywhere'),
  attentionScale: z
    .number()
    .min(1)
    .max(1000)
    .default(25)
    .describe('slots after which attention halves'),
  fatigue: strength
    .default(0.25)
    .describe('logits lost per log(1 + exposures of the session / 20)'),
  repetition: strength.default(0.12).describe('logits lost per item of the category in the last 8'),
});

const slate = z.strictObject({
  effect: z
    .number()
    .min(0)
    .max(3)
    .default(1)
    .describe('multiplies the three below; 0: no slate effect'),
  similarity: strength.default(1.2).describe('logits lost when the item just above is alike'),
  contrast: strength.default(1).describe('logits lost when the neighbours are more attractive'),
  complement: strength
    .default(1.2)
    .describe('logits won below an item of the complementary category'),
});

const detail = z.strictObject({
  signal: z.number().min(0).max(3).default(1).describe('0: dwell, scroll and blocks are noise'),
  dwell: strength.default(2.2).describe('log exposure time per unit of intent · item'),
  dwellNoise: strength.default(0.3),
  pageView: strength.default(1.6).describe('depth of a page view per unit of intent · item'),
  pageViewNoise: strength.default(0.4),
  focusMs: z.number().min(10).max(600_000).default(900).describe('time on an item at fit 0'),
  viewMs: z
    .number()
    .min(100)
    .max(3_600_000)
    .default(7000)
    .describe('length of a page view at depth 0'),
});

const session = z.strictObject({
  exit: share.default(0.055).describe('probability of leaving the page after an exposure'),
  another: share.default(0.78).describe('probability of asking for another page after leaving one'),
  slow: share.default(0.15).describe('sessions on a slow network'),
  intentSwitch: share.default(0.004).describe('probability an exposure that the intent changes'),
  satisfied: share
    .default(0.5)
    .describe('probability that a click on a fitting item meets the wish: into the cart, done'),
  intentCarry: share
    .default(0.95)
    .describe('probability that an intent survives until the next session'),
  searchShare: share.default(0.35).describe('sessions in the scene search-feed'),
  nextPage: share.default(0.85).describe('probability of asking for more at the end of a page'),
  hasteDeviation: strength
    .default(0)
    .describe("deviation of the log of a user's factor on exit; its mean is 1"),
  hours: z
    .array(z.number().min(0))
    .length(24)
    .default([5, 3, 2, 1, 1, 2, 3, 5, 6, 7, 7, 8, 9, 8, 8, 8, 8, 9, 9, 10, 11, 11, 11, 8])
    .describe('weight of each local hour in the starts of sessions'),
});

const searchFeed = z.strictObject({
  bias: z.number().min(-10).max(5).default(0.15).describe('click logits more than in home'),
  intent: strength.default(1.25).describe('times the weight of the intent in home'),
  order: z.number().min(-5).max(5).default(0.4).describe('order logits more than in home'),
  attention: z.number().min(0.01).max(100).default(1.4).describe('times the attention scale'),
});

const order = z.strictObject({
  bias: z.number().min(-10).max(5).default(-6).describe('order logit given a click'),
  intent: strength.default(4.5).describe('per unit of session intent · item'),
  quality: strength.default(0.5),
});

const ranker = z.strictObject({
  page: z.int().min(5).max(1000).default(50).describe('candidates a request'),
  pool: z.int().min(10).max(10_000).default(160).describe('items recalled for a request'),
  favourites: share.default(0.3).describe("share of the pool from the user's favourite categories"),
  noise: strength.default(0.55).describe('deviation of the score, logits'),
  tasteError: strength.default(0.5).describe("relative error of the ranker's picture of a taste"),
  popularity: z
    .number()
    .min(1)
    .max(20)
    .default(1)
    .describe('recall draws the first share s of the items with probability s^(1/popularity)'),
});

const rollout = z.strictObject({
  share: share.default(0).describe('probability of the arm challenger; 0: there are no arms'),
  unit: z.enum(['user', 'session']).default('user').describe('what the arm is drawn for'),
  loss: z
    .number()
    .min(-1)
    .max(2)
    .default(0)
    .describe("part of the signal that the challenger's ranker lacks: 1 is noise, 2 upside down"),
});

const insert = z.strictObject({
  effect: z.number().min(0).max(3).default(1).describe('0: an inserted request changes nothing'),
  fit: z
    .number()
    .min(0)
    .max(20)
    .default(4)
    .describe('logits of the ranker per unit of estimated intent · item'),
  wait: strength
    .default(0.25)
    .describe('click logits lost to the wait; they come back slot by slot'),
  slowWait: strength.default(0.5).describe('the same on a slow network'),
  flowWait: strength.default(2).describe('added when the user has clicked within the last 3 slots'),
  recovery: share.default(0.92).describe('part of that loss which is left after each slot'),
  takeAfterClick: share
    .default(0.3)
    .describe('probability that a moment after a click or delete becomes a decision'),
  takeQuiet: share.default(0.9).describe('the same after slots without a click'),
  spacing: z
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .describe('exposures between two decisions of a session'),
  quiet: z
    .int()
    .min(1)
    .max(100)
    .default(6)
    .describe('exposures without a click that make a moment'),
  propensity: z.number().gt(0).lt(1).default(0.5).describe('probability of treatment'),
  rollouts: z
    .int()
    .min(1)
    .max(10_000)
    .default(8)
    .describe('simulated futures per arm for the truth'),
});

const log = z.strictObject({
  explore: share
    .default(0.05)
    .describe('moments whose reranks are randomised after a click or delete'),
  late: share.default(0.025).describe('sessions uploaded hours late'),
  duplicates: share.default(0.004).describe('events sent twice'),
  killed: share.default(0.02).describe('sessions whose last exposure never ends'),
  filesPerDay: z.int().min(1).max(1000).default(4),
  utcOffsetMinutes: z.int().min(-840).max(840).default(480),
});

export const worldParams = z.strictObject({
  seed: z.int().min(0).default(7),
  from: z.iso.date().default('2026-03-02').describe('first business day'),
  days: z.int().min(1).max(366).default(7),
  items: items.prefault({}),
  users: users.prefault({}),
  click: click.prefault({}),
  slate: slate.prefault({}),
  detail: detail.prefault({}),
  session: session.prefault({}),
  searchFeed: searchFeed.prefault({}),
  order: order.prefault({}),
  ranker: ranker.prefault({}),
  insert: insert.prefault({}),
  rollout: rollout.prefault({}),
  log: log.prefault({}),
});
export type WorldParams = z.infer<typeof worldParams>;
export type WorldParamsInput = z.input<typeof worldParams>;

/** What takes one planted effect away, so that a gain claimed from it must vanish. */
export const NULL_WORLDS = {
  'no-slate-effect': { slate: { effect: 0 } },
  'no-uplift': { insert: { effect: 0 } },
  'no-drift': { users: { drift: 0, cohortChange: 0 } },
  'no-detail-signal': { detail: { signal: 0 } },
  'no-position-bias': { click: { positionBias: 0 } },
  'no-cohorts': {
    users: { cohortBias: [0, 0, 0, 0], biasDeviation: 0, cohortTaste: 0, cohortDrift: 0 },
  },
  'no-worse-model': { rollout: { loss: 0 } },
} as const satisfies Record<string, WorldParamsChange>;
export type NullWorld = keyof typeof NULL_WORLDS;

/** Some of the parameters, by group. */
export type WorldParamsChange = { [G in keyof WorldParamsInput]?: WorldParamsInput[G] };

/**
 * Parameters with some replaced, group by group.
 * @throws ZodError when a value is out of range or its name unknown
 */
export function changeWorld(params: WorldParams, change: WorldParamsChange): WorldParams {
  const groups: Record<string, unknown> = { ...params };
  for (const [group, value] of Object.entries(change)) {
    const before = groups[group];
    groups[group] = isGroup(before) && isGroup(value) ? { ...before, ...value } : value;
  }
  return worldParams.parse(groups);
}

/** Names of the parameters in which two worlds differ, such as `users.count`. */
export function changedNames(before: WorldParams, after: WorldParams): string[] {
  const flat = (params: object, prefix = ''): [string, string][] =>
    Object.entries(params).flatMap(([name, value]): [string, string][] =>
      isGroup(value)
        ? flat(value, `${prefix}${name}.`)
        : [[`${prefix}${name}`, JSON.stringify(value)]],
    );
  const known = new Map(flat(before));
  return flat(after)
    .filter(([name, value]) => known.get(name) !== value)
    .map(([name]) => name);
}

const isGroup = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
