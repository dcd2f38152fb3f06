/**
 * The SavedModel of one training: variables, one step (loss, gradients, clipping, learning rate, Adam),
 * functions that only read, and the ways in and out of the variables.
 *
 *   train     batch → loss; updates weights, moments and the step's number
 *   <name>    batch → outputs, for each function given
 *   assign    weights, moments, step → ok         frozen   frozen weights → ok
 *   weights   → weights                           state    → moments, step
 *   settle    → ok; brings lazy tables up to date (only when there are any)
 *
 * Variables hold nothing until they are assigned.
 */
import type { ValueId } from '../graph/ir.ts';
import { addAccumulation } from './accumulate.ts';
import {
  type AdamOptions,
  clipped,
  exactUpdate,
  fastUpdate,
  type Slots,
  type StepScalars,
  stepScalars,
} from './adam.ts';
import { NodeArithmetic } from './arithmetic.ts';
import { emitGraph, openShape } from './emit.ts';
import type { TfGraph } from './ir.ts';
import {
  type LazySlots,
  lazyRows,
  lazyUpdate,
  momentsOf,
  packMoments,
  settleTable,
  unpackMoments,
} from './lazy-adam.ts';
import { gradientName, type LazyTable, lazyTables } from './lazy-tables.ts';
import { type End, NodeDefs, type TfVariable, typeAttr } from './node-defs.ts';
import { partOf } from './part.ts';

export type AdamForm = 'exact' | 'fast' | 'lazy';

export interface ProgramInput {
  /**
   * Outputs `loss`, `gradient/<weight>` for each trained weight and `<function>/<output>`: one graph, so
   * that what they have in common is there once.
   */
  graph: TfGraph;
  functions: readonly string[];
  /** Shapes of what is trained, and of what is only read. */
  trained: Readonly<Record<string, readonly number[]>>;
  frozen: Readonly<Record<string, readonly number[]>>;
  adam: AdamForm;
  options: AdamOptions;
  /** Add the signatures of accumulate.ts. */
  accumulate: boolean;
}

export interface Program {
  bytes: Uint8Array;
  nodes: number;
  /** Tables whose rows are updated one by one. */
  lazy: readonly string[];
  signatures: readonly string[];
  /** Keys of the signatures' ends: `w0` … in the order of `trained`, `f0` … of `frozen`. */
  keys: {
    trained: Record<string, { w: string; m: string; v: string }>;
    frozen: Record<string, string>;
  };
}

export function buildProgram(input: ProgramInput): Program {
  return new ProgramBuilder(input).build();
}

const FLOAT = { T: typeAttr('float32') };

interface Emitted {
  scope: string;
  graph: TfGraph;
  nodeOf(value: ValueId): string;
}

/** The graph's output that is a function's. */
export const functionOutput = (name: string, output: string): string => `${name}/${output}`;

const outputOf = (name: string, port: string): string | undefined =>
  port.startsWith(`${name}/`) ? port.slice(name.length + 1) : undefined;

const isOfStep = (output: string): boolean =>
  output === 'loss' || output.startsWith(gradientName(''));

/** What one step computes. */
export const stepPart = (graph: TfGraph): TfGraph => partOf(graph, isOfStep);

/** What a function computes. */
export const functionPart = (graph: TfGraph, name: string): TfGraph =>
  partOf(graph, (output) => outputOf(name, output) !== undefined);

class ProgramBuilder {
  readonly #input: ProgramInput;
  readonly #defs = new NodeDefs();
  readonly #slots = new Map<string, Slots>();
  /** Of tables whose rows are updated one by one; all other weights have {@link #slots}. */
  readonly #tables = new Map<string, LazySlots>();
  readonly #frozen = new Map<string, TfVariable>();
  /** Every weight, for graphs that read them. */
  readonly #weights = new Map<string, TfVariable>();
  readonly #step: TfVariable;
  /** Of gathered gradients. */
  readonly #sums: TfVariable[] = [];
  /** Of the step, when it works on rows of tables; the functions then have a graph of their own. */
  readonly #train: TfGraph;
  readonly #lazy: readonly LazyTable[];

