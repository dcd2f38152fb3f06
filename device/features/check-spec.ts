/** `features.json` as it comes from a bundle: what a runtime reads of it, checked before it is used. */
import { checkExpression, isDistinct } from './check-expression.ts';
import { FeaturesError } from './errors.ts';
import {
  AXES,
  type Behaviour,
  type DeclaredFeature,
  type Feature,
  type FeatureSpec,
  type GroupFeature,
  SAMPLE_KINDS,
  type SizedExpression,
  type Source,
} from './spec.ts';
import { type Names, typeOf } from './type-of.ts';

/** The part of a FeatureSpec that a runtime interprets. */
export type Interpreted = Pick<
  FeatureSpec,
  | 'version'
  | 'tables'
  | 'sources'
  | 'actions'
  | 'decay'
  | 'dense'
  | 'context'
  | 'decisionContext'
  | 'declared'
>;

type Json = Record<string, unknown>;

const refuse = (where: string, what: string): never => {
  throw new FeaturesError('bad-features', where, what);
};

function object(value: unknown, where: string): Json {
  const is = typeof value === 'object' && value !== null && !Array.isArray(value);
  return is ? (value as Json) : refuse(where, 'Not an object');
}

const list = (value: unknown, where: string): unknown[] =>
  Array.isArray(value) ? value : refuse(where, 'Not a list');

/** @throws FeaturesError `bad-features` on another version, an unknown operator, or what does not fit */
export function checkSpec(json: unknown): Interpreted {
  const file = object(json, 'features.json');
  if (file.version !== 2) {
    refuse('version', `Version ${JSON.stringify(file.version)}; this runtime reads version 2`);
  }
  const names = { sources: sources(file.sources), tables: tables(file.tables) };
  const actions = object(file.actions, 'actions');
  const decay = object(file.decay, 'decay');
  const of = <T>(value: (behaviour: Behaviour) => T) =>
    ({ exposure: value('exposure'), page_view: value('page_view') }) as Record<Behaviour, T>;
  return {
    version: 2,
    ...names,
    actions: of((b) => group(actions[b], `actions.${b}`, names, b)),
    decay: of((b) => sized(decay[b], `decay.${b}`, names, b)),
    dense: features(file.dense, 'dense', names).map((feature, i) => {
      const { kind, axes, always } = typeOf(feature.expression, names, `dense[${i}]`);
      if (kind !== 'number' || !always || axes.join() !== 'candidate') {
        refuse(`dense[${i}]`, 'Not a number per candidate that is never null');
      }
      return feature;
    }),
    context: group(file.context, 'context', names, null),
    decisionContext: group(file.decisionContext, 'decisionContext', names, null),
    declared: declared(file.declared, names),
  };
}

const isOneOf = (known: readonly string[], value: unknown): boolean =>
  (known as readonly unknown[]).includes(value);

function declared(value: unknown, names: Names): DeclaredFeature[] {
  const given = list(value, 'declared') as Json[];
  const named = new Set<unknown>();
  return features(value, 'declared', names).map((feature, i) => {
    const { always } = typeOf(feature.expression, names, `declared[${i}]`);
    if (!always) refuse(`declared[${i}]`, 'It may be null');
    if (named.has(feature.name)) refuse(`declared[${i}].name`, 'Another one has this name');
    named.add(feature.name);
    const samples = list(given[i]!.samples, `declared[${i}].samples`);
    if (!samples.every((kind) => isOneOf(SAMPLE_KINDS, kind))) {
      refuse(`declared[${i}].samples`, `Not some of ${SAMPLE_KINDS.join(', ')}`);
    }
    return { ...feature, samples } as DeclaredFeature;
  });
}

function sources(value: unknown): Record<string, Source> {
  return Object.fromEntries(
    Object.entries(object(value, 'sources')).map(([name, given]) => {
      const { type, axis, what } = object(given, `sources.${name}`);
      const isAxis = axis === null || isOneOf(AXES, axis);
      if (!isOneOf(['number', 'text', 'id'], type) || !isAxis) {
        refuse(`sources.${name}`, 'Unknown type or axis');
      }
      return [name, { type, axis, what } as Source];
    }),
  );
}

const tables = (value: unknown): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(object(value, 'tables')).map(([name, texts]) => [
      name,
      isDistinct(texts)
        ? (texts as string[])
        : refuse(`tables.${name}`, 'Not a list of different texts'),
    ]),
  );

function features(value: unknown, where: string, names: Names): Feature[] {
  return list(value, where).map((given, i) => {
    const { name, expression } = object(given, `${where}[${i}]`);
    if (typeof name !== 'string') refuse(`${where}[${i}].name`, 'Not a text');
    const checked = checkExpression(expression, `${where}[${i}].expression`);
    typeOf(checked, names, `${where}[${i}].expression`);
    return { name: name as string, expression: checked };
  });
}

/** A category along `axis`, of the size that is stated. */
function sized(
  value: unknown,
  where: string,
  names: Names,
  axis: Behaviour | null,
): SizedExpression {
  const { expression, size } = object(value, where);
  const checked = checkExpression(expression, `${where}.expression`);
  const type = typeOf(checked, names, `${where}.expression`);
  if (type.kind !== 'category' || type.axes.join() !== (axis ?? '')) {
    refuse(where, `Not a category of ${axis ?? 'the moment'}`);
  }
  if (type.size !== size) refuse(`${where}.size`, `Not ${type.size}, the size of the expression`);
  return { expression: checked, size: type.size };
}

function group(
  value: unknown,
  where: string,
  names: Names,
  axis: Behaviour | null,
): GroupFeature[] {
  let end = 0;
  return list(value, where).map((given, i) => {
    const at = `${where}[${i}]`;
    const { name, offset } = object(given, at);
    if (typeof name !== 'string') refuse(`${at}.name`, 'Not a text');
    if (offset !== end) refuse(`${at}.offset`, `Not ${end}, where the one before ends`);
    const checked = { name: name as string, offset: end, ...sized(given, at, names, axis) };
    end += checked.size;
    return checked;
  });
}
