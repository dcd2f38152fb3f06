/** What the runners of this folder have in common. */
import { EdgeloomError } from '../../lib/errors.ts';
import { elementCount, type TypedArray } from '../graph/ir.ts';

export type NamedArrays = Record<string, TypedArray>;

/** A model file opened in a runtime. */
export interface LoadedModel {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs once. Arrays are row-major and have the size of the model's fixed shapes.
   * @throws EdgeloomError `bad-input` for missing or wrong-sized inputs, `not-finite` when the
   *   runtime returns NaN or infinities, `runtime-failed` when it gives up
   */
  run(inputs: NamedArrays): Promise<NamedArrays>;
  /** Frees the runtime's memory; the model cannot be used afterwards. */
  dispose(): Promise<void>;
}

/** @throws EdgeloomError `bad-input` */
export function checkedInput(
  inputs: NamedArrays,
  name: string,
  shape: readonly number[],
): TypedArray {
  const data = inputs[name];
  const expected = elementCount(shape);
  if (!data || data.length !== expected) {
    throw new EdgeloomError({
      code: 'bad-input',
      what: `Input ${name} has ${data?.length ?? 'no'} values, the file needs ${expected}`,
      fix: 'pass every input with the shape that the model was exported with',
    });
  }
  return data;
}

/** @throws EdgeloomError `not-finite` naming the output and the element */
export function assertFinite(name: string, data: TypedArray): void {
  let bad = 0;
  while (bad < data.length && Number.isFinite(data[bad])) bad++;
  if (bad === data.length) return;
  throw new EdgeloomError({
    code: 'not-finite',
    what: `Output ${name} holds ${data[bad]} at element ${bad}`,
    fix: 'look for a division by zero or a logarithm of zero in the exported function',
  });
}
