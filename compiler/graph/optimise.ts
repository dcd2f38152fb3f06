/**
 * Rewrites a graph until no rule applies. Constant folding and common subexpressions come with the
 * builder, dead code goes when a pass is closed.
 */
import { GraphBuilder } from './builder.ts';
import { groupSlices } from './group-slices.ts';
import { at, type Graph, type ValueId, valueById } from './ir.ts';
import { denseRules } from './rules/dense.ts';
import { identityRules } from './rules/identities.ts';
import { movementRules } from './rules/movement.ts';
import { recogniseRules } from './rules/recognise.ts';
import type { Rule } from './rules/rule.ts';

export const standardRules: readonly Rule[] = [
  ...identityRules,
  ...movementRules,
  ...denseRules,
  ...recogniseRules,
];

/** More passes than any graph has needed; a rule that never settles is a defect. */
const MOST_PASSES = 50;

/**
 * An equal graph with fewer nodes. Inputs and outputs keep names, types and order.
 * @throws Error when the rules do not settle
 */
export function optimise(graph: Graph, rules: readonly Rule[] = standardRules): Graph {
  return settle(groupSlices(settle(graph, rules)), rules);
}

function settle(graph: Graph, rules: readonly Rule[]): Graph {
  let current = graph;
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const { graph: next, changed } = onePass(current, rules);
    if (!changed) return next;
    current = next;
  }
  throw new Error(`graph ${graph.name}: the rewrite rules do not settle`);
}

function countUses(graph: Graph): Int32Array {
  const uses = new Int32Array(graph.values.length);
  for (const node of graph.nodes) for (const id of node.inputs) uses[id] = at(uses, id) + 1;
  for (const { value } of graph.outputs) uses[value] = at(uses, value) + 1;
  return uses;
}

function onePass(graph: Graph, rules: readonly Rule[]): { graph: Graph; changed: boolean } {
  const builder = new GraphBuilder(graph.name);
  const uses = countUses(graph);
  const ids = new Map<ValueId, ValueId>();
  for (const { name, value } of graph.inputs) {
    ids.set(value, builder.input(name, valueById(graph, value)));
  }
  const mapped = (id: ValueId): ValueId => {
    const known = ids.get(id);
    if (known !== undefined) return known;
    const value = valueById(graph, id);
    if (!value.data) throw new Error(`value ${value.name} is read before it is computed`);
    const constant = builder.constant(value, value.data, value.name);
    ids.set(id, constant);
    return constant;
  };
  let changed = false;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(mapped);
    const moved = { ...node, inputs };
    let outputs: readonly ValueId[] | undefined;
    for (const rule of rules) {
      outputs = rule(moved, { builder, onlyUse: (i) => at(uses, at(node.inputs, i)) === 1 });
      if (outputs) break;
    }
    // A copy that only gives an output its own name comes back when the graph is closed.
    if (outputs && node.op !== 'identity') changed = true;
    outputs ??= builder.emitAll(node, inputs);
    node.outputs.forEach((id, i) => {
      ids.set(id, at(outputs, i));
    });
  }
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: mapped(value) }));
  return { graph: builder.finish(outputs), changed };
}
