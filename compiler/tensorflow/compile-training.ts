/** A tfjs loss as one TensorFlow graph that is called once a step. */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import { checkedLoss, namedOutputs } from '../trace/outputs.ts';
import type { AdamOptions } from './adam.ts';
import { checkedBatch } from './check-batch.ts';
import { checkOptions, checkOutputName } from './check-options.ts';
import type { TfGraph } from './ir.ts';
import { gradientName } from './lazy-tables.ts';
import {
  type AdamForm,
  buildProgram,
  functionOutput,
  functionPart,
  type Program,
  stepPart,
} from './program.ts';
import {
  type BatchInputs,
  indexLimits,
  recordFunction,
  type Tensors,
  withGradients,
} from './record-training.ts';
import { Session } from './session.ts';

/** A function of batch and weights that trains nothing, such as a model's predictions. */
export type GraphFunction = (batch: Tensors, weights: Tensors) => Tensors;

export interface CompileOptions extends AdamOptions {
  /** For messages. @default 'model' */
  name?: string;
  /** What is trained: start values by name; variables of `tf.layers` too. The caller keeps them. */
  weights: Tensors;
  /** Weights that the loss reads and training leaves as they are. The caller keeps them. */
  frozen?: Tensors;
  /** Columns of a batch. */
  inputs: BatchInputs;
  /** Sizes that a named size may have (at least two); any when it is not listed. */
  symbols?: Readonly<Record<string, readonly number[]>>;
  /** Scalar loss of a batch, plain tfjs. `weights` are the trained and the frozen ones. */
  loss(batch: Tensors, weights: Tensors): tf.Tensor;
  /** More functions to compile beside it, by name. */
  functions?: Readonly<Record<string, GraphFunction>>;
  /**
   * How Adam is computed: `exact` in the order of eager training, `fast` by one fused kernel a weight,
   * `lazy` at the cost of the rows that a batch names, for large tables. @default 'fast'
   */
  adam?: AdamForm;
  /** Adds `accumulate` and `apply`: gradients of several batches, one update. Not in the form `lazy`. */
  accumulate?: boolean;
}

/** Everything that training changes. */
export interface OptimizerState {
  /** First and second moments by weight. */
  m: Tensors;
  v: Tensors;
  /** Steps made. */
  step: number;
}

export interface CompileInfo {
  /** Nodes of the whole program. */
  nodes: number;
  /** Size of the file, bytes. */
  bytes: number;
  /** Tables that are updated row by row (form `lazy`). */
  lazyTables: readonly string[];
  recordMs: number;
  writeMs: number;
  loadMs: number;
}

/**
 * Records the loss with its gradients, adds the optimiser, and loads the graph into TensorFlow.
 * Needs the `tensorflow` backend of tfjs-node. Source: docs/adr/0008-compiled-training.md.
 * @throws EdgeloomError `needs-tensorflow`, and for what cannot be compiled `not-compilable`,
 *   `random-while-recording`, `read-while-recording`, `assign-while-recording`, `unknown-variable`,
 *   `unused-weight`, each with the line of the caller where there is one; `bad-options`, `bad-inputs`,
 *   `bad-names`, `bad-weights`, `bad-outputs` for what does not fit
 */
export async function compileTraining(options: CompileOptions): Promise<CompiledTraining> {
  const { name = 'model', weights, frozen = {}, adam = 'fast', accumulate = false } = options;
  if (Object.keys(weights).length === 0) {
    throw new EdgeloomError({
      code: 'bad-weights',
      what: 'There are no weights to train',
      where: name,
      fix: 'name them in `weights`; compileFunctions compiles functions without a training',
    });
  }
  if (accumulate && adam === 'lazy') {
    throw new EdgeloomError({
      code: 'not-compilable',
      what: 'Gradients cannot be accumulated in the form lazy',
      where: name,
      fix: 'use the form fast or exact',
    });
  }
  const loss = withGradients(weights, gradientName, (batch, given) =>
    checkedLoss(options.loss(batch, { ...frozen, ...given }), name),
  );
  const compiled = await compileGraph({ ...options, frozen }, loss, adam);
  compiled.assignFrozen(frozen);
  compiled.assign(weights);
  return compiled;
}

export interface CompileFunctionsOptions {
  /** For messages. @default 'model' */
  name?: string;
  /** What the functions read. The caller keeps them. */
  weights: Tensors;
  inputs: BatchInputs;
  symbols?: Readonly<Record<string, readonly number[]>>;
  functions: Readonly<Record<string, GraphFunction>>;
}

