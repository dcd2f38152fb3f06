import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkEvent } from './check-event.ts';
import { EVENT_COLUMNS, TABLE_COLUMNS } from './columns.ts';
import { type Checker, compileChecker } from './compile-checker.ts';
import { historyRow, itemRow, userRow } from './dataset.ts';
import { deviceEvent, EVENT_TYPES } from './device-log.ts';
import { EXAMPLE_EVENTS, exampleEvents } from './example-events.ts';
import { deviceLogJsonSchema, type JsonSchema, renderDeviceLogJsonSchema } from './schema.ts';

const exposure = EXAMPLE_EVENTS.exposure;

describe('the device log contract', () => {
  test('accepts an event of every type', () => {
    expect(exampleEvents.map((event) => event.type)).toEqual(EVENT_TYPES);
    for (const event of exampleEvents) {
      expect(checkEvent(JSON.parse(JSON.stringify(event)))).toEqual({ event });
    }
  });

  test('accepts events that have the required fields only', () => {
    const event = {
      ...{ event_id: 'e', type: 'exposure', schema_version: 1, user_id: 'u' },
      ...{ ts: 1_650_812_741_436, item_id: 'i', started: 1_650_812_741_436 },
    };
    expect(checkEvent(event).event).toBe(event);
  });

  test.each([
    ['a misspelt field', { ...exposure, scrol_speed: 3 }, 'unknown-field', 'an unknown field'],
    ['another schema version', { ...exposure, schema_version: 2 }, 'schema-version', 'must be 1'],
    ['an unknown type', { ...exposure, type: 'exposures' }, 'unknown-type', 'must be one of'],
    ['a missing id', { ...exposure, item_id: undefined }, 'missing-field', 'item_id'],
    ['no type', { ...exposure, type: undefined }, 'missing-field', 'type'],
    ['an empty id', { ...exposure, item_id: '' }, 'bad-value', 'item_id'],
    ['a number for an id', { ...exposure, item_id: 3 }, 'bad-value', 'item_id'],
    ['a time in seconds', { ...exposure, ts: 1_650_812_741 }, 'bad-value', 'ts'],
    ['a time in microseconds', { ...exposure, ts: 1_650_812_741_436_000 }, 'bad-value', 'ts'],
    ['an infinite number', { ...exposure, scroll_speed: Infinity }, 'bad-value', 'scroll_speed'],
    [
      'a negative duration',
      { ...exposure, scroll_duration_ms: -1 },
      'bad-value',
      'scroll_duration',
    ],
    ['a half position', { ...exposure, position: 0.5 }, 'bad-value', 'position'],
    ['NUL in an id', { ...exposure, item_id: 'a\u0000b' }, 'bad-value', 'item_id'],
    ['a lone surrogate', { ...exposure, user_id: '\ud800' }, 'bad-value', 'user_id'],
    [
      'an end before the start',
      { ...exposure, ended: exposure.started - 1 },
      'ended-before-started',
      '',
    ],
    ['a list', [exposure], 'not-an-object', ''],
    ['null', null, 'not-an-object', ''],
  ])('refuses %s', (_name, value, defect, detail) => {
    const check = checkEvent(value);
    expect(check.defect).toBe(defect);
    expect(check.detail).toContain(detail);
  });

  test('refuses the key __proto__ wherever it stands', () => {
    const outer = JSON.parse(`{"__proto__":{"x":1},${JSON.stringify(exposure).slice(1)}`);
    const scores = JSON.stringify(EXAMPLE_EVENTS.request).replace('"ctr"', '"__proto__"');
    expect(checkEvent(outer).defect).toBe('unknown-field');
    expect(checkEvent(JSON.parse(scores)).defect).toBe('unknown-field');
  });

  test('keeps the values of a refused line out of the explanation', () => {
    const check = checkEvent({ ...exposure, user_id: 'secret'.repeat(100), kind: 'secret' });
    expect(check.detail).not.toContain('secret');
  });

  const { candidates } = EXAMPLE_EVENTS.request;
  const scored = (scores: object): object => ({
    ...EXAMPLE_EVENTS.request,
    candidates: [{ ...candidates![0]!, scores }],
  });
  test.each([
    [{ ...exposure, visits: 1, 'a@b.example': 1 }, '2 unknown fields'],
    [
      { ...EXAMPLE_EVENTS.request, candidates: [{ item_id: 'i', 'a@b.example': 1 }] },
      'an unknown field in candidates.0',
    ],
    [scored({ 'a@b.example': 'high' }), 'a key of candidates.0.scores: '],
    [scored({ 'a@b.example\n': 1 }), 'a key of candidates.0.scores: '],
    [scored([]), 'candidates.0.scores: '],
  ])('keeps names that the contract does not define out of it: %#', (value, detail) => {
    const check = checkEvent(value);
    expect(check.detail).toContain(detail);
    expect(check.detail).not.toContain('example');
  });
});

