/**
 * A small assembler for WebAssembly: code as nested calls, written out as a module's bytes.
 *
 * Why: the reader of log lines is generated from the contract and must look at sixteen bytes at a
 * time, which JavaScript cannot. A value is code, the name of a local, or a number (an i32).
 */
export type ValueType = 'i32' | 'i64' | 'f64' | 'v128';
export type Code = (out: FunctionBody) => void;
export type Value = Code | string | number;

const TYPE: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f64: 0x7c, v128: 0x7b };

const unsigned = (n: number): number[] => {
  const bytes: number[] = [];
  for (let rest = n; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
};

const signed = (n: bigint): number[] => {
  const bytes: number[] = [];
  for (let rest = n; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    const last = rest >> 7n === (low & 0x40 ? -1n : 0n);
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
};

/** Bytes of a function while it is written; `labels` are the open blocks, innermost last. */
class FunctionBody {
  readonly bytes: number[] = [];
  readonly labels: string[] = [];
  readonly locals: Map<string, number>;
  readonly functions: Map<string, number>;

  constructor(locals: Map<string, number>, functions: Map<string, number>) {
    this.locals = locals;
    this.functions = functions;
  }

  local(name: string): number[] {
    const index = this.locals.get(name);
    if (index === undefined) throw new RangeError(`no local ${name}`);
    return unsigned(index);
  }

  label(name: string): number[] {
    const at = this.labels.lastIndexOf(name);
    if (at < 0) throw new RangeError(`no block ${name}`);
    return unsigned(this.labels.length - 1 - at);
  }
}

const code = (value: Value): Code => {
  if (typeof value === 'function') return value;
  if (typeof value === 'string') return (out) => out.bytes.push(0x20, ...out.local(value));
  return (out) => out.bytes.push(0x41, ...signed(BigInt(value | 0)));
};

const op =
  (...opcode: number[]) =>
  (...args: Value[]): Code =>
  (out) => {
    for (const arg of args) code(arg)(out);
    out.bytes.push(...opcode);
  };

const memory =
  (...opcode: number[]) =>
  (address: Value, offset = 0): Code =>
    op(...opcode, 0, ...unsigned(offset))(address);

const storing =
  (...opcode: number[]) =>
  (address: Value, value: Value, offset = 0): Code =>
    op(...opcode, 0, ...unsigned(offset))(address, value);

export const i32 = {
  eqz: op(0x45),
  eq: op(0x46),
  ne: op(0x47),
  ltU: op(0x49),
  gtU: op(0x4b),
  geU: op(0x4f),
  ctz: op(0x68),
  add: op(0x6a),
  sub: op(0x6b),
  mul: op(0x6c),
  and: op(0x71),
  or: op(0x72),
  shl: op(0x74),
  shrU: op(0x76),
  ofLong: op(0xa7),
  load: memory(0x28),
  load8: memory(0x2d),
  store: storing(0x36),
  store8: storing(0x3a),
};

export const i64 = {
  const:
    (n: number | bigint): Code =>
    (out) =>
      out.bytes.push(0x42, ...signed(BigInt(n))),
  eqz: op(0x50),
  eq: op(0x51),
  ne: op(0x52),
  ltS: op(0x53),
  gtS: op(0x55),
  add: op(0x7c),
  sub: op(0x7d),
  mul: op(0x7e),
  divS: op(0x7f),
  and: op(0x83),
  or: op(0x84),
  xor: op(0x85),
  shl: op(0x86),
  shrU: op(0x88),
  ofInt: op(0xad),
  load: memory(0x29),
  store: storing(0x37),
};

export const f64 = {
  const:
    (n: number): Code =>
    (out) =>
      out.bytes.push(0x44, ...new Uint8Array(new Float64Array([n]).buffer)),
  eq: op(0x61),
  lt: op(0x63),
  gt: op(0x64),
  le: op(0x65),
  ge: op(0x66),
  sub: op(0xa1),
  neg: op(0x9a),
  div: op(0xa3),
  ofLong: op(0xb9),
  load: memory(0x2b),
  store: storing(0x39),
};

/** Sixteen bytes at a time. */
export const v128 = {
  load: memory(0xfd, 0x00),
  store: storing(0xfd, 0x0b),
  splat: (byte: number): Code => op(0xfd, 0x0f)(byte),
  eq: op(0xfd, 0x23),
  ltU: op(0xfd, 0x26),
  and: op(0xfd, 0x4e),
  or: op(0xfd, 0x50),
  xor: op(0xfd, 0x51),
  anyTrue: op(0xfd, 0x53),
  bitmask: op(0xfd, 0x64),
};

export const set =
  (name: string, value: Value): Code =>
  (out) => {
    code(value)(out);
    out.bytes.push(0x21, ...out.local(name));
  };

export const seq =
  (...parts: Code[]): Code =>
  (out) => {
    for (const part of parts) part(out);
  };

const nested =
  (opcode: number) =>
  (label: string, ...body: Code[]): Code =>
  (out) => {
    out.bytes.push(opcode, 0x40);
    out.labels.push(label);
    seq(...body)(out);
    out.labels.pop();
    out.bytes.push(0x0b);
  };

/** `br` to a block leaves it; `br` to a loop begins it again. */
export const block = nested(0x02);
export const loop = nested(0x03);
export const br =
  (label: string): Code =>
  (out) =>
    out.bytes.push(0x0c, ...out.label(label));
export const brIf =
  (label: string, condition: Value): Code =>
  (out) => {
    code(condition)(out);
    out.bytes.push(0x0d, ...out.label(label));
  };

export const when =
  (condition: Value, then: Code[], otherwise: Code[] = []): Code =>
  (out) => {
    code(condition)(out);
    out.bytes.push(0x04, 0x40);
    out.labels.push('');
    seq(...then)(out);
    if (otherwise.length > 0) {
      out.bytes.push(0x05);
      seq(...otherwise)(out);
    }
    out.labels.pop();
    out.bytes.push(0x0b);
  };

/** Runs `cases[value]`. */
export const choose =
  (value: Value, cases: Code[][]): Code =>
  (out) => {
    const opened = cases.length + 1;
    for (let i = 0; i < opened; i++) out.bytes.push(0x02, 0x40);
    out.labels.push(...Array.from({ length: opened }, () => ''));
    code(value)(out);
    out.bytes.push(0x0e, ...unsigned(cases.length - 1));
    for (let i = 0; i < cases.length; i++) out.bytes.push(...unsigned(i));
    cases.forEach((body, i) => {
      out.labels.pop();
      out.bytes.push(0x0b);
      seq(...body)(out);
      out.bytes.push(0x0c, ...unsigned(cases.length - 1 - i));
    });
    out.labels.pop();
    out.bytes.push(0x0b);
  };

export const call =
  (name: string, ...args: Value[]): Code =>
  (out) => {
    for (const arg of args) code(arg)(out);
    const index = out.functions.get(name);
    if (index === undefined) throw new RangeError(`no function ${name}`);
    out.bytes.push(0x10, ...unsigned(index));
  };

export const give =
  (value?: Value): Code =>
  (out) => {
    if (value !== undefined) code(value)(out);
    out.bytes.push(0x0f);
  };

/** A function of the module; one without a result ends by itself, one with a result by `give`. */
export interface WasmFunction {
  name: string;
  params: Record<string, ValueType>;
  result?: ValueType;
  locals?: Record<string, ValueType>;
  body?: Code[];
}

const vector = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => {
  const bytes = [...Buffer.from(value)];
  return [...unsigned(bytes.length), ...bytes];
};
const section = (id: number, body: number[]): number[] => [id, ...unsigned(body.length), ...body];

function signatureOf({ params, result }: WasmFunction): number[] {
  const types = Object.values(params).map((type) => [TYPE[type]]);
  return [0x60, ...vector(types), ...vector(result ? [[TYPE[result]]] : [])];
}

function bodyOf(fn: WasmFunction, functions: Map<string, number>): number[] {
  const names = [...Object.keys(fn.params), ...Object.keys(fn.locals ?? {})];
  const body = new FunctionBody(new Map(names.map((name, index) => [name, index])), functions);
  seq(...(fn.body ?? []))(body);
  // What follows the last `give` is never reached, and says so.
  if (fn.result) body.bytes.push(0x00);
  const locals = Object.values(fn.locals ?? {}).map((type) => [1, TYPE[type]]);
  const bytes = [...vector(locals), ...body.bytes, 0x0b];
  return [...unsigned(bytes.length), ...bytes];
}

/**
 * @param imports functions of `env`, without bodies; `env.memory` is imported besides
 * @param functions every one is exported under its name
 */
export function assemble(
  imports: readonly WasmFunction[],
  functions: readonly WasmFunction[],
): Uint8Array<ArrayBuffer> {
  const all = [...imports, ...functions];
  const indices = new Map(all.map(({ name }, index) => [name, index]));
  const imported = imports.map(({ name }, index) => [
    ...text('env'),
    ...text(name),
    0,
    ...unsigned(index),
  ]);
  const pages = [...text('env'), ...text('memory'), 0x02, 0x00, 0x01];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(all.map(signatureOf))),
    ...section(2, vector([...imported, pages])),
    ...section(3, vector(functions.map((_, i) => unsigned(imports.length + i)))),
    ...section(
      7,
      vector(functions.map(({ name }, i) => [...text(name), 0, ...unsigned(imports.length + i)])),
    ),
    ...section(10, vector(functions.map((fn) => bodyOf(fn, indices)))),
  ]);
}