/** Functions without a training. */
export type CompiledFunctions = Pick<CompiledTraining, 'call' | 'info' | 'graph' | 'dispose'>;

/**
 * Compiles functions of batch and weights that train nothing.
 * @throws EdgeloomError as {@link compileTraining}
 */
export async function compileFunctions(
  options: CompileFunctionsOptions,
): Promise<CompiledFunctions> {
  const { weights: frozen, ...rest } = options;
  const nothing = () => ({});
  const none = { weights: {}, learningRate: 0, loss: unreachable };
  const compiled = await compileGraph({ ...rest, ...none, frozen }, nothing, 'fast');
  compiled.assignFrozen(frozen);
  return compiled;
}

const unreachable = (): never => {
  throw new Error('there is no loss');
};

async function compileGraph(
  options: CompileOptions,
  step: (batch: Tensors) => Tensors,
  adam: AdamForm,
): Promise<CompiledTraining> {
  const { name = 'model', weights, frozen = {}, inputs, symbols = {}, functions = {} } = options;
  const { accumulate = false } = options;
  checkOptions(options);
  const started = performance.now();
  const all = { ...frozen, ...weights };
  const run = (batch: Tensors): Tensors => {
    const outputs = step(batch);
    for (const [what, compute] of Object.entries(functions)) {
      for (const [output, tensor] of namedOutputs(compute(batch, all), `${name}, ${what}`)) {
        checkOutputName(output, `${name}, ${what}`);
        outputs[functionOutput(what, output)] = tensor;
      }
    }
    return outputs;
  };
  const exact = adam === 'exact';
  const graph = recordFunction({ name, inputs, symbols, weights: all, run, exact });
  const recorded = performance.now();
  const shapes = (tensors: Tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([key, { shape }]) => [key, shape]));
  const program = buildProgram({
    graph,
    functions: Object.keys(functions),
    trained: shapes(weights),
    frozen: shapes(frozen),
    adam,
    options,
    accumulate,
  });
  const written = performance.now();
  const session = await Session.load(name, program.bytes, program.signatures);
  const info: CompileInfo = {
    nodes: program.nodes,
    bytes: program.bytes.length,
    lazyTables: program.lazy,
    recordMs: recorded - started,
    writeMs: written - recorded,
    loadMs: performance.now() - written,
  };
  return new CompiledTraining(name, session, program, graph, options, info);
}

/** A training in TensorFlow's memory. Calls block the thread until TensorFlow has run. */
export class CompiledTraining {
  readonly info: CompileInfo;
  /** What a step and the functions compute, without the optimiser: for `printGraph` and `drawGraph`. */
  readonly graph: TfGraph;
  readonly #name: string;
  readonly #session: Session;
  readonly #keys: Program['keys'];
  /** Inputs of each signature that takes a batch. */
  readonly #inputs: Record<string, readonly string[]>;
  readonly #rules: Parameters<typeof checkedBatch>[2];
  readonly #shapes: Readonly<Record<string, readonly number[]>>;
  /** Rows of lazy tables may be behind. */
  #behind = false;

  /** Use {@link compileTraining}. */
  constructor(
    name: string,
    session: Session,
    program: Program,
    graph: TfGraph,
    { inputs, symbols = {}, weights, frozen = {}, functions = {} }: CompileOptions,
    info: CompileInfo,
  ) {
    this.#name = name;
    this.#session = session;
    this.#keys = program.keys;
    this.info = info;
    this.graph = graph;
    const read = (part: TfGraph) => part.inputs.map((port) => port.name);
    this.#inputs = { train: read(stepPart(graph)) };
    for (const what of Object.keys(functions)) this.#inputs[what] = read(functionPart(graph, what));
    this.#rules = { inputs, symbols, limits: indexLimits(graph) };
    const all = Object.entries({ ...frozen, ...weights });
    this.#shapes = Object.fromEntries(all.map(([key, { shape }]) => [key, [...shape]]));
  }

