/** Compiles the contract into the descriptions that the line reader follows, and into its tables. */
import type { JsonSchema } from '../../contracts/schema.ts';
import { FIELD, FIRST_FREE, KIND, MAX_TOKEN, OBJECT, OPTION, slotAt } from './memory.ts';

/** A field as the tables need it. */
export interface FieldPlan {
  name: string;
  index: number;
  kind: number;
  optional: boolean;
  /** Largest number of elements of a list, of bytes of a text, or largest value. */
  max: number;
  inner?: ObjectPlan;
}

export interface ObjectPlan {
  address: number;
  recordSize: number;
  fields: FieldPlan[];
}

/** Longest text of a record of numbers that is taken. */
export const MAX_RECORD_BYTES = 512;

const noRule = (what: string): never => {
  throw new TypeError(`the line reader has no rule for ${what}`);
};

/** Characters that the reader takes without asking: none of them may be refused by a pattern. */
const TAKEN = [
  ...Array.from({ length: 0x7f - 0x20 }, (_, i) => 0x20 + i),
  ...Array.from({ length: 0xd800 - 0xc0 }, (_, i) => 0xc0 + i),
  ...Array.from({ length: 0x10000 - 0xe000 }, (_, i) => 0xe000 + i),
  ...[0x10000, 0x1f600, 0x10ffff],
]
  .map((point) => String.fromCodePoint(point))
  .join('');
const known = new Map<string, boolean>();

/** True for `^[^…]*$` where the class holds nothing that the reader takes. */
function takesPlainText(pattern: string): boolean {
  const seen = known.get(pattern);
  if (seen !== undefined) return seen;
  const fits = /^\^\[\^[^\]]*\]\*\$$/.test(pattern) && new RegExp(pattern, 'u').test(TAKEN);
  known.set(pattern, fits);
  return fits;
}

const patternsOf = (schema: JsonSchema): string[] => [
  ...(schema.pattern === undefined ? [] : [schema.pattern]),
  ...(schema.allOf ?? []).flatMap(patternsOf),
];
const bound = (schema: JsonSchema, key: 'minLength' | 'maxLength'): number[] => [
  ...(schema[key] === undefined ? [] : [schema[key]]),
  ...(schema.allOf ?? []).flatMap((part) => bound(part, key)),
];

/** Writes descriptions into memory, one after another. */
export class SchemaWriter {
  readonly #view: DataView<ArrayBuffer>;
  #free = FIRST_FREE;

  constructor(buffer: ArrayBuffer) {
    this.#view = new DataView(buffer);
  }

  /** First byte behind what was written. */
  get end(): number {
    return this.#free;
  }

  reserve(bytes: number): number {
    const at = this.#free;
    this.#free = (at + bytes + 15) & ~15;
    return at;
  }

  /** The event types, which share their first fields. */
  events(schemas: readonly JsonSchema[]): Map<string, ObjectPlan> {
    const names = schemas.map((schema) => Object.keys(schema.properties ?? {}));
    let shared = 0;
    while (names.every((list) => list[shared] !== undefined && list[shared] === names[0]![shared]))
      shared++;
    if (!names[0]!.slice(0, shared).includes('type')) noRule('types without a common beginning');
    const options = this.reserve(OPTION.size * schemas.length);
    const plans = new Map<string, ObjectPlan>();
    for (const [type, schema] of schemas.entries()) {
      const name = String(schema.properties?.type?.const);
      const plan = this.object(schema, { address: options, count: schemas.length });
      this.#option(options + OPTION.size * type, `"${name}"`, plan.address);
      this.#view.setInt32(plan.address + OBJECT.type, type, true);
      this.#view.setBigInt64(plan.address + OBJECT.envelope, (1n << BigInt(shared)) - 1n, true);
      plans.set(name, plan);
    }
    return plans;
  }