  constructor(input: ProgramInput) {
    this.#input = input;
    const { trained, frozen, adam, graph } = input;
    const names = Object.keys(trained);
    const train = stepPart(graph);
    const found = adam === 'lazy' ? lazyTables(train, names, 'train') : undefined;
    this.#train = found?.graph ?? train;
    this.#lazy = found?.tables ?? [];
    names.forEach((name, i) => {
      const variable = (kind: string) =>
        this.#defs.variable(`${kind}/${i}`, 'float32', trained[name]!);
      const weight = variable('w');
      this.#weights.set(name, weight);
      if (this.#lazy.some((table) => table.weight === name)) {
        const moments = momentsOf(this.#defs, `mv/${i}`, weight);
        this.#tables.set(name, { weight, moments });
      } else this.#slots.set(name, { weight, m: variable('m'), v: variable('v') });
    });
    Object.entries(frozen).forEach(([name, shape], i) => {
      const variable = this.#defs.variable(`f/${i}`, 'float32', shape);
      this.#frozen.set(name, variable);
      this.#weights.set(name, variable);
    });
    this.#step = this.#defs.variable('step', 'int64', []);
  }

  build(): Program {
    const shared = this.#lazy.length === 0 ? this.#emit('graph', this.#input.graph) : undefined;
    const trained = Object.keys(this.#input.trained);
    const trains = trained.length > 0;
    // On rows of tables, indexes are fed though only the nodes around the graph read them.
    if (trains) this.#stepSignature(shared ?? this.#emit('train', this.#train, [this.#train]));
    this.#functions(
      shared ??
        this.#emit(
          'graph',
          partOf(this.#input.graph, (name) => !isOfStep(name)),
        ),
    );
    if (this.#lazy.length > 0) this.#settle();
    if (shared && this.#input.accumulate) this.#accumulate(shared);
    this.#assign(trains);
    if (trains) this.#read();
    const keyOf = ({ name }: TfVariable) => name.replace('/', '');
    return {
      bytes: this.#defs.encode(),
      nodes: this.#defs.size,
      signatures: this.#defs.signatures(),
      lazy: this.#lazy.map(({ weight }) => weight),
      keys: {
        trained: Object.fromEntries(
          trained.map((name, i) => [name, { w: `w${i}`, m: `m${i}`, v: `v${i}` }]),
        ),
        frozen: Object.fromEntries([...this.#frozen].map(([name, v]) => [name, keyOf(v)])),
      },
    };
  }

  #emit(scope: string, graph: TfGraph, parts = this.#partsOf(graph)): Emitted {
    const input = { defs: this.#defs, scope, graph, parts, variables: this.#weights };
    return { scope, graph, nodeOf: emitGraph(input) };
  }

  #partsOf(graph: TfGraph): TfGraph[] {
    return [stepPart(graph), ...this.#input.functions.map((name) => functionPart(graph, name))];
  }

  #stepSignature(emitted: Emitted): void {
    const defs = this.#defs;
    const { adam, options } = this.#input;
    const scope = 'train';
    const output = (name: string): string =>
      emitted.nodeOf(emitted.graph.outputs.find((port) => port.name === name)!.value);
    const scalars = stepScalars(defs, scope, this.#step, options);
    const rows = new Map(
      this.#lazy.map(({ weight, inputs, names }) => {
        const indices = inputs.map((input) => `${emitted.scope}/in/${input}`);
        const slots = this.#tables.get(weight)!;
        const own = `${scope}/rows/${slots.weight.name}`;
        return [weight, lazyRows(defs, own, slots, indices, names, scalars)];
      }),
    );
    const weights = Object.keys(this.#input.trained);
    const f = new NodeArithmetic(defs, `${scope}/clip`, 'float32');
    const raw = weights.map((weight) => output(gradientName(weight)));
    const gradients = clipped(f, raw, options.clipNorm, adam === 'exact');
    // Nothing is written before everything that reads the weights has run.
    const loss = output('loss');
    const first = (node: string) => `^${node.replace(/:\d+$/, '')}`;
    const barrier = `^${defs.add(`${scope}/computed`, 'NoOp', [first(loss), ...gradients.map(first)])}`;
    const writes = weights.flatMap((weight, i) => {
      const own = rows.get(weight);
      const gradient = gradients[i]!;
      const update = `${scope}/update/${i}`;
      if (own) return lazyUpdate(defs, update, own, gradient, scalars, barrier);
      const slots = this.#slots.get(weight)!;
      const parts = { defs, scope: update, slots, gradient, scalars, barrier };
      return adam === 'exact' ? exactUpdate(parts) : fastUpdate(parts);
    });
    const done = this.#advance(scalars, writes, barrier);
    const result = defs.add(`${scope}/out/loss`, 'Identity', [loss, `^${done}`], FLOAT);
    defs.signature(scope, this.#inputsOf(emitted.scope, stepPart(this.#input.graph)), {
      loss: { node: result, type: 'float32', shape: [] },
    });
  }

  #accumulate({ scope, graph, nodeOf }: Emitted): void {
    const output = (name: string): string =>
      nodeOf(graph.outputs.find((port) => port.name === name)!.value);
    const slots = [...this.#slots.values()];
    const sums = slots.map(({ weight: { name, type, shape } }) =>
      this.#defs.variable(name.replace('w', 'a'), type, shape),
    );
    this.#sums.push(...sums);
    addAccumulation({
      defs: this.#defs,
      slots,
      sums,
      gradients: [...this.#slots.keys()].map((weight) => output(gradientName(weight))),
      loss: output('loss'),
      inputs: this.#inputsOf(scope, stepPart(this.#input.graph)),
      step: this.#step,
      options: this.#input.options,
      exact: this.#input.adam === 'exact',
    });
  }

  #advance(scalars: StepScalars, writes: readonly string[], barrier: string): string {
    return scalars.advance([barrier, ...writes.map((write) => `^${write}`)]);
  }

  #inputsOf(scope: string, graph: TfGraph): Record<string, End> {
    return Object.fromEntries(
      graph.inputs.map(({ name, value }) => {
        const { dtype, shape } = graph.values[value]!;
        return [name, { node: `${scope}/in/${name}`, type: dtype, shape: openShape(shape) }];
      }),
    );
  }

  #functions({ scope, graph, nodeOf }: Emitted): void {
    const defs = this.#defs;
    for (const name of this.#input.functions) {
      const part = functionPart(this.#input.graph, name);
      const ends = graph.outputs.flatMap((port): [string, End][] => {
        const own = outputOf(name, port.name);
        if (own === undefined) return [];
        const { dtype, shape } = graph.values[port.value]!;
        const out = [nodeOf(port.value)];
        const node = defs.add(`${name}/out/${own}`, 'Identity', out, { T: typeAttr(dtype) });
        return [[own, { node, type: dtype, shape: openShape(shape) }]];
      });
      defs.signature(name, this.#inputsOf(scope, part), Object.fromEntries(ends));
    }
  }

  #settle(): void {
    const scalars = stepScalars(this.#defs, 'settle', this.#step, this.#input.options);
    // The rate that the last step had: no step is made here.
    const writes = this.#lazy.flatMap(({ weight }) => {
      const slots = this.#tables.get(weight)!;
      return settleTable(this.#defs, `settle/${slots.weight.name}`, slots, scalars);
    });
    this.#done('settle', {}, writes);
  }

  /** A signature that only acts: its output depends on the writes. */
  #done(name: string, inputs: Record<string, End>, writes: readonly string[]): void {
    const one = this.#defs.constant('float32', [], Float32Array.of(1));
    const after = writes.map((write) => `^${write}`);
    const ok = this.#defs.add(`${name}/out/ok`, 'Identity', [one, ...after], FLOAT);
    this.#defs.signature(name, inputs, { ok: { node: ok, type: 'float32', shape: [] } });
  }

  #assign(trains: boolean): void {
    if (trains) this.#assignTrained();
    if (this.#frozen.size === 0) return;
    const { inputs, writes } = this.#into('frozen', this.#frozen.values());
    this.#done('frozen', inputs, writes);
  }

  /** Variables fed by name. */
  #into(scope: string, variables: Iterable<TfVariable>) {
    const inputs: Record<string, End> = {};
    const writes: string[] = [];
    for (const variable of variables) {
      const { name, shape } = variable;
      const node = this.#defs.placeholder(`${scope}/in/${name}`, 'float32', shape);
      inputs[name.replace('/', '')] = { node, type: 'float32', shape };
      writes.push(this.#defs.write(`${scope}/write/${name}`, variable, node));
    }
    return { inputs, writes };
  }

  #assignTrained(): void {
    const defs = this.#defs;
    const plain = [...this.#slots.values()].flatMap(({ weight, m, v }) => [weight, m, v]);
    const tables = [...this.#tables.values()].map(({ weight }) => weight);
    const { inputs, writes } = this.#into('assign', [...plain, ...tables]);
    const step = defs.placeholder('assign/in/step', 'int32', []);
    const wide = defs.add('assign/step', 'Cast', [step], {
      SrcT: typeAttr('int32'),
      DstT: typeAttr('int64'),
    });
    writes.push(defs.write('assign/write/step', this.#step, wide));
    writes.push(...this.#assignMoments(step, inputs), ...this.#zeroSums());
    this.#done('assign', { ...inputs, step: { node: step, type: 'int32', shape: [] } }, writes);
  }

  #zeroSums(): string[] {
    const defs = this.#defs;
    const zero = defs.constant('float32', [], Float32Array.of(0));
    return this.#sums.map((sum) => {
      const zeros = defs.add(`assign/zeros/${sum.name}`, 'Fill', [defs.ints(sum.shape), zero], {
        T: typeAttr('float32'),
        index_type: typeAttr('int32'),
      });
      return defs.write(`assign/write/${sum.name}`, sum, zeros);
    });
  }

  /** What is assigned is up to date. */
  #assignMoments(step: string, inputs: Record<string, End>): string[] {
    if (this.#tables.size === 0) return [];
    const defs = this.#defs;
    const last = defs.add('assign/now', 'Cast', [step], {
      SrcT: typeAttr('int32'),
      DstT: typeAttr('float32'),
    });
    return [...this.#tables.values()].map((slots) => {
      const { weight, moments } = slots;
      const fed = (kind: string): string => {
        const key = weight.name.replace('w/', kind);
        const node = defs.placeholder(`assign/in/${key}`, 'float32', weight.shape);
        inputs[key] = { node, type: 'float32', shape: weight.shape };
        return node;
      };
      const parts = { m: fed('m'), v: fed('v'), last };
      const packed = packMoments(defs, `assign/${moments.name}`, slots, parts);
      return defs.write(`assign/write/${moments.name}`, moments, packed);
    });
  }

  #read(): void {
    const defs = this.#defs;
    const out = (variables: TfVariable[]) =>
      Object.fromEntries(
        variables.map((variable) => {
          const { name, shape } = variable;
          const node = defs.read(variable);
          return [name.replace('/', ''), { node, type: 'float32', shape } satisfies End];
        }),
      );
    const trained = Object.keys(this.#input.trained).map((name) => this.#weights.get(name)!);
    defs.signature('weights', {}, out(trained));
    const moments: Record<string, End> = out(
      [...this.#slots.values()].flatMap(({ m, v }) => [m, v]),
    );
    for (const slots of this.#tables.values()) {
      const { weight, moments: packed } = slots;
      const parts = unpackMoments(defs, `state/${packed.name}`, slots, defs.read(packed));
      for (const kind of ['m', 'v'] as const) {
        const end: End = { node: parts[kind], type: 'float32', shape: weight.shape };
        moments[weight.name.replace('w/', kind)] = end;
      }
    }
    const narrow = defs.add('state/step', 'Cast', [defs.read(this.#step)], {
      SrcT: typeAttr('int64'),
      DstT: typeAttr('int32'),
    });
    defs.signature(
      'state',
      {},
      {
        ...moments,
        step: { node: narrow, type: 'int32', shape: [] },
      },
    );
  }
}
