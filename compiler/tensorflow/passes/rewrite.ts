/**
 * Rewrites a training graph until no rule applies. Common subexpressions go with the builder, dead
 * code when a pass is closed.
 */
import type { Port, ValueId } from '../../graph/ir.ts';
import { TfBuilder as Builder, type TfBuilder } from '../builder.ts';
import type { TfGraph, TfNode, TfValue } from '../ir.ts';

export interface RuleContext {
  builder: TfBuilder;
  node: TfNode;
  /** Types of the node's outputs. */
  types: readonly TfValue[];
}

/** Values that stand for the node's outputs, or undefined when the rule does not apply. */
export type TfRule = (context: RuleContext) => readonly ValueId[] | undefined;

const MOST_PASSES = 20;

/** @throws Error when the rules do not settle */
export function rewrite(
  graph: TfGraph,
  rules: Readonly<Record<string, readonly TfRule[]>>,
): TfGraph {
  let current = graph;
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const { graph: next, changed } = onePass(current, rules);
    if (!changed && next.nodes.length === current.nodes.length) return next;
    current = next;
  }
  throw new Error(`graph ${graph.name}: the rewrite rules do not settle`);
}

function onePass(
  graph: TfGraph,
  rules: Readonly<Record<string, readonly TfRule[]>>,
): { graph: TfGraph; changed: boolean } {
  const builder = new Builder(graph.name);
  const ids = new Map<ValueId, ValueId>();
  const keep = (id: ValueId): ValueId => {
    let made = ids.get(id);
    if (made === undefined) {
      made = builder.take(graph.values[id]!);
      ids.set(id, made);
    }
    return made;
  };
  const inputs = graph.inputs.map(({ name, value }): Port => ({ name, value: keep(value) }));
  let changed = false;
  for (const old of graph.nodes) {
    const node = { ...old, inputs: old.inputs.map(keep) };
    const types = old.outputs.map((id) => graph.values[id]!);
    const context = { builder, node, types };
    let results: readonly ValueId[] | undefined;
    for (const rule of [...(rules[node.op] ?? []), ...(rules['*'] ?? [])]) {
      results = rule(context);
      if (results) break;
    }
    if (results) changed = true;
    results ??= builder.emit(node.op, node.attributes, node.inputs, types);
    old.outputs.forEach((id, i) => {
      ids.set(id, results[i]!);
    });
  }
  const outputs = graph.outputs.map(({ name, value }): Port => ({ name, value: keep(value) }));
  return { graph: builder.finish(inputs, outputs), changed };
}
