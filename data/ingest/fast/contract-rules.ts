/**
 * The contract as rules for the leaves of a Parquet file: what surely makes a value valid. Every other row
 * is read one by one, which decides and tells why.
 */
import { EVENT_TYPES, type EventType } from '../../contracts/device-log.ts';
import { deviceLogJsonSchema, type JsonSchema } from '../../contracts/schema.ts';
import type { Leaf } from '../../parquet/read/schema.ts';

/** What one leaf must be. */
export interface LeafRule {
  /** `actions.list.element.dwell_ms`. */
  path: string;
  /** Null is refused: in a row, or in an element of a list. */
  required: boolean;
  /** Lengths of the list around it; null lists are refused when `required`. */
  list?: { least: number; most: number; required: boolean };
  value:
    | { kind: 'text'; least: number; most: number; oneOf?: ReadonlySet<string> }
    | { kind: 'number'; whole: boolean; least: number; most: number };
}

export interface TypeRules {
  /** Names of all columns that the type may have, with the paths of their leaves. */
  columns: ReadonlyMap<string, readonly string[]>;
  /** Columns without which no row is valid. */
  required: readonly string[];
  /** By path. */
  leaves: ReadonlyMap<string, LeafRule>;
}

/** The schema without "or null". */
const inner = (schema: JsonSchema): JsonSchema => schema.anyOf?.[0] ?? schema;

const bound = (schema: JsonSchema, key: 'minLength' | 'maxLength'): number | undefined =>
  schema[key] ?? schema.allOf?.map((part) => part[key]).find((value) => value !== undefined);

function valueRule(schema: JsonSchema): LeafRule['value'] | undefined {
  if (schema.const !== undefined) {
    const { const: only } = schema;
    return typeof only === 'number'
      ? { kind: 'number', whole: true, least: only, most: only }
      : { kind: 'text', least: 1, most: only.length, oneOf: new Set([only]) };
  }
  if (schema.enum) return { kind: 'text', least: 0, most: 128, oneOf: new Set(schema.enum) };
  if (schema.type === 'string') {
    // UTF-8 bytes are at least as many as UTF-16 units.
    const most = bound(schema, 'maxLength');
    if (most === undefined) return undefined;
    return { kind: 'text', least: bound(schema, 'minLength') ?? 0, most };
  }
  if (schema.type !== 'integer' && schema.type !== 'number') return undefined;
  const whole = schema.type === 'integer';
  const limit = whole ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE;
  return {
    kind: 'number',
    whole,
    least: schema.minimum ?? -limit,
    most: schema.maximum ?? limit,
  };
}

/** Members of an object as leaves under a path; those that no rule can tell are left out. */
function memberRules(path: string, object: JsonSchema, list: LeafRule['list']): LeafRule[] {
  return Object.entries(object.properties ?? {}).flatMap(([name, schema]) => {
    const value = valueRule(inner(schema));
    if (!value) return [];
    const required = object.required?.includes(name) ?? false;
    return [{ path: `${path}.${name}`, required, value, ...(list && { list }) }];
  });
}

function propertyRules(name: string, schema: JsonSchema, required: boolean): LeafRule[] {
  const own = inner(schema);
  if (own.type === 'array' && own.items) {
    const list = { least: own.minItems ?? 0, most: own.maxItems ?? 0, required };
    const path = `${name}.list.element`;
    if (own.items.properties) {
      const rules = memberRules(path, own.items, list);
      // A null element shows in a member that is required.
      return rules.some((rule) => rule.required) ? rules : [];
    }
    const value = valueRule(own.items);
    return value ? [{ path, required: true, list, value }] : [];
  }
  // A struct outside of lists may be null as a whole, which its members do not tell: read one by one.
  if (own.properties) return [];
  const value = valueRule(own);
  return value ? [{ path: name, required, value }] : [];
}

function rulesOf(schema: JsonSchema): TypeRules {
  const columns = new Map<string, string[]>();
  const leaves = new Map<string, LeafRule>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const rules = propertyRules(name, property, schema.required?.includes(name) ?? false);
    columns.set(
      name,
      rules.map(({ path }) => path),
    );
    for (const rule of rules) leaves.set(rule.path, rule);
  }
  return { columns, required: schema.required ?? [], leaves };
}

export function contractRules(): ReadonlyMap<EventType, TypeRules> {
  const schemas = deviceLogJsonSchema().oneOf ?? [];
  const byType = new Map(
    schemas.map((schema) => [schema.properties?.type?.const as EventType, rulesOf(schema)]),
  );
  return new Map(EVENT_TYPES.map((type) => [type, byType.get(type)!]));
}

/** Whether a leaf of a file holds values as the rule knows them. */
export function fitsRule({ physical, logical, maxRepetition }: Leaf, rule: LeafRule): boolean {
  if (maxRepetition !== Number(rule.list !== undefined)) return false;
  if (rule.value.kind === 'text') return physical === 'bytes' && logical?.kind === 'text';
  const whole = physical === 'int32' || physical === 'int64';
  if (whole) return logical === undefined || logical.kind === 'int';
  return physical === 'double' && logical === undefined && !rule.value.whole;
}
