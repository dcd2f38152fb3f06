/** Decides whether a parsed line is an event of the contract, and says why when it is not. */
import type { z } from 'zod';
import { type Checker, compileChecker } from './compile-checker.ts';
import { type DeviceEvent, deviceEvent, EVENT_TYPES, SCHEMA_VERSION } from './device-log.ts';
import { deviceLogJsonSchema } from './schema.ts';

/** Why a line is not an event. */
export const EVENT_DEFECTS = [
  'not-an-object',
  'schema-version',
  'unknown-type',
  'unknown-field',
  'missing-field',
  'bad-value',
  'ended-before-started',
] as const;
export type EventDefect = (typeof EVENT_DEFECTS)[number];

export type EventCheck =
  | { event: DeviceEvent; defect?: never; detail?: never }
  | { event?: never; defect: EventDefect; detail: string };

const checkers = new Map<string, Checker>();
for (const schema of deviceLogJsonSchema().oneOf ?? []) {
  checkers.set(String(schema.properties?.type?.const), compileChecker(schema));
}

const DETAIL_LENGTH = 300;
const clip = (text: string): string =>
  text.length > DETAIL_LENGTH ? `${text.slice(0, DETAIL_LENGTH)} …` : text;

/** Where an issue is. The keys of `scores` are the log's own text, so they are not named. */
function placeOf(path: readonly PropertyKey[]): string {
  const names = path.map(String);
  const scores = names.indexOf('scores');
  if (scores < 0 || scores === names.length - 1) return names.join('.');
  return `a key of ${names.slice(0, scores + 1).join('.')}`;
}

/**
 * The defect and a sentence for the first thing that zod finds wrong. Holds no text of the line, not
 * even the name of an unknown field: errors and logs quote the sentence, and a name may be personal.
 */
export function describeIssue(issue: z.core.$ZodIssue | undefined): {
  defect: 'unknown-field' | 'missing-field' | 'bad-value';
  detail: string;
} {
  // Only a key `__proto__` of a record passes zod and fails the JSON Schema.
  if (!issue) return { defect: 'unknown-field', detail: '__proto__ is not a name' };
  const place = placeOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const { length } = issue.keys;
    const fields = length === 1 ? 'an unknown field' : `${length} unknown fields`;
    return { defect: 'unknown-field', detail: place ? `${fields} in ${place}` : fields };
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return {
    defect: missing ? 'missing-field' : 'bad-value',
    detail: clip(`${place}: ${issue.message}`),
  };
}

/**
 * What the schema cannot say: something does not end before it starts.
 * Durations made of such times would be negative in every feature.
 */
function endsBeforeStart(event: DeviceEvent): boolean {
  if (event.type !== 'exposure' && event.type !== 'page_view') return false;
  return event.ended != null && event.ended < event.started;
}

/**
 * @param value what JSON.parse made of a line
 * @returns the same object as an event, or the defect and a sentence without text of the line
 */
export function checkEvent(value: unknown): EventCheck {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { defect: 'not-an-object', detail: 'a line holds one JSON object' };
  }
  const { type, schema_version: version } = value as { type?: unknown; schema_version?: unknown };
  const checker = typeof type === 'string' ? checkers.get(type) : undefined;
  if (checker?.(value)) {
    const event = value as DeviceEvent;
    if (!endsBeforeStart(event)) return { event };
    return { defect: 'ended-before-started', detail: 'ended is before started' };
  }
  if (version !== undefined && version !== SCHEMA_VERSION) {
    return { defect: 'schema-version', detail: `schema_version must be ${SCHEMA_VERSION}` };
  }
  if (type === undefined) return { defect: 'missing-field', detail: 'type: missing' };
  if (!checker) {
    return { defect: 'unknown-type', detail: `type must be one of ${EVENT_TYPES.join(', ')}` };
  }
  return describeIssue(deviceEvent.safeParse(value).error?.issues[0]);
}
