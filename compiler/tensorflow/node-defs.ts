/** TensorFlow's nodes by name, with the variables and signatures around them: what a SavedModel holds. */
import { sha256 } from '../../lib/hash.ts';
import {
  type AttrProto,
  encodeSavedModel,
  type NodeProto,
  type SignatureProto,
  shapeProto,
  type TensorInfoProto,
  TF_TYPE,
  type TfTypeName,
} from './proto.ts';

export type Attributes = Readonly<Record<string, AttrProto>>;

export const typeAttr = (type: TfTypeName): AttrProto => ({ type: TF_TYPE[type] });
export const intAttr = (i: number): AttrProto => ({ i });
export const boolAttr = (b: boolean): AttrProto => ({ b });
export const stringAttr = (s: string): AttrProto => ({ s: new TextEncoder().encode(s) });

/** A variable of the program: `name` is also the node of its handle. */
export interface TfVariable {
  name: string;
  type: TfTypeName;
  shape: readonly number[];
}

/** A named end of a signature. Sizes −1 are open. */
export interface End {
  node: string;
  type: TfTypeName;
  shape: readonly number[];
}

type Numbers = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

export class NodeDefs {
  readonly #nodes: NodeProto[] = [];
  readonly #names = new Set<string>();
  readonly #constants = new Map<string, string>();
  readonly #signatures: Record<string, SignatureProto> = {};

  get size(): number {
    return this.#nodes.length;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** @param input names, `name:1` for further outputs, `^name` for order only (these come last) */
  add(name: string, op: string, input: readonly string[], attr: Attributes = {}): string {
    if (this.#names.has(name)) throw new RangeError(`two nodes ${name}`);
    this.#names.add(name);
    const data = input.filter((from) => !from.startsWith('^'));
    const order = new Set(input.filter((from) => from.startsWith('^')));
    this.#nodes.push({ name, op, input: [...data, ...order], attr: { ...attr } });
    return name;
  }

  /** Equal constants are one node. */
  constant(type: TfTypeName, shape: readonly number[], data: Numbers): string {
    const tensorContent = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = `${type}[${shape}] ${sha256(tensorContent)}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const tensor = { dtype: TF_TYPE[type], tensorShape: shapeProto(shape), tensorContent };
    const name = this.add(`const/${this.#constants.size}`, 'Const', [], {
      dtype: typeAttr(type),
      value: { tensor },
    });
    this.#constants.set(key, name);
    return name;
  }

  ints(values: readonly number[]): string {
    return this.constant('int32', [values.length], Int32Array.from(values));
  }

  int(value: number): string {
    return this.constant('int32', [], Int32Array.of(value));
  }

  placeholder(name: string, type: TfTypeName, shape: readonly number[]): string {
    if (this.has(name)) return name;
    return this.add(name, 'Placeholder', [], {
      dtype: typeAttr(type),
      shape: { shape: shapeProto(shape) },
    });
  }

  variable(name: string, type: TfTypeName, shape: readonly number[]): TfVariable {
    this.add(name, 'VarHandleOp', [], {
      dtype: typeAttr(type),
      shape: { shape: shapeProto(shape) },
      shared_name: stringAttr(name),
      container: stringAttr(''),
    });
    return { name, type, shape };
  }

  /** The variable's value before any write of the call; one node serves every signature. */
  read({ name, type }: TfVariable): string {
    const node = `read/${name}`;
    if (this.has(node)) return node;
    return this.add(node, 'ReadVariableOp', [name], { dtype: typeAttr(type) });
  }

  write(node: string, { name, type }: TfVariable, value: string, after: readonly string[] = []) {
    return this.add(node, 'AssignVariableOp', [name, value, ...after], { dtype: typeAttr(type) });
  }

  signature(name: string, inputs: Record<string, End>, outputs: Record<string, End>): void {
    this.#signatures[name] = { inputs: infoOf(inputs), outputs: infoOf(outputs) };
  }

  signatures(): string[] {
    return Object.keys(this.#signatures);
  }

  encode(): Uint8Array {
    return encodeSavedModel(this.#nodes, this.#signatures);
  }
}

function infoOf(ends: Record<string, End>): Record<string, TensorInfoProto> {
  return Object.fromEntries(
    Object.entries(ends).map(([name, { node, type, shape }]) => [
      name,
      {
        name: node.includes(':') ? node : `${node}:0`,
        dtype: TF_TYPE[type],
        tensorShape: shapeProto(shape),
      },
    ]),
  );
}
