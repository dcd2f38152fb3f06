/** How one operation of the graph is computed: prepared once for its shapes, then run many times. */
import type { OpAttributes, OpName, Shape, TensorType, TypedArray } from '../ir.ts';

export type Run = (inputs: readonly TypedArray[]) => TypedArray[];

export type Prepare<K extends OpName> = (
  attributes: OpAttributes[K],
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
) => Run;

export type KernelTable<K extends OpName> = { readonly [Op in K]: Prepare<Op> };

/** Row-major strides: the step in the flat array for one step along each axis. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) {
    strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  }
  return strides;
}

/**
 * For each element of `shape` in order, the flat index `offset + Σ coordinate · step`.
 * One routine serves broadcasting, transposing, slicing and reversing.
 */
export function indexMap(shape: Shape, steps: readonly number[], offset = 0): Int32Array {
  const total = shape.reduce((n, size) => n * size, 1);
  const map = new Int32Array(total);
  const coordinates = new Array<number>(shape.length).fill(0);
  let index = offset;
  for (let i = 0; i < total; i++) {
    map[i] = index;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const step = steps[axis] as number;
      const next = (coordinates[axis] as number) + 1;
      if (next < (shape[axis] as number)) {
        coordinates[axis] = next;
        index += step;
        break;
      }
      coordinates[axis] = 0;
      index -= step * (next - 1);
    }
  }
  return map;
}

/** Steps that read an array of shape `from` as if it had the shape `to`. */
export function broadcastSteps(from: Shape, to: Shape): number[] {
  const strides = stridesOf(from);
  const missing = to.length - from.length;
  return to.map((_, i) =>
    i < missing || from[i - missing] === 1 ? 0 : (strides[i - missing] as number),
  );
}