  object(schema: JsonSchema, types?: { address: number; count: number }): ObjectPlan {
    if (schema.additionalProperties !== false) noRule('an object that is not strict');
    const properties = Object.entries(schema.properties ?? {});
    const address = this.reserve(OBJECT.size);
    const first = this.reserve(FIELD.size * properties.length);
    let required = 0n;
    const fields = properties.map(([name, property], index): FieldPlan => {
      const needed = (schema.required ?? []).includes(name);
      if (needed) required |= 1n << BigInt(index);
      return this.#field(first + FIELD.size * index, name, index, property, needed, types);
    });
    const view = this.#view;
    view.setInt32(address + OBJECT.fieldCount, fields.length, true);
    view.setInt32(address + OBJECT.first, first, true);
    view.setInt32(address + OBJECT.fields, first, true);
    view.setBigInt64(address + OBJECT.required, required, true);
    view.setInt32(address + OBJECT.type, -1, true);
    // Nothing ends before it starts (`check-event.ts`).
    const [started, ended] = ['started', 'ended'].map((name) =>
      fields.find((f) => f.name === name),
    );
    if (started && ended) {
      if (started.optional) noRule('a start that may be missing');
      view.setInt32(address + OBJECT.started, slotAt(started.index), true);
      view.setInt32(address + OBJECT.ended, slotAt(ended.index), true);
    }
    const recordSize = slotAt(fields.length);
    view.setInt32(address + OBJECT.recordSize, recordSize, true);
    return { address, recordSize, fields };
  }