  #checked(signature: string, batch: Tensors): Tensors {
    return checkedBatch(
      batch,
      this.#inputs[signature]!,
      this.#rules,
      `${this.#name}, ${signature}`,
    );
  }

  /**
   * One update. Columns that the loss does not read may be missing or too many.
   * @returns the loss before it
   * @throws EdgeloomError `bad-batch`; nothing is updated then
   */
  step(batch: Tensors): number {
    const { loss } = this.#session.call('train', this.#checked('train', batch));
    this.#behind = this.info.lazyTables.length > 0;
    const value = loss!.dataSync()[0]!;
    loss!.dispose();
    return value;
  }

  /** Adds a batch's gradients to the next update's. @returns its loss @throws EdgeloomError `bad-batch` */
  accumulate(batch: Tensors): number {
    const { loss } = this.#session.call('accumulate', this.#checked('train', batch));
    const value = loss!.dataSync()[0]!;
    loss!.dispose();
    return value;
  }

  /** One update with the accumulated gradients times `scale`. */
  apply(scale: number): void {
    tf.tidy(() => this.#session.call('apply', { scale: tf.scalar(scale) }));
  }

  /** Runs one of the functions. The caller disposes the result. @throws EdgeloomError `bad-batch` */
  call(name: string, batch: Tensors): Tensors {
    if (name === 'train' || !Object.hasOwn(this.#inputs, name)) {
      const known = Object.keys(this.#inputs).filter((what) => what !== 'train');
      throw new EdgeloomError({
        code: 'bad-names',
        what: `There is no function ${name}`,
        where: this.#name,
        fix: known.length > 0 ? `call ${known.join(', ')}` : 'compile it: option `functions`',
      });
    }
    const inputs = this.#checked(name, batch);
    this.#settle();
    return this.#session.call(name, inputs);
  }

  #settle(): void {
    if (!this.#behind) return;
    tf.dispose(this.#session.call('settle', {}));
    this.#behind = false;
  }

  /** Copies of the trained weights. The caller disposes them. */
  weights(): Tensors {
    this.#settle();
    const outputs = this.#session.call('weights', {});
    return this.#named(outputs, 'w');
  }

  /** Moments and step. The caller disposes the moments. */
  state(): OptimizerState {
    this.#settle();
    const outputs = this.#session.call('state', {});
    const step = outputs.step!.dataSync()[0]!;
    outputs.step!.dispose();
    return { m: this.#named(outputs, 'm'), v: this.#named(outputs, 'v'), step };
  }

  #named(outputs: Tensors, kind: 'w' | 'm' | 'v'): Tensors {
    const entries = Object.entries(this.#keys.trained);
    return Object.fromEntries(entries.map(([name, keys]) => [name, outputs[keys[kind]]!]));
  }

  /**
   * Sets every trained weight, and moments and step with it: zeros unless given. So one compiled graph
   * serves many weight sets. The caller keeps the tensors.
   * @throws EdgeloomError `bad-weights` naming what is missing or of another shape
   */
  assign(weights: Tensors, state?: OptimizerState): void {
    const step = state ? state.step : 0;
    if (!Number.isInteger(step) || step < 0) {
      throw new EdgeloomError({
        code: 'bad-weights',
        what: `The state is that of step ${step}`,
        where: this.#name,
        fix: 'give the state as `state()` returned it: m, v and the number of steps',
      });
    }
    tf.tidy(() => {
      const inputs: Tensors = { step: tf.scalar(step, 'int32') };
      for (const [name, keys] of Object.entries(this.#keys.trained)) {
        const weight = this.#fitting(weights, name);
        inputs[keys.w] = weight;
        inputs[keys.m] = state ? this.#fitting(state.m, name) : tf.zerosLike(weight);
        inputs[keys.v] = state ? this.#fitting(state.v, name) : tf.zerosLike(weight);
      }
      this.#session.call('assign', inputs);
    });
    this.#behind = false;
  }

  /** Sets the weights that are read only. The caller keeps the tensors. @throws EdgeloomError `bad-weights` */
  assignFrozen(weights: Tensors): void {
    const keys = Object.entries(this.#keys.frozen);
    if (keys.length === 0) return;
    const inputs = Object.fromEntries(
      keys.map(([name, key]) => [key, this.#fitting(weights, name)]),
    );
    tf.dispose(this.#session.call('frozen', inputs));
  }

  #fitting(weights: Tensors, name: string): tf.Tensor {
    const tensor = weights[name];
    const shape = this.#shapes[name]!;
    if (tensor?.dtype === 'float32' && `${tensor.shape}` === `${shape}`) return tensor;
    const given = tensor ? `${tensor.dtype}[${tensor.shape}]` : 'missing';
    throw new EdgeloomError({
      code: 'bad-weights',
      what: `${name} is ${given}; the graph takes float32[${shape}]`,
      where: this.#name,
      fix: 'give weights of the model that was compiled',
    });
  }

  /** Frees TensorFlow's session and its variables. All else throws EdgeloomError `disposed` then. */
  dispose(): void {
    this.#session.dispose();
  }
}
