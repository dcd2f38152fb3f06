/** What a declaration of a settings file must hold before anything is read: messages say where and what to do. */
import { checkExpression } from '../../../device/features/check-expression.ts';
import { FeaturesError } from '../../../device/features/errors.ts';
import { sourcesOf } from '../../../device/features/parts.ts';
import { AXES, type Expression, SAMPLE_KINDS } from '../../../device/features/spec.ts';
import { type ExpressionType, type Names, NOW, typeOf } from '../../../device/features/type-of.ts';
import type { Declaration } from '../../contracts/feature-declaration.ts';
import { SOURCES } from '../../contracts/feature-sources.ts';
import { kindsOf } from '../bindings.ts';
import { provisional } from './open-statistics.ts';

/** Every source, and the id tables with texts that are not known yet. */
const NAMES: Names = {
  sources: SOURCES,
  tables: { item: [], category: [], brand: [], creator: [] },
};

/** What is wrong, where in the declaration (`expression.of.left`), and how to mend it. */
export interface Fault {
  where: string;
  what: string;
}

/** @returns nothing when features can be fitted by it */
export function faultOf({ expression }: Declaration): Fault | undefined {
  const where = 'expression';
  let filled: Expression;
  let type: ExpressionType;
  try {
    filled = checkExpression(provisional(expression), where);
    const unknown = unknownSource(filled, where);
    if (unknown) return unknown;
    type = typeOf(filled, NAMES, where);
  } catch (error) {
    if (!(error instanceof FeaturesError)) throw error;
    // The message ends with the place, which is told apart.
    return { where: error.where, what: error.message.replace(` (${error.where})`, '') };
  }
  if (type.kind === 'text' || type.kind === 'id') {
    return {
      where,
      what: `a feature is a category or a number, not a ${type.kind}: use one_hot, hash or id`,
    };
  }
  if (!type.always) {
    return { where, what: 'the number may be null: wrap it in standardise, known or bucketise' };
  }
  if (kindsOf(filled).length === 0) {
    const names = sourcesOf(filled).join(', ');
    return { where, what: `no kind of samples (${SAMPLE_KINDS.join(', ')}) has all of ${names}` };
  }
  return undefined;
}

function unknownSource(expression: Expression, where: string): Fault | undefined {
  if (expression.op === 'source') {
    const { name } = expression;
    if (Object.hasOwn(SOURCES, name)) return undefined;
    return { where: `${where}.name`, what: `no source ${name}; ${nearTo(name)}` };
  }
  for (const [field, value] of Object.entries(expression)) {
    if (typeof value !== 'object' || !('op' in value)) continue;
    const found = unknownSource(value as Expression, `${where}.${field}`);
    if (found) return found;
  }
  return undefined;
}

/** The sources of the family that is meant, or the families. */
function nearTo(name: string): string {
  const family = name.slice(0, name.indexOf('.') + 1);
  const known = Object.keys(SOURCES).filter((source) => family && source.startsWith(family));
  return known.length > 0
    ? `there are ${known.join(', ')}`
    : `a source begins with moment. or one of ${AXES.map((axis) => `${axis}.`).join(' ')}`;
}

/** Groups that a declared feature can join, so that the models read it. */
export const INPUT_GROUPS = [
  'exposure',
  'page_view',
  'dense',
  'context',
  'decisionContext',
] as const;
export type InputGroup = (typeof INPUT_GROUPS)[number];

/** Why a feature cannot join a group; undefined when it can. */
export function refusalOf(group: InputGroup, { expression }: Declaration): string | undefined {
  const filled = provisional(expression);
  const { kind, axes } = typeOf(filled, NAMES);
  const kinds = kindsOf(filled);
  const along = axes.length === 0 ? 'of the moment' : `along ${axes.join(' and ')}`;
  const is = `it is a ${kind} ${along}`;
  switch (group) {
    case 'exposure':
    case 'page_view':
      if (kind !== 'category' || axes.join() !== group) {
        return `${is}; the group takes categories along ${group}`;
      }
      // An encoder's state is kept: what changes afterwards cannot be in it.
      return sourcesOf(filled).some((name) => name.startsWith('moment.'))
        ? `it reads ${sourcesOf(filled).includes(NOW) ? NOW : 'the moment'}, which changes after a behaviour was encoded`
        : undefined;
    case 'dense':
      return kind === 'number' && axes.join() === 'candidate' && kinds.includes('rerank')
        ? undefined
        : `${is}; the group takes numbers along candidate`;
    case 'context':
    case 'decisionContext': {
      const wanted = group === 'context' ? 'rerank' : 'decision';
      return kind === 'category' && axes.length === 0 && kinds.includes(wanted)
        ? undefined
        : `${is} in ${kinds.join(', ')} samples; the group takes categories of the moment in ${wanted} samples`;
    }
  }
}
