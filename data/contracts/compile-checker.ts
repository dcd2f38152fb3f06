/**
 * Compiles a JSON Schema into one function that only says yes or no.
 *
 * Why: zod explains well, and takes about as long per event as JSON.parse; the compiled function
 * takes a tenth of that. Ingest asks it first and asks zod only for the reason of a refusal. Both
 * come from the same schema, and a property test holds them equal.
 */
import type { JsonSchema } from './schema.ts';

export type Checker = (value: unknown) => boolean;

const KNOWN_KEYWORDS = new Set<string>([
  ...['$schema', '$id', 'title', 'description'],
  ...['anyOf', 'allOf', 'type', 'const', 'enum', 'minLength', 'maxLength', 'pattern'],
  ...['minimum', 'maximum', 'properties', 'required', 'additionalProperties', 'propertyNames'],
  ...['items', 'minItems', 'maxItems'],
]);

class Compiler {
  readonly #functions: string[] = [];
  readonly #patterns: string[] = [];
  #names = 0;

  /** The whole program: declarations, then the checker of the schema. */
  program(schema: JsonSchema): string {
    const body = this.#check(schema, 'v');
    const patterns = this.#patterns.map((p, i) => `const p${i} = new RegExp(${p}, 'u');`);
    return [
      "'use strict';",
      ...patterns,
      ...this.#functions,
      `return (v) => { ${body} return true; };`,
    ].join('\n');
  }

  /** Statements that return false unless the expression `v` fits. */
  #check(schema: JsonSchema, v: string): string {
    for (const keyword of Object.keys(schema)) {
      if (!KNOWN_KEYWORDS.has(keyword)) throw new TypeError(`no rule for the keyword ${keyword}`);
    }
    if (schema.anyOf) return this.#nullable(schema.anyOf, v);
    const fail = (condition: string): string => `if (${condition}) return false;`;
    if (schema.const !== undefined) return fail(`${v} !== ${JSON.stringify(schema.const)}`);
    if (schema.enum) {
      return fail(schema.enum.map((option) => `${v} !== ${JSON.stringify(option)}`).join(' && '));
    }
    switch (schema.type) {
      case 'string':
        return [fail(`typeof ${v} !== 'string'`), ...this.#string(schema, v).map(fail)].join(' ');
      case 'integer':
        return [fail(`!Number.isSafeInteger(${v})`), ...this.#range(schema, v).map(fail)].join(' ');
      case 'number':
        return [
          fail(`typeof ${v} !== 'number' || !Number.isFinite(${v})`),
          ...this.#range(schema, v).map(fail),
        ].join(' ');
      case 'array':
        return this.#array(schema, v);
      case 'object':
        return fail(`!${this.#object(schema)}(${v})`);
      default:
        throw new TypeError(`no rule for the type ${schema.type}`);
    }
  }

  #nullable(options: JsonSchema[], v: string): string {
    const [inner, none] = options;
    if (options.length !== 2 || !inner || none?.type !== 'null') {
      throw new TypeError('anyOf is compiled only as "this or null"');
    }
    return `if (${v} !== null) { ${this.#check(inner, v)} }`;
  }

  /** Lengths count UTF-16 code units, as zod does. */
  #string(schema: JsonSchema, v: string): string[] {
    const conditions: string[] = [];
    if (schema.minLength !== undefined) conditions.push(`${v}.length < ${schema.minLength}`);
    if (schema.maxLength !== undefined) conditions.push(`${v}.length > ${schema.maxLength}`);
    if (schema.pattern !== undefined)
      conditions.push(`!${this.#pattern(schema.pattern)}.test(${v})`);
    for (const part of schema.allOf ?? []) conditions.push(...this.#string(part, v));
    return conditions;
  }

  #range(schema: JsonSchema, v: string): string[] {
    const conditions: string[] = [];
    if (schema.minimum !== undefined) conditions.push(`${v} < ${schema.minimum}`);
    if (schema.maximum !== undefined) conditions.push(`${v} > ${schema.maximum}`);
    return conditions;
  }

  #pattern(source: string): string {
    const quoted = JSON.stringify(source);
    const known = this.#patterns.indexOf(quoted);
    return `p${known >= 0 ? known : this.#patterns.push(quoted) - 1}`;
  }

  #array(schema: JsonSchema, v: string): string {
    const item = this.#declare(this.#check(schema.items ?? {}, 'v'));
    const index = `i${this.#names++}`;
    return [
      `if (!Array.isArray(${v})) return false;`,
      `if (${v}.length < ${schema.minItems ?? 0}) return false;`,
      `if (${v}.length > ${schema.maxItems ?? Number.MAX_SAFE_INTEGER}) return false;`,
      `for (let ${index} = 0; ${index} < ${v}.length; ${index}++) if (!${item}(${v}[${index}])) return false;`,
    ].join(' ');
  }

  #object(schema: JsonSchema): string {
    const lines = ["if (typeof v !== 'object' || v === null || Array.isArray(v)) return false;"];
    if (typeof schema.additionalProperties === 'object') {
      const key = schema.propertyNames ? this.#check(schema.propertyNames, 'k') : '';
      lines.push(`for (const k in v) { ${key} const x = v[k];`);
      lines.push(`${this.#check(schema.additionalProperties, 'x')} }`);
      return this.#declare(lines.join('\n'));
    }
    if (schema.additionalProperties !== false) throw new TypeError('an object must be strict');
    // Count the known properties that are there, then all properties: more means an unknown one.
    lines.push('let n = 0; let x;');
    const required = new Set(schema.required ?? []);
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const check = this.#check(property, 'x');
      const otherwise = required.has(name) ? ' else return false;' : '';
      lines.push(
        `x = v[${JSON.stringify(name)}]; if (x !== undefined) { n++; ${check} }${otherwise}`,
      );
    }
    lines.push('for (const k in v) n--; if (n !== 0) return false;');
    return this.#declare(lines.join('\n'));
  }

  #declare(body: string): string {
    const name = `f${this.#names++}`;
    this.#functions.push(`function ${name}(v) { ${body}\nreturn true; }`);
    return name;
  }
}

/**
 * @param schema one object schema of the contract, strict about unknown properties
 * @returns true when a value made by JSON.parse fits
 * @throws TypeError when the schema uses a keyword that has no rule here
 */
export function compileChecker(schema: JsonSchema): Checker {
  // The text is made from our own schema only, never from input.
  return new Function(new Compiler().program(schema))() as Checker;
}