test('the JSON Schema file is up to date', () => {
  const file = new URL('./device-log.v1.schema.generated.json', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(renderDeviceLogJsonSchema());
});

const fieldsOf = (schema: { shape: object }): string[] =>
  Object.keys(schema.shape)
    .map((name) => (name === 'user_id' ? 'user_key' : name))
    .sort();
const namesOf = (columns: { name: string }[]): string[] => columns.map((c) => c.name).sort();

test('the lake has a column for every field of the contract', () => {
  for (const option of deviceEvent.options) {
    expect(namesOf(EVENT_COLUMNS[option.shape.type.value])).toEqual(fieldsOf(option));
  }
  expect(namesOf(TABLE_COLUMNS.items)).toEqual(fieldsOf(itemRow));
  expect(namesOf(TABLE_COLUMNS.users)).toEqual(fieldsOf(userRow));
  expect(namesOf(TABLE_COLUMNS.history)).toEqual(fieldsOf(historyRow));
});

test('a keyword without a rule is an error, not a check left out', () => {
  const schema = { type: 'string', format: 'date' } as JsonSchema;
  expect(() => compileChecker(schema)).toThrow('no rule for the keyword format');
});

/** Values around the edges of a schema, most of them valid. */
function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(fitting(schema.anyOf[0]!), fc.constant(null));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const { minimum = -1e9, maximum = 1e9, minLength = 0, maxLength = 20 } = schema;
  switch (schema.type) {
    case 'string':
      return fc.oneof(
        fc.string({ minLength: Math.max(1, minLength), maxLength: Math.min(12, maxLength) }),
        fc.constantFrom('é', '😀'.repeat(32), 'x'.repeat(maxLength), 'x'.repeat(minLength)),
      );
    case 'integer':
      return fc.oneof(
        fc.integer({ min: minimum, max: maximum }),
        fc.constantFrom(minimum, maximum),
      );
    case 'number':
      return fc.oneof(fc.double({ min: minimum, max: maximum, noNaN: true }), fc.constant(maximum));
    case 'array':
      return fc.array(fitting(schema.items!), { minLength: schema.minItems ?? 0, maxLength: 3 });
    default: {
      if (typeof schema.additionalProperties === 'object') {
        return fc.dictionary(fc.string(), fitting(schema.additionalProperties), { maxKeys: 3 });
      }
      const properties = Object.entries(schema.properties!).map(([k, v]) => [k, fitting(v)]);
      const required = { requiredKeys: schema.required ?? [] };
      return fc.record(Object.fromEntries(properties), required as { requiredKeys: [] });
    }
  }
}

const oddValues = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(Infinity, -Infinity, 2 ** 53, -0, 0.5, '', '\u0000', '\ud83d', '\u0085'),
  fc.constantFrom<unknown>(
    'x'.repeat(129),
    'x'.repeat(2001),
    [],
    {},
    [null],
    1e13,
    999_999_999_999,
  ),
);

/** Replaces, removes or adds one property, at the top or one level down. */
const mutated = (value: unknown): fc.Arbitrary<unknown> =>
  fc
    .tuple(
      fc.nat(),
      fc.constantFrom('keep', 'replace', 'remove', 'add'),
      oddValues,
      fc.string(),
      fc.boolean(),
    )
    .map(([at, change, odd, name, deep]) => {
      const copy = structuredClone(value) as Record<string, unknown>;
      const nested = Object.values(copy).filter((v) => typeof v === 'object' && v !== null);
      const target = (deep && nested[at % nested.length]) || copy;
      const keys = Object.keys(target);
      const key = keys[at % keys.length] ?? name;
      if (change === 'replace') Object.assign(target, { [key]: odd });
      if (change === 'remove') Reflect.deleteProperty(target, key);
      if (change === 'add') Object.assign(target, { [name]: odd });
      return copy;
    });

test('the compiled checker and zod agree on valid and broken events of every type', () => {
  const schemas = deviceLogJsonSchema().oneOf!;
  const checkers: Checker[] = schemas.map(compileChecker);
  const cases = fc
    .nat({ max: schemas.length - 1 })
    .chain((i) => fc.tuple(fc.constant(i), fitting(schemas[i]!).chain(mutated)));
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(cases, ([i, value]) => {
      // A mutation may hit `type`: each checker knows its own type only.
      const type = schemas[i]!.properties!.type!.const;
      const byZod =
        deviceEvent.safeParse(value).success && (value as { type: unknown }).type === type;
      seen[byZod ? 'accepted' : 'refused']++;
      return checkers[i]!(value) === byZod || JSON.stringify(value).includes('"__proto__"');
    }),
    { numRuns: 4000, seed: 7 },
  );
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(500);
});
