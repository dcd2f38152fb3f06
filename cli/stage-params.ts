/** Parameters of a stage on the command line: what they are, and the ones that this machine fills in. */
import { z } from 'zod';
import type { Stage } from '../activities/runtime/stage.ts';
import type { ArtifactRef, Store } from '../lib/artifact.ts';
import { openKeyRing, userKeyId } from './key-ring.ts';
import { readDataset } from './params.ts';
import { type Backend, namedBackend } from './session.ts';

interface Property {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Property[];
  items?: Property;
  properties?: Record<string, Property>;
  default?: unknown;
  description?: string;
  pattern?: string;
}
interface Schema extends Property {
  required?: string[];
}

const schemaOf = (stage: Stage): Schema =>
  z.toJSONSchema(stage.params, { io: 'input', unrepresentable: 'any' }) as Schema;

function typeOf({ type, enum: values, const: only, anyOf, items }: Property): string {
  if (only !== undefined) return JSON.stringify(only);
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ');
  if (anyOf) return [...new Set(anyOf.map(typeOf))].join(' | ');
  if (type === 'array') return `${typeOf(items ?? {})}[]`;
  return [type ?? 'any'].flat().join(' | ');
}

function linesOf(schema: Schema, indent: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const { default: value, description, properties } = property;
    const needed = schema.required?.includes(name) ? ', required' : '';
    const preset =
      value === undefined || properties ? needed : `, default ${JSON.stringify(value)}`;
    const told = description ? `: ${description}` : '';
    return [
      `${indent}${name} (${typeOf(property)}${preset})${told}`,
      ...linesOf(property, `${indent}  `),
    ];
  });
}

/** The parameters of a stage as lines for a person. */
export function describeParams(stage: Stage): string {
  const schema = schemaOf(stage);
  const lines = linesOf(schema, '  ');
  const filled = ['userKeyId', 'erasedUsers', 'backend'].filter(
    (name) => name in (schema.properties ?? {}),
  );
  if (filled.length > 0) lines.push(`Not given, ${filled.join(', ')} is what a run takes here.`);
  return ['Parameters (--params):', ...(lines.length > 0 ? lines : ['  none'])].join('\n');
}

/**
 * Fills in what a run decides by machine: the key of user ids, made when missing, and the backend.
 * @returns the parameters and the variables that a process which computes needs at its start
 */
export async function completeStageParams(
  stage: Stage,
  given: unknown,
  from: {
    inputs: Record<string, ArtifactRef>;
    workspace: string;
    folderOf: (ref: ArtifactRef) => ReturnType<Store['open']>;
    say: (line: string) => void;
  },
): Promise<{ params: unknown; environment: Backend['environment'] }> {
  const nothing = { params: given, environment: {} };
  if (typeof given !== 'object' || given === null) return nothing;
  const params: Record<string, unknown> = { ...given };
  const { properties = {} } = schemaOf(stage);
  const { logs } = from.inputs;
  if ('userKeyId' in properties && params.userKeyId === undefined && logs) {
    const dataset = await readDataset(await from.folderOf(logs));
    params.userKeyId = await userKeyId(from.workspace, dataset, from.say);
    from.say(`userKeyId ${String(params.userKeyId)}`);
  }
  if ('erasedUsers' in properties && params.erasedUsers === undefined) {
    const erased = await openKeyRing(from.workspace).erased(String(params.userKeyId));
    if (erased) params.erasedUsers = erased.id;
  }
  if (!('backend' in properties)) return { params, environment: {} };
  const named = params.backend as string | undefined;
  const { kind, environment } = await namedBackend(named, from.say);
  return { params: { ...params, backend: kind }, environment };
}
