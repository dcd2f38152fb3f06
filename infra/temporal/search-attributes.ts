/** Registering the search attributes that runs carry in Temporal. */
import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { EdgeloomError } from '../../lib/errors.ts';
import {
  GATE_STATUS,
  GIT_SHA,
  MODEL_NAME,
  RUN_DATE,
  STAGE,
} from '../../workflows/search-attributes.ts';

/** Names of the attributes, all of type Keyword. */
export const SEARCH_ATTRIBUTES: readonly string[] = [
  RUN_DATE,
  MODEL_NAME,
  STAGE,
  GATE_STATUS,
  GIT_SHA,
].map(({ name }) => name);

const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;

/**
 * Adds the attributes that a namespace lacks and returns their names. Throws
 * `search-attribute-type` when one exists with another type, `search-attributes-refused` when the
 * server does not let us add them.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  names: readonly string[] = SEARCH_ATTRIBUTES,
): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const wrong = names.filter(
    (name) => name in customAttributes && customAttributes[name] !== KEYWORD,
  );
  if (wrong.length > 0) {
    throw new EdgeloomError({
      code: 'search-attribute-type',
      what: `The Temporal namespace has ${wrong.join(', ')} with a type other than Keyword`,
      where: `namespace ${namespace}`,
      fix: 'use another namespace (TEMPORAL_NAMESPACE) or remove them: temporal operator search-attribute remove --name …',
    });
  }
  const missing = names.filter((name) => !(name in customAttributes));
  if (missing.length === 0) return [];
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
    });
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'search-attributes-refused',
        what: `Temporal did not add the search attributes ${missing.join(', ')}: ${(error as Error).message}`,
        where: `namespace ${namespace}`,
        fix: `let an administrator run: temporal operator search-attribute create --namespace ${namespace} ${missing.map((name) => `--name ${name} --type Keyword`).join(' ')}`,
      },
      { cause: error },
    );
  }
  return missing;
}
