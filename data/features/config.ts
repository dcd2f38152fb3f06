/** Knobs of fitting features, and the features that a settings file declares. */
import { z } from 'zod';
import { cohortOptions } from '../../lib/cohorts.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { type Declaration, declaration, QUANTILE_GRID } from '../contracts/feature-declaration.ts';
import { faultOf, INPUT_GROUPS, refusalOf } from './declared/check-declarations.ts';
import { shippedDeclarations } from './declared/declarations.ts';

const buckets = z.int().min(2).max(QUANTILE_GRID);

/** Days before a sample's own over which a user's stability is measured, unless told. */
export const STABILITY_DAYS = 7;

const knobs = {
  minCount: z
    .int()
    .min(1)
    .default(2)
    .describe('exposures in training dates that give an item a row of its own'),
  actionBuckets: buckets.default(8).describe('buckets of a numeric action, at equal shares'),
  decayBuckets: buckets.default(12).describe('buckets of the time since a behaviour'),
  contextBuckets: buckets.default(6).describe('buckets of a numeric context feature'),
  maxValues: z
    .int()
    .min(1)
    .default(32)
    .describe('known values of a text feature, the most frequent'),
  popularityPrior: z
    .number()
    .positive()
    .default(20)
    .describe('exposures at the overall click rate that every item is given beforehand'),
  statisticsSample: z
    .int()
    .min(1)
    .default(60_000)
    .describe('samples from which boundaries are taken, about, when there are more'),
  stabilityDays: z
    .int()
    .min(2)
    .default(STABILITY_DAYS)
    .describe("days of a user's stability statistics"),
};

const names = z.array(z.string()).default([]);

export const featuresConfig = z.strictObject({
  ...knobs,
  shipped: z
    .boolean()
    .default(true)
    .describe('whether the shipped declarations are fitted and stored; models do not need them'),
  declare: z
    .array(
      declaration.superRefine((given, context) => {
        const fault = faultOf(given);
        if (!fault) return;
        context.addIssue({ code: 'custom', message: fault.what, path: fault.where.split('.') });
      }),
    )
    .default([])
    .describe('features of your own: docs/guide/features.md'),
  cohorts: cohortOptions.prefault({}).describe('users grouped by click rate'),
  inputs: z
    .strictObject({
      exposure: names.describe('actions of exposures'),
      page_view: names.describe('actions of page views'),
      dense: names.describe('numbers of candidates'),
      context: names.describe('the moment of a slate'),
      decisionContext: names.describe('the moment of a request decision'),
    })
    .prefault({})
    .describe('declared features that the models read, by group; none unless told'),
});
export type FeaturesConfig = z.infer<typeof featuresConfig>;
/** As settings give it: all of it may be left out. */
export type FeaturesSettings = z.input<typeof featuresConfig>;

/** The knobs alone: numbers that features.json tells. */
export const knobsOf = (config: FeaturesConfig): Record<string, number> =>
  Object.fromEntries(Object.keys(knobs).map((name) => [name, config[name as keyof typeof knobs]]));

/** The shipped declarations, unless they are left out, then those of the settings. */
export const declarationsOf = (config: FeaturesConfig): Declaration[] => [
  ...(config.shipped ? shippedDeclarations(config) : []),
  ...config.declare,
];

/**
 * @param where what the messages name: a settings file or a stage
 * @throws EdgeloomError `bad-config` with every fault and its place
 */
export function parseFeaturesConfig(value: unknown, where: string): FeaturesConfig {
  const parsed = featuresConfig.safeParse(value);
  const faults = parsed.success ? faultsOfNames(parsed.data) : [z.prettifyError(parsed.error)];
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new EdgeloomError({
    code: 'bad-config',
    what: `The section features does not fit: ${faults.join('; ')}`,
    where,
    fix: 'mend the section features; docs/guide/features.md has an example, sources and operators',
    exitCode: 2,
  });
}

/** Names that are taken, unknown, or in a group that they cannot join. */
function faultsOfNames(config: FeaturesConfig): string[] {
  const faults: string[] = [];
  // A shipped name keeps its meaning where shipped declarations are left out.
  const taken = new Set(shippedDeclarations(config).map(({ name }) => name));
  config.declare.forEach(({ name }, i) => {
    if (taken.has(name)) {
      faults.push(`declare[${i}].name: ${name} is taken, choose another name`);
    }
    taken.add(name);
  });
  const known = new Map(declarationsOf(config).map((given) => [given.name, given]));
  for (const group of INPUT_GROUPS) {
    config.inputs[group].forEach((name, i) => {
      const at = `inputs.${group}[${i}]`;
      const given = known.get(name);
      if (!given) {
        faults.push(
          `${at}: no feature ${name} is declared; declare it or name one of features.json`,
        );
        return;
      }
      const refusal = refusalOf(group, given);
      if (refusal) faults.push(`${at}: ${name} cannot join: ${refusal}`);
      if (config.inputs[group].indexOf(name) < i) faults.push(`${at}: ${name} is named twice`);
    });
  }
  return faults;
}
