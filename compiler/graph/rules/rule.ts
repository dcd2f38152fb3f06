/** A rewrite of one node at a time, in execution order, from an old graph into a new one. */
import type { GraphBuilder } from '../builder.ts';
import { elementCount, type Node, type TypedArray, type ValueId } from '../ir.ts';

export interface RuleContext {
  /** The graph being built; the node's inputs are ids in it. */
  builder: GraphBuilder;
  /** True when nothing but this node reads its i-th input, so that the input may be absorbed. */
  onlyUse(i: number): boolean;
}

/** The replacement of the node's outputs, or undefined when the rule does not apply. */
export type Rule = (node: Node, context: RuleContext) => readonly ValueId[] | undefined;

/** The one number that a constant consists of, or undefined. */
export function uniformConstant(builder: GraphBuilder, id: ValueId): number | undefined {
  const { data } = builder.get(id);
  const first = data?.[0];
  return data && first !== undefined && data.every((x) => x === first) ? first : undefined;
}

/** A constant that varies along the last axis of size `width` only, as an array of that size. */
export function lastAxisConstant(
  builder: GraphBuilder,
  id: ValueId,
  width: number,
): TypedArray | undefined {
  const { data, shape } = builder.get(id);
  if (!data || elementCount(shape) !== (shape.at(-1) ?? 1)) return undefined;
  if (data.length === width) return data;
  return data.length === 1 ? new Float32Array(width).fill(data[0] as number) : undefined;
}
