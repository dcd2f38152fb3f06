/**
 * Arithmetic that is written once and runs in two ways: on numbers, and as nodes of a graph. The
 * optimiser's scalars (learning rate, bias corrections) are such formulas; in the graph they are
 * float64, because 1 − 0.999 in float32 is off by 1e-5.
 */
import { intAttr, type NodeDefs, typeAttr } from './node-defs.ts';
import type { TfTypeName } from './proto.ts';

export interface Arithmetic<T> {
  number(value: number): T;
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  div(a: T, b: T): T;
  min(a: T, b: T): T;
  max(a: T, b: T): T;
  pow(a: T, b: T): T;
  sqrt(a: T): T;
  cos(a: T): T;
}

export const numbers: Arithmetic<number> = {
  number: (value) => value,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  pow: (a, b) => a ** b,
  sqrt: Math.sqrt,
  cos: Math.cos,
};

/** Arithmetic on tensors of one type; nodes are named `<scope>/<operation>_<n>`. */
export class NodeArithmetic implements Arithmetic<string> {
  readonly #defs: NodeDefs;
  readonly #scope: string;
  readonly #type: 'float32' | 'float64';

  constructor(defs: NodeDefs, scope: string, type: 'float32' | 'float64') {
    this.#defs = defs;
    this.#scope = scope;
    this.#type = type;
  }

  /** @param after nodes that run first, as `^name` */
  op(op: string, inputs: readonly string[], after: readonly string[] = []): string {
    const name = `${this.#scope}/${op}_${this.#defs.size}`;
    return this.#defs.add(name, op, [...inputs, ...after], { T: typeAttr(this.#type) });
  }

  number(value: number): string {
    const data = this.#type === 'float32' ? Float32Array.of(value) : Float64Array.of(value);
    return this.#defs.constant(this.#type, [], data);
  }

  cast(value: string, from: TfTypeName): string {
    const name = `${this.#scope}/Cast_${this.#defs.size}`;
    const attributes = { SrcT: typeAttr(from), DstT: typeAttr(this.#type) };
    return this.#defs.add(name, 'Cast', [value], attributes);
  }

  add(a: string, b: string): string {
    return this.op('AddV2', [a, b]);
  }
  sub(a: string, b: string): string {
    return this.op('Sub', [a, b]);
  }
  mul(a: string, b: string): string {
    return this.op('Mul', [a, b]);
  }
  div(a: string, b: string): string {
    return this.op('RealDiv', [a, b]);
  }
  min(a: string, b: string): string {
    return this.op('Minimum', [a, b]);
  }
  max(a: string, b: string): string {
    return this.op('Maximum', [a, b]);
  }
  pow(a: string, b: string): string {
    return this.op('Pow', [a, b]);
  }
  sqrt(a: string): string {
    return this.op('Sqrt', [a]);
  }
  cos(a: string): string {
    return this.op('Cos', [a]);
  }
  square(a: string): string {
    return this.op('Square', [a]);
  }

  /** All tensors as one vector. */
  concatFlat(values: readonly string[]): string {
    const flat = values.map((value) => {
      const name = `${this.#scope}/Flat_${this.#defs.size}`;
      return this.#defs.add(name, 'Reshape', [value, this.#defs.ints([-1])], {
        T: typeAttr(this.#type),
        Tshape: typeAttr('int32'),
      });
    });
    if (flat.length === 1) return flat[0]!;
    const name = `${this.#scope}/Concat_${this.#defs.size}`;
    return this.#defs.add(name, 'ConcatV2', [...flat, this.#defs.int(0)], {
      T: typeAttr(this.#type),
      Tidx: typeAttr('int32'),
      N: intAttr(flat.length),
    });
  }

  /** Of a vector. */
  sum(a: string): string {
    const name = `${this.#scope}/Sum_${this.#defs.size}`;
    return this.#defs.add(name, 'Sum', [a, this.#defs.ints([0])], {
      T: typeAttr(this.#type),
      Tidx: typeAttr('int32'),
    });
  }

  addN(values: readonly string[]): string {
    if (values.length === 1) return values[0]!;
    const name = `${this.#scope}/AddN_${this.#defs.size}`;
    return this.#defs.add(name, 'AddN', values, {
      T: typeAttr(this.#type),
      N: intAttr(values.length),
    });
  }

  /** A vector [n] as [n, 1, …], to go with a tensor of that rank. */
  column(a: string, rank: number): string {
    const name = `${this.#scope}/Column_${this.#defs.size}`;
    const shape = this.#defs.ints([-1, ...Array.from({ length: rank - 1 }, () => 1)]);
    return this.#defs.add(name, 'Reshape', [a, shape], {
      T: typeAttr(this.#type),
      Tshape: typeAttr('int32'),
    });
  }
}