  #field(
    at: number,
    name: string,
    index: number,
    property: JsonSchema,
    needed: boolean,
    types?: { address: number; count: number },
  ): FieldPlan {
    const view = this.#view;
    const [schema, none] = property.anyOf ?? [property, undefined];
    if (!schema || (property.anyOf && none?.type !== 'null')) return noRule('anyOf but "or null"');
    if (needed && none) noRule('a field that is required and may be null');
    this.#token(at, name);
    view.setInt32(at + FIELD.index, index, true);
    view.setInt32(at + FIELD.nullable, none ? 1 : 0, true);
    view.setInt32(at + FIELD.next, at, true);
    const plan = { name, index, optional: !needed };
    if (name === 'type' && types) {
      this.#kind(at, KIND.type, 0, types.count, types.address);
      return { ...plan, kind: KIND.type, max: 0 };
    }
    return { ...plan, ...this.#value(at, schema) };
  }

  #value(at: number, schema: JsonSchema): Pick<FieldPlan, 'kind' | 'max' | 'inner'> {
    if (typeof schema.const === 'number') {
      return this.#range(at, KIND.integer, schema.const, schema.const);
    }
    if (schema.enum) {
      const options = this.reserve(OPTION.size * schema.enum.length);
      for (const [i, text] of schema.enum.entries()) {
        this.#option(options + OPTION.size * i, text, 0);
      }
      this.#kind(at, KIND.option, 0, schema.enum.length, options);
      return { kind: KIND.option, max: 16 };
    }
    if (schema.type === 'string') return this.#string(at, schema);
    if (schema.type === 'integer' || schema.type === 'number') {
      const whole = schema.type === 'integer';
      const most = whole ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE;
      const range = [schema.minimum ?? -most, schema.maximum ?? most] as const;
      return this.#range(at, whole ? KIND.integer : KIND.number, ...range);
    }
    if (schema.type === 'array' && schema.items) return this.#list(at, schema, schema.items);
    if (schema.type !== 'object') return noRule(`the type ${schema.type}`);
    if (schema.additionalProperties === false) {
      const inner = this.object(schema);
      this.#kind(at, KIND.object, 0, 0, inner.address);
      return { kind: KIND.object, max: 0, inner };
    }
    return this.#record(at, schema);
  }

  #list(
    at: number,
    schema: JsonSchema,
    items: JsonSchema,
  ): Pick<FieldPlan, 'kind' | 'max' | 'inner'> {
    const max = schema.maxItems ?? noRule('a list without an end');
    const texts = items.type === 'string';
    if (!texts) {
      const inner = this.object(items);
      const lists: number[] = [KIND.texts, KIND.objects, KIND.object];
      if (inner.fields.some((field) => lists.includes(field.kind))) noRule('a list in a list');
      this.#kind(at, KIND.objects, schema.minItems ?? 0, max, inner.address);
      return { kind: KIND.objects, max, inner };
    }
    const element = this.reserve(FIELD.size);
    const { kind, max: bytes } = this.#value(element, items);
    if (kind !== KIND.string) noRule('a list of options');
    this.#kind(at, KIND.texts, schema.minItems ?? 0, max, element);
    const field: FieldPlan = { name: 'element', index: 0, kind, optional: false, max: bytes };
    return { kind: KIND.texts, max, inner: { address: element, recordSize: 16, fields: [field] } };
  }

  #string(at: number, schema: JsonSchema): Pick<FieldPlan, 'kind' | 'max'> {
    for (const pattern of patternsOf(schema)) {
      if (!takesPlainText(pattern)) noRule(`the pattern ${pattern}`);
    }
    const max = Math.min(...bound(schema, 'maxLength'));
    if (!Number.isFinite(max)) noRule('a text without a longest');
    this.#kind(at, KIND.string, Math.max(0, ...bound(schema, 'minLength')), max, 0);
    return { kind: KIND.string, max };
  }

  #range(at: number, kind: number, low: number, high: number): Pick<FieldPlan, 'kind' | 'max'> {
    this.#kind(at, kind, 0, 0, 0);
    if (kind === KIND.integer) {
      this.#view.setBigInt64(at + FIELD.low, BigInt(low), true);
      this.#view.setBigInt64(at + FIELD.high, BigInt(high), true);
    } else {
      this.#view.setFloat64(at + FIELD.low, low, true);
      this.#view.setFloat64(at + FIELD.high, high, true);
    }
    return { kind, max: high };
  }

  /** Numbers by name; `min` and `max` are those of the names. */
  #record(at: number, schema: JsonSchema): Pick<FieldPlan, 'kind' | 'max'> {
    const names = schema.propertyNames ?? noRule('names without a rule');
    const values = schema.additionalProperties as JsonSchema;
    if (values.type !== 'number' || Object.keys(values).length !== 1) noRule('limits on values');
    for (const pattern of patternsOf(names)) {
      const fits = pattern === '^(?!__proto__$)' || takesPlainText(pattern);
      if (!fits) noRule(`the pattern ${pattern}`);
    }
    const max = Math.min(...bound(names, 'maxLength'));
    if (!Number.isFinite(max)) noRule('a name without a longest');
    this.#kind(at, KIND.record, Math.max(1, ...bound(names, 'minLength')), max, 0);
    return { kind: KIND.record, max: MAX_RECORD_BYTES };
  }

  #kind(at: number, kind: number, min: number, max: number, inner: number): void {
    const view = this.#view;
    view.setInt32(at + FIELD.kind, kind, true);
    view.setInt32(at + FIELD.min, min, true);
    view.setInt32(at + FIELD.max, max, true);
    view.setInt32(at + FIELD.inner, inner, true);
  }

  #token(at: number, name: string): void {
    const token = Buffer.from(`"${name}":`);
    if (token.length > MAX_TOKEN) noRule(`the long name ${name}`);
    const bytes = Buffer.from(this.#view.buffer);
    token.copy(bytes, at + FIELD.token);
    bytes.fill(0xff, at + FIELD.mask, at + FIELD.mask + token.length);
    this.#view.setInt32(at + FIELD.tokenLength, token.length, true);
  }

  #option(at: number, text: string, object: number): void {
    const option = Buffer.from(text);
    if (option.length > 16) noRule(`the long option ${text}`);
    const bytes = Buffer.from(this.#view.buffer);
    option.copy(bytes, at + OPTION.bytes);
    bytes.fill(0xff, at + OPTION.mask, at + OPTION.mask + option.length);
    this.#view.setInt32(at + OPTION.length, option.length, true);
    this.#view.setInt32(at + OPTION.object, object, true);
  }
}
