/** Several recordings of one function, made at different sizes, become one graph with symbolic sizes. */

import { EdgeloomError } from '../../lib/errors.ts';
import type { DType, Port, TypedArray, ValueId } from '../graph/ir.ts';
import { keyOf } from '../graph/key.ts';
import { type Dim, type Fitter, isStatic, type SymbolicShape } from '../graph/symbolic.ts';
import type { RecordedOperation, Recording, Source } from '../trace/native-recorder.ts';
import { nativeBackend, type OpAttribute } from '../trace/raw-op.ts';
import {
  isPolynomial,
  type SymbolicData,
  type TfAttribute,
  type TfGraph,
  type TfNode,
  type TfValue,
} from './ir.ts';

export interface MergeInput {
  name: string;
  recordings: readonly Recording[];
  fitter: Fitter;
  inputs: Readonly<Record<string, { dtype: DType; shape: SymbolicShape }>>;
  weights: Readonly<Record<string, { dtype: DType; shape: readonly number[] }>>;
  /** The caller's line of the n-th operation, for errors. */
  locate(operation: number): string | undefined;
}

/** The recordings differ in more than the sizes that were asked about explain. */
export class RecordingsDiffer extends EdgeloomError {}

/** @throws EdgeloomError `not-compilable` naming the operation and its line */
export function mergeRecordings(input: MergeInput): TfGraph {
  return new Merge(input).graph();
}

class Merge {
  readonly #input: MergeInput;
  readonly #values: TfValue[] = [];
  readonly #nodes: TfNode[] = [];
  readonly #inputs: Port[] = [];
  readonly #named = new Map<string, ValueId>();
  /** Values of each operation's outputs. */
  readonly #made: ValueId[][] = [];
  readonly #constants = new Map<Source, ValueId>();

  constructor(input: MergeInput) {
    this.#input = input;
  }

  graph(): TfGraph {
    const { name, recordings, inputs, weights } = this.#input;
    for (const [input, type] of Object.entries(inputs)) {
      const value = this.#value({ name: input, ...type });
      this.#named.set(`input ${input}`, value);
      this.#inputs.push({ name: input, value });
    }
    for (const [weight, type] of Object.entries(weights)) {
      this.#named.set(`weight ${weight}`, this.#value({ name: weight, weight, ...type }));
    }
    const [first] = recordings;
    this.#checkStructure();
    first!.operations.forEach((operation, i) => {
      const same = recordings.map((recording) => recording.operations[i]!);
      this.#operation(operation, same, i);
    });
    const outputs = Object.keys(first!.outputs).map((output) => {
      const sources = recordings.map((recording) => recording.outputs[output]!.source);
      return { name: output, value: this.#source(sources, first!.operations.length - 1) };
    });
    return { name, values: this.#values, nodes: this.#nodes, inputs: this.#inputs, outputs };
  }

  #value(value: Omit<TfValue, 'id'>): ValueId {
    const id = this.#values.length;
    this.#values.push({ id, ...value });
    return id;
  }

  #refuse(what: string, operation: number, fix: string): never {
    const where = this.#input.locate(operation);
    throw new RecordingsDiffer({ code: 'not-compilable', what, ...(where ? { where } : {}), fix });
  }

