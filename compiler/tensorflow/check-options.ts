/** Checks what is to be compiled before anything runs: TensorFlow's own messages name its nodes. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { CompileOptions } from './compile-training.ts';
import type { BatchInput, BatchInputs, Tensors } from './record-training.ts';

/** Names of signatures, and of what shares its names with functions' outputs. */
const RESERVED = new Set(
  'train accumulate apply assign frozen weights state settle gradient'.split(' '),
);
const FORMS: readonly unknown[] = ['exact', 'fast', 'lazy'];
const DECAYS: readonly unknown[] = ['constant', 'linear', 'cosine'];

/** Names become those of TensorFlow's nodes. */
const NODE_NAME = /^[\w.-][\w./-]*$/;
const PREFIX_NAME = /^[A-Za-z0-9.][\w.-]*$/;

type Refuse = (code: string, what: string, fix: string) => never;

/** @throws EdgeloomError `bad-names`, `bad-weights`, `bad-inputs`, `bad-options` */
export function checkOptions(options: CompileOptions): void {
  const { name: where = 'model', weights, frozen = {}, inputs, symbols = {} } = options;
  const refuse: Refuse = (code, what, fix) => {
    throw new EdgeloomError({ code, what, where, fix });
  };
  for (const name of Object.keys(options.functions ?? {})) {
    checkName(refuse, 'function', name, PREFIX_NAME);
    if (RESERVED.has(name)) {
      refuse('bad-names', `A function cannot be called ${name}`, 'choose another name');
    }
  }
  for (const [name, input] of Object.entries(inputs)) {
    checkName(refuse, 'input', name, NODE_NAME);
    checkInput(refuse, name, input);
  }
  checkSymbols(refuse, inputs, symbols);
  checkWeights(refuse, weights, frozen);
  checkNumbers(refuse, options);
}

function checkName(refuse: Refuse, kind: string, name: string, pattern: RegExp): void {
  if (pattern.test(name) && !(name in Object.prototype)) return;
  const fix = 'use letters, digits, _ . and -';
  refuse(
    'bad-names',
    `The ${kind} ${JSON.stringify(name)} has a name that TensorFlow refuses`,
    fix,
  );
}

/** @throws EdgeloomError `bad-names` */
export function checkOutputName(name: string, where: string): void {
  const refuse: Refuse = (code, what, fix) => {
    throw new EdgeloomError({ code, what, where, fix });
  };
  checkName(refuse, 'output', name, NODE_NAME);
}

function checkInput(refuse: Refuse, name: string, { shape, dtype }: BatchInput): void {
  if (dtype !== undefined && dtype !== 'float32' && dtype !== 'int32') {
    const fix = 'feed float32 or int32; inside, tf.cast(x, "bool") makes conditions';
    refuse('bad-inputs', `The input ${name} is declared as ${dtype}`, fix);
  }
  for (const size of shape) {
    if (typeof size === 'string') checkName(refuse, 'size', size, /^\w+$/);
    else if (!Number.isInteger(size) || size < 1) {
      const fix = "name a size that is open, ['batch', 3]; other sizes are whole numbers from 1";
      refuse('bad-inputs', `The input ${name} has the size ${size} in its shape`, fix);
    }
  }
}

function checkSymbols(
  refuse: Refuse,
  inputs: BatchInputs,
  symbols: Readonly<Record<string, readonly number[]>>,
): void {
  const used = new Set(Object.values(inputs).flatMap(({ shape }) => shape));
  for (const [symbol, sizes] of Object.entries(symbols)) {
    if (!used.has(symbol)) {
      refuse('bad-inputs', `No input has the size ${symbol}`, 'name sizes as the shapes do');
    }
    const whole = sizes.every((size) => Number.isInteger(size) && size > 0);
    if (whole && new Set(sizes).size === sizes.length && sizes.length > 1) continue;
    refuse(
      'bad-inputs',
      `${symbol} may be ${sizes.join(', ') || 'nothing'}`,
      'list two or more different whole numbers from 1; put a single one into the shapes',
    );
  }
}

function checkWeights(refuse: Refuse, weights: Tensors, frozen: Tensors): void {
  const clash = Object.keys(weights).find((weight) => Object.hasOwn(frozen, weight));
  if (clash !== undefined) {
    refuse('bad-names', `${clash} is both trained and frozen`, 'choose another name');
  }
  const owners = new Map<object, string>();
  for (const [name, { dtype, dataId }] of Object.entries({ ...frozen, ...weights })) {
    if (dtype !== 'float32') {
      const fix = 'tables of other types are constants: let the function close over the tensor';
      refuse('bad-weights', `${name} is ${dtype}; weights are float32`, fix);
    }
    const owner = owners.get(dataId);
    if (owner !== undefined) {
      const fix = 'give each its own: tf.tensor(values, shape), as tf.clone shares the numbers';
      refuse('bad-weights', `${owner} and ${name} are the same tensor`, fix);
    }
    owners.set(dataId, name);
  }
}

const FIXES: Record<string, string> = {
  adam: 'exact, fast or lazy',
  'schedule.decay': 'constant, linear or cosine',
  'schedule.totalSteps': 'a decay needs totalSteps above warmupSteps',
};

function checkNumbers(refuse: Refuse, options: CompileOptions): void {
  const { learningRate, clipNorm, weightDecay, adam = 'fast', schedule = {} } = options;
  const positive = (value: number | undefined) => value === undefined || value > 0;
  const natural = (value: number | undefined) => value === undefined || value >= 0;
  const { warmupSteps, decay = 'constant', totalSteps, floor } = schedule;
  const fits: Record<string, [unknown, boolean]> = {
    learningRate: [learningRate, Number.isFinite(learningRate) && learningRate >= 0],
    clipNorm: [clipNorm, positive(clipNorm)],
    weightDecay: [weightDecay, natural(weightDecay)],
    adam: [adam, FORMS.includes(adam)],
    'schedule.decay': [decay, DECAYS.includes(decay)],
    'schedule.warmupSteps': [warmupSteps, natural(warmupSteps)],
    'schedule.floor': [floor, natural(floor)],
    'schedule.totalSteps': [
      totalSteps,
      decay === 'constant' || (totalSteps !== undefined && totalSteps > (warmupSteps ?? 0)),
    ],
  };
  for (const [name, [value, fit]] of Object.entries(fits)) {
    if (fit) continue;
    const fix = FIXES[name] ?? 'give a number above 0';
    refuse('bad-options', `${name} is ${String(value)}`, fix);
  }
}
