/** Declared features that settings name as inputs join the groups that the models read, after their own. */
import type {
  DeclaredFeature,
  Feature,
  FeatureSpec,
  GroupFeature,
} from '../../../device/features/spec.ts';
import { EdgeloomError } from '../../../lib/errors.ts';
import { SOURCES } from '../../contracts/feature-sources.ts';
import { sizeOf } from '../declare.ts';
import { groupSize } from '../groups.ts';
import type { InputGroup } from './check-declarations.ts';

interface Fitted {
  declared: readonly DeclaredFeature[];
  absent: FeatureSpec['absent'];
}

export function joinGroup(
  group: readonly GroupFeature[],
  name: InputGroup,
  inputs: readonly string[],
  { tables, ...fitted }: Fitted & { tables: Record<string, string[]> },
): GroupFeature[] {
  const joined = [...group];
  for (const feature of chosen(group, name, inputs, fitted)) {
    const size = sizeOf(feature.expression, { sources: SOURCES, tables });
    joined.push({ ...feature, offset: groupSize(joined), size });
  }
  return joined;
}

export const joinDense = (
  dense: readonly Feature[],
  inputs: readonly string[],
  fitted: Fitted,
): Feature[] => [...dense, ...chosen(dense, 'dense', inputs, fitted)];

/** @throws EdgeloomError `absent-input`, `bad-config` when the group has a feature of that name */
function chosen(
  group: readonly Feature[],
  name: InputGroup,
  inputs: readonly string[],
  { declared, absent }: Fitted,
): Feature[] {
  return inputs.map((input) => {
    const where = `inputs.${name} of the section features`;
    const found = declared.find((feature) => feature.name === input);
    if (!found) {
      const why = absent.find((one) => one.name === `declared.${input}`)?.why;
      throw new EdgeloomError({
        code: 'absent-input',
        what: `The models are to read ${input}, and the training days do not have it: ${why}`,
        where,
        fix: `take ${input} out of the inputs, or use logs that have it`,
      });
    }
    if (group.some((feature) => feature.name === input)) {
      throw new EdgeloomError({
        code: 'bad-config',
        what: `The group has a feature ${input} of its own`,
        where,
        fix: 'declare it under another name',
      });
    }
    return { name: found.name, expression: found.expression };
  });
}
