/**
 * The reference interpreter: what a graph means, in float32, without any runtime.
 * Used to fold constants, to calibrate, and as the third opinion in tests.
 */
import { EdgeloomError } from '../../lib/errors.ts';
import {
  at,
  elementCount,
  type Graph,
  type Operation,
  type TensorType,
  type TypedArray,
  type ValueId,
  valueById,
} from './ir.ts';
import { elementwiseKernels } from './kernels/elementwise.ts';
import { linearKernels } from './kernels/linear.ts';
import { movementKernels } from './kernels/movement.ts';
import { recurrentKernels } from './kernels/recurrent.ts';
import type { KernelTable, Prepare, Run } from './kernels/types.ts';

const kernels: KernelTable<Operation['op']> = {
  ...elementwiseKernels,
  ...linearKernels,
  ...movementKernels,
  ...recurrentKernels,
};

/** The computation of one operation, prepared for its shapes. */
export function prepareOperation(
  operation: Operation,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
): Run {
  // The table is keyed by the operation, so that the kernel and the attributes belong together.
  const prepare = kernels[operation.op] as Prepare<Operation['op']>;
  return prepare(operation.attributes as never, inputs, outputs);
}

export type NamedArrays = Record<string, TypedArray>;

/** Sees every value that is computed, in order; arrays must not be kept or changed. */
export type Visit = (value: ValueId, data: TypedArray) => void;

export interface Interpreter {
  /**
   * @throws EdgeloomError `bad-input` when an input is missing or has a wrong length
   */
  run(inputs: NamedArrays, visit?: Visit): NamedArrays;
}

/** Prepares a graph once; `run` then costs only the arithmetic. */
export function interpreter(graph: Graph): Interpreter {
  const constants: (TypedArray | undefined)[] = graph.values.map((value) => value.data);
  const steps = graph.nodes.map((node) => ({
    node,
    run: prepareOperation(
      node,
      node.inputs.map((id) => valueById(graph, id)),
      node.outputs.map((id) => valueById(graph, id)),
    ),
  }));

  return {
    run(inputs, visit) {
      const held = [...constants];
      for (const { name, value } of graph.inputs) {
        const data = inputs[name];
        const expected = elementCount(valueById(graph, value).shape);
        if (!data || data.length !== expected) {
          throw new EdgeloomError({
            code: 'bad-input',
            what: `Input ${name} has ${data?.length ?? 'no'} values, ${expected} are needed`,
            where: `graph ${graph.name}`,
            fix: 'pass every input of the graph with the shape it was recorded with',
          });
        }
        held[value] = data;
        visit?.(value, data);
      }
      for (const { node, run } of steps) {
        const results = run(node.inputs.map((id) => at(held, id) as TypedArray));
        node.outputs.forEach((id, i) => {
          const data = at(results, i);
          held[id] = data;
          visit?.(id, data);
        });
      }
      return Object.fromEntries(
        graph.outputs.map(({ name, value }) => [name, at(held, value) as TypedArray]),
      );
    },
  };
}
