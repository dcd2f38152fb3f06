/**
 * The contract as an SQL condition on the rows of a Parquet file. It is true only for rows that are
 * surely valid; every other row is read one by one, which decides and tells why.
 */
import type { EventType } from '../../contracts/device-log.ts';
import { deviceLogJsonSchema, type JsonSchema } from '../../contracts/schema.ts';
import { sqlText } from '../../duckdb.ts';

/** A column of the file with DuckDB's type for it. */
export interface FileColumn {
  name: string;
  type: string;
}

const INTEGERS = new Set([
  ...['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'],
]);
/** Control characters, which no text may hold here; a free text with a line break is read alone. */
const CONTROL = sqlText('[\\x00-\\x1f\\x7f-\\x{9f}]');

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The schema without "or null". */
const inner = (schema: JsonSchema): JsonSchema => schema.anyOf?.[0] ?? schema;

const bound = (schema: JsonSchema, key: 'minLength' | 'maxLength'): number | undefined =>
  schema[key] ?? schema.allOf?.map((part) => part[key]).find((value) => value !== undefined);

/** Conditions on a value that is not null; undefined when values of this type are read one by one. */
function check(schema: JsonSchema, value: string, type: string): string[] | undefined {
  if (schema.const !== undefined) {
    const text = typeof schema.const === 'string';
    if (text ? type !== 'VARCHAR' : !INTEGERS.has(type)) return undefined;
    return [`${value} = ${text ? sqlText(String(schema.const)) : schema.const}`];
  }
  if (schema.enum) {
    return type === 'VARCHAR'
      ? [`${value} in (${schema.enum.map(sqlText).join(', ')})`]
      : undefined;
  }
  if (schema.type === 'string') {
    if (type !== 'VARCHAR') return undefined;
    // UTF-8 bytes are at least as many as UTF-16 units.
    const max = bound(schema, 'maxLength');
    if (max === undefined) return undefined;
    const min = bound(schema, 'minLength') ?? 0;
    return [`strlen(${value}) between ${min} and ${max}`];
  }
  if (schema.type === 'integer' || schema.type === 'number') {
    const whole = INTEGERS.has(type);
    if (!whole && (schema.type === 'integer' || type !== 'DOUBLE')) return undefined;
    const most = whole ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE;
    const range = `${value} between ${schema.minimum ?? -most} and ${schema.maximum ?? most}`;
    // JSON has −0, and writes it as 0.
    return whole ? [range] : [range, `not (${value} = 0 and signbit(${value}))`];
  }
  return schema.type === 'array' ? checkList(schema, value, type) : undefined;
}

/** Lists of texts, and of structs of texts and numbers. */
function checkList(schema: JsonSchema, value: string, type: string): string[] | undefined {
  const items = schema.items;
  if (!type.endsWith('[]') || !items) return undefined;
  const length = `len(${value}) between ${schema.minItems ?? 0} and ${schema.maxItems ?? 0}`;
  const elementType = type.slice(0, -2);
  const element = items.properties
    ? checkMembers(items, 'x', structColumns(elementType))
    : check(items, 'x', elementType);
  if (!element) return undefined;
  const all = `coalesce(${['x is not null', ...element].join(' and ')}, false)`;
  return [length, `coalesce(list_bool_and(list_transform(${value}, lambda x: ${all})), true)`];
}

/** Members of a struct, each of them known to the contract. */
function checkMembers(
  schema: JsonSchema,
  value: string,
  columns: FileColumn[] | undefined,
): string[] | undefined {
  const properties = schema.properties ?? {};
  if (!columns || columns.some(({ name }) => !properties[name])) return undefined;
  const required = schema.required ?? [];
  if (required.some((name) => !columns.some((column) => column.name === name))) return undefined;
  const parts: string[] = [];
  for (const { name, type } of columns) {
    const member = `${value}.${quoted(name)}`;
    const conditions = check(inner(properties[name]!), member, type);
    // What is not read here may still be absent.
    const fits = conditions ? `(${conditions.join(' and ')})` : 'false';
    parts.push(required.includes(name) ? fits : `(${member} is null or ${fits})`);
  }
  return parts;
}

/** Members of `STRUCT(a VARCHAR, "b" INTEGER)`; undefined for nested ones and other types. */
export function structColumns(type: string): FileColumn[] | undefined {
  const members = /^STRUCT\(([^()[\]]*)\)$/.exec(type)?.[1];
  if (members === undefined) return undefined;
  const columns = members.split(', ').map((member) => /^"?([a-z_]+)"? ([A-Z]+)$/.exec(member));
  if (columns.some((column) => !column)) return undefined;
  return columns.map((column) => ({ name: column![1]!, type: column![2]! }));
}

/** All texts of a row as one, so that one pattern looks at them. */
function texts(columns: readonly FileColumn[]): string {
  const parts = columns.flatMap(({ name, type }) => {
    if (type === 'VARCHAR') return [quoted(name)];
    if (type === 'VARCHAR[]') return [`array_to_string(${quoted(name)}, '')`];
    const members = structColumns(type.replace(/\[\]$/, '')) ?? [];
    return members
      .filter((member) => member.type === 'VARCHAR')
      .map((member) => {
        const list = `list_transform(${quoted(name)}, lambda x: x.${quoted(member.name)})`;
        return `array_to_string(${list}, '')`;
      });
  });
  return `concat(${parts.join(', ')})`;
}

function typeCondition(schema: JsonSchema, columns: readonly FileColumn[]): string {
  const properties = schema.properties ?? {};
  const parts: string[] = [];
  for (const name of schema.required ?? []) {
    if (!columns.some((column) => column.name === name)) return 'false';
  }
  for (const { name, type } of columns) {
    const property = properties[name];
    const column = quoted(name);
    if (!property) {
      parts.push(`${column} is null`);
      continue;
    }
    const conditions = check(inner(property), column, type) ?? ['false'];
    const fits = `(${conditions.join(' and ')})`;
    parts.push(schema.required?.includes(name) ? fits : `(${column} is null or ${fits})`);
  }
  const has = (name: string): boolean =>
    properties[name] !== undefined && columns.some((column) => column.name === name);
  if (has('started') && has('ended')) parts.push('("ended" is null or "ended" >= "started")');
  return parts.join('\n and ');
}

/**
 * @param clocks condition on `ts` and, where it is there, `received_ts`
 * @returns a condition per event type that the file may hold; none when the file has a column that
 *   the contract does not know
 */
export function rowConditions(
  columns: readonly FileColumn[],
  clocks: string,
): Map<EventType, string> | undefined {
  const schemas = deviceLogJsonSchema().oneOf ?? [];
  const known = new Set(schemas.flatMap(({ properties }) => Object.keys(properties ?? {})));
  if (columns.some(({ name }) => !known.has(name))) return undefined;
  const conditions = new Map<EventType, string>();
  const plain = `not regexp_matches(${texts(columns)}, ${CONTROL})`;
  for (const schema of schemas) {
    const condition = typeCondition(schema, columns);
    if (condition === 'false') continue;
    const type = schema.properties?.type?.const as EventType;
    conditions.set(type, `coalesce(${condition}\n and ${clocks}\n and ${plain}, false)`);
  }
  return conditions;
}