  /** The same calls must be made whatever the sizes. */
  #checkStructure(): void {
    const [first, ...others] = this.#input.recordings.map(({ operations }) => operations);
    for (const other of others) {
      const differs = first!.findIndex((operation, i) => operation.op !== other[i]?.op);
      if (differs < 0 && first!.length === other.length) continue;
      const at = differs < 0 ? first!.length - 1 : differs;
      const counts = `${first!.length} operations here, ${other.length} for another size`;
      const ops = `${first![at]!.op} here, ${other[at]?.op ?? 'something else'} for another size`;
      this.#refuse(
        `What the function computes depends on the size of the batch: ${differs < 0 || first![at]!.op === other[at]?.op ? counts : ops}`,
        at,
        'branch on no size, loop over no batch (the gradient of tf.tile loops in the form exact); declare a fixed size where one is meant',
      );
    }
  }

  #operation(operation: RecordedOperation, same: readonly RecordedOperation[], i: number): void {
    const attributes = Object.fromEntries(
      operation.attributes.map((attribute) => [attribute.name, attributeOf(attribute)]),
    );
    for (const { attributes: others } of same) {
      if (keyOf(others) === keyOf(operation.attributes)) continue;
      this.#refuse(
        `An attribute of ${operation.op} depends on the size of the batch`,
        i,
        'use an operation that takes the size as a tensor',
      );
    }
    const inputs = operation.inputs.map((_, k) =>
      this.#source(
        same.map((recorded) => recorded.inputs[k]!),
        i,
      ),
    );
    const outputs = operation.outputs.map(({ dtype, shape }, k) => {
      const shapes = same.map((recorded) => recorded.outputs[k]!.shape);
      const fitted = shape.map((_, axis) => this.#fit(shapes.map((s) => s[axis]!)));
      const known = fitted.every((dim) => dim !== undefined);
      if (!known || shapes.some((s) => s.length !== shape.length)) {
        this.#refuse(
          `The shape of ${operation.op}'s result is not linear in the size of the batch`,
          i,
          'leave out operations whose result depends on how the batch divides',
        );
      }
      return this.#value({ name: `${operation.op}_${i}`, dtype, shape: fitted as Dim[] });
    });
    this.#made.push(outputs);
    this.#nodes.push({ op: operation.op, attributes, inputs, outputs });
  }

  #fit(values: readonly number[]): Dim | undefined {
    return this.#input.fitter.fit(values);
  }

  #fitAll(columns: readonly (readonly number[])[]): Dim[] | undefined {
    const fitted = columns.map((column) => this.#fit(column));
    return fitted.every((dim) => dim !== undefined) ? (fitted as Dim[]) : undefined;
  }

  #source(sources: readonly Source[], operation: number): ValueId {
    const [first] = sources as [Source];
    const differ = () =>
      this.#refuse(
        'What the function computes depends on the size of the batch',
        operation,
        'branch on no size; declare a fixed size where one is meant',
      );
    if (sources.some(({ kind }) => kind !== first.kind)) differ();
    if (first.kind === 'constant') return this.#constant(sources as Constant[], operation);
    const key = sourceKey(first);
    if (sources.some((source) => sourceKey(source) !== key)) differ();
    if (first.kind === 'operation') return this.#made[first.operation]![first.output]!;
    return this.#named.get(key)!;
  }

  #constant(sources: readonly Constant[], operation: number): ValueId {
    const [first] = sources as [Constant];
    const known = this.#constants.get(first);
    if (known !== undefined) return known;
    const value = this.#value({
      name: `const_${this.#values.length}`,
      dtype: first.dtype,
      ...this.#constantData(sources, operation),
    });
    this.#constants.set(first, value);
    return value;
  }

  #constantData(
    sources: readonly Constant[],
    operation: number,
  ): { shape: SymbolicShape; data?: TypedArray; symbolic?: SymbolicData } {
    const [first] = sources as [Constant];
    const shape = first.shape.map((_, axis) => this.#fit(sources.map((s) => s.shape[axis]!)));
    const used = `used by ${this.#input.recordings[0]!.operations[operation]?.op ?? 'the result'}`;
    if (shape.some((dim) => dim === undefined)) {
      this.#refuse(
        `A constant ${used} has a shape that is not linear in the size of the batch`,
        operation,
        'make it of the batch by tensor operations',
      );
    }
    const fitted = shape as Dim[];
    if (isStatic(fitted)) {
      if (sources.every(({ data }) => sameData(data, first.data))) {
        return { shape: fitted, data: first.data };
      }
      return { shape: fitted, symbolic: this.#elements(sources, operation, used) };
    }
    const fill = first.data[0]!;
    if (sources.some(({ data }) => data.some((value) => value !== fill))) {
      this.#refuse(
        `A constant ${used} has a value of its own for every row of the batch (tf.eye of the batch, or numbers drawn in JavaScript?)`,
        operation,
        'for tf.eye(n) write tf.oneHot(tf.range(0, n, 1, "int32"), n); pass other values in as an input, or draw them with statelessUniform from a seed that is fed',
      );
    }
    return { shape: fitted, symbolic: { fill } };
  }

  #elements(sources: readonly Constant[], operation: number, used: string): SymbolicData {
    const columns = Array.from(sources[0]!.data, (_, i) => sources.map(({ data }) => data[i]!));
    const plain = this.#fitAll(columns);
    const inverse =
      sources[0]!.dtype === 'float32' && !columns.flat().includes(0)
        ? this.#fitAll(columns.map((column) => column.map((value) => 1 / value)))
        : undefined;
    // Two sizes fit both: the one in fewer terms is meant.
    if (inverse && !(plain && termsIn(plain) <= termsIn(inverse))) {
      return { elements: inverse, reciprocal: true };
    }
    if (plain) return { elements: plain };
    return this.#refuse(
      `A constant ${used} is neither linear in the size of the batch nor 1 divided by it`,
      operation,
      'compute it of the batch by tensor operations; take a mean over batch · batch in two steps, tf.mean(tf.mean(x, 1))',
    );
  }
}

const termsIn = (dims: readonly Dim[]): number =>
  dims.reduce<number>((sum, dim) => sum + (isPolynomial(dim) ? Object.keys(dim).length : 1), 0);

type Constant = Extract<Source, { kind: 'constant' }>;

function sourceKey(source: Source): string {
  if (source.kind === 'operation') return `operation ${source.operation} ${source.output}`;
  return source.kind === 'constant' ? 'constant' : `${source.kind} ${source.name}`;
}

const sameData = (a: TypedArray, b: TypedArray): boolean =>
  a === b || (a.length === b.length && a.every((value, i) => Object.is(value, b[i])));

function attributeOf({ name, type, value }: OpAttribute): TfAttribute {
  const { binding } = nativeBackend()!;
  if (type === binding.TF_ATTR_TYPE) return { dtype: dtypeOfEnum(value as number) };
  if (type === binding.TF_ATTR_BOOL) return { bool: Boolean(value) };
  if (type === binding.TF_ATTR_FLOAT) return { float: value as number };
  if (type === binding.TF_ATTR_STRING) return { string: value as string };
  if (type === binding.TF_ATTR_SHAPE) return { shape: value as number[] };
  if (type === binding.TF_ATTR_INT) {
    return Array.isArray(value) ? { ints: value as number[] } : { int: value as number };
  }
  throw new EdgeloomError({
    code: 'not-compilable',
    what: `The attribute ${name} has a type that cannot be written`,
    fix: 'leave the operation out of what is compiled',
  });
}

function dtypeOfEnum(type: number): DType {
  const { TF_FLOAT, TF_INT32, TF_BOOL } = nativeBackend()!.binding;
  if (type === TF_FLOAT) return 'float32';
  if (type === TF_INT32) return 'int32';
  if (type === TF_BOOL) return 'bool';
  throw new EdgeloomError({
    code: 'not-compilable',
    what: `TensorFlow's data type ${type} cannot be part of a compiled function`,
    fix: 'use float32, int32 or bool',
  });
}
