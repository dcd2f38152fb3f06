/**
 * Masks of 0 and 1 as choices. `a · m + b · (1 − m)` costs four operations, rounds four times when
 * quantised and lets padding set the range; `select(m > ½, a, b)` is one and does neither.
 */
import type { GraphBuilder } from '../builder.ts';
import { GRU_INPUT } from '../gru.ts';
import { at, type Graph, type Node, type OpName, type ValueId } from '../ir.ts';
import { type Rule, uniformConstant } from './rule.ts';

/** Operations whose output holds 0 and 1 when their first input does. */
const keepsBinary = new Set<OpName>([
  'identity',
  'reshape',
  'transpose',
  'broadcast',
  'tile',
  'slice',
  'stridedSlice',
  'reverse',
  'split',
  'unpack',
]);

/** At or below this, float32 keeps no digit of a score that is added to it. */
const LOWEST_SCORE = -1e9;

class Masks {
  readonly #names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  /** True when the value is known to hold only 0 and 1. */
  has(builder: GraphBuilder, id: ValueId): boolean {
    const node = builder.producer(id);
    if (!node) return this.#names.has(builder.get(id).name) && !builder.isConstant(id);
    if (node.op === 'cast') return builder.get(at(node.inputs, 0)).dtype === 'bool';
    if (node.op === 'multiply') return node.inputs.every((input) => this.has(builder, input));
    return keepsBinary.has(node.op) && this.has(builder, at(node.inputs, 0));
  }

  /** The mask m of the value 1 − m. */
  complementOf(builder: GraphBuilder, id: ValueId): ValueId | undefined {
    const node = builder.producedBy(id, 'subtract');
    if (!node || uniformConstant(builder, at(node.inputs, 0)) !== 1) return undefined;
    const m = at(node.inputs, 1);
    return this.has(builder, m) ? m : undefined;
  }
}

/** Splits a product into a factor that passes `test` and the other one. */
function factor<T>(
  product: Extract<Node, { op: 'multiply' }> | undefined,
  test: (id: ValueId) => T | undefined,
): { found: T; other: ValueId } | undefined {
  if (!product) return undefined;
  const [a, b] = product.inputs as [ValueId, ValueId];
  const second = test(b);
  if (second !== undefined) return { found: second, other: a };
  const first = test(a);
  return first === undefined ? undefined : { found: first, other: b };
}

/** True where the mask is 1; computed on the whole mask, before it was cut, so that it is done once. */
function condition(builder: GraphBuilder, m: ValueId): ValueId {
  const node = builder.producer(m);
  if (node && (node.op === 'slice' || node.op === 'reshape')) {
    return at(builder.emitAll(node, [condition(builder, at(node.inputs, 0))]), 0);
  }
  if (node?.op === 'unpack') {
    const outputs = builder.emitAll(node, [condition(builder, at(node.inputs, 0))]);
    return at(outputs, node.outputs.indexOf(m));
  }
  return builder.emit('greater', [m, builder.scalar(0.5)], {});
}

/** Rules for a graph whose inputs `names` are masks. */
export function maskRules(graph: Graph, names: readonly string[]): readonly Rule[] {
  const inputs = new Set(graph.inputs.map((port) => port.name));
  for (const name of names) {
    if (!inputs.has(name)) throw new TypeError(`mask ${name} is not an input of ${graph.name}`);
  }
  const masks = new Masks(names);

  const blendToSelect: Rule = (node, { builder }) => {
    if (node.op !== 'add') return undefined;
    for (const [yes, no] of [node.inputs, node.inputs.toReversed()]) {
      const off = factor(builder.producedBy(no as ValueId, 'multiply'), (id) =>
        masks.complementOf(builder, id),
      );
      if (!off) continue;
      const on = factor(builder.producedBy(yes as ValueId, 'multiply'), (id) =>
        id === off.found ? id : undefined,
      );
      if (!on) continue;
      return [builder.emit('select', [condition(builder, off.found), on.other, off.other], {})];
    }
    return undefined;
  };

  /** x + (1 − m) · C with a C so low that x no longer matters where m is 0: what softmaxes read. */
  const penaltyToSelect: Rule = (node, { builder }) => {
    if (node.op !== 'add') return undefined;
    for (const [x, penalty] of [node.inputs, node.inputs.toReversed()]) {
      const off = factor(builder.producedBy(penalty as ValueId, 'multiply'), (id) =>
        masks.complementOf(builder, id),
      );
      const low = off && uniformConstant(builder, off.other);
      if (!off || low === undefined || low > LOWEST_SCORE) continue;
      return [builder.emit('select', [condition(builder, off.found), x as ValueId, off.other], {})];
    }
    return undefined;
  };

  const gruMaskToChoice: Rule = (node, { builder }) => {
    if (node.op !== 'gru' || node.attributes.mask !== 'blend') return undefined;
    if (!masks.has(builder, at(node.inputs, GRU_INPUT.mask))) return undefined;
    return [builder.emit('gru', node.inputs, { mask: 'choice' })];
  };

  return names.length > 0 ? [blendToSelect, penaltyToSelect, gruMaskToChoice] : [];
}
