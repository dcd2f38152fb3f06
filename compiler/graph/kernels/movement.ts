/** Operations that only move elements: each is a table of where every output element comes from. */
import { at, elementCount, makeArray, type Shape, type TypedArray } from '../ir.ts';
import { broadcastSteps, indexMap, type KernelTable, type Run, stridesOf } from './types.ts';

/** One output, element i read from `map[i]`. */
function moved(map: Int32Array): Run {
  return ([input]) => [pick(input as TypedArray, map)];
}

function pick(x: TypedArray, map: Int32Array): TypedArray {
  const out =
    x instanceof Float32Array
      ? new Float32Array(map.length)
      : x instanceof Int32Array
        ? new Int32Array(map.length)
        : new Uint8Array(map.length);
  for (let i = 0; i < map.length; i++) out[i] = x[map[i] as number] as number;
  return out;
}

const flatIndex = (shape: Shape, coordinates: readonly number[]): number =>
  stridesOf(shape).reduce((sum, stride, i) => sum + stride * at(coordinates, i), 0);

/** Where a block of `size` that begins at `begin` along `axis` lies. */
function blockMap(shape: Shape, axis: number, begin: number, size: number): Int32Array {
  const strides = stridesOf(shape);
  const block = shape.map((old, i) => (i === axis ? size : old));
  return indexMap(block, strides, begin * at(strides, axis));
}

/** Writes each input to the places that `maps` names. */
function scattered(maps: readonly Int32Array[], make: () => TypedArray): Run {
  return (inputs) => {
    const out = make();
    maps.forEach((map, n) => {
      const x = inputs[n] as TypedArray;
      for (let i = 0; i < map.length; i++) out[map[i] as number] = x[i] as number;
    });
    return [out];
  };
}

export const movementKernels: KernelTable<
  | 'identity'
  | 'reshape'
  | 'transpose'
  | 'broadcast'
  | 'tile'
  | 'concat'
  | 'pack'
  | 'unpack'
  | 'split'
  | 'slice'
  | 'stridedSlice'
  | 'pad'
  | 'gather'
  | 'oneHot'
  | 'reverse'
> = {
  // Arrays are never written after they are made, so that sharing one is safe.
  identity: () => (inputs) => [inputs[0] as TypedArray],
  reshape: () => (inputs) => [inputs[0] as TypedArray],

  transpose: ({ permutation }, inputs, outputs) => {
    const strides = stridesOf(at(inputs, 0).shape);
    return moved(
      indexMap(
        at(outputs, 0).shape,
        permutation.map((axis) => at(strides, axis)),
      ),
    );
  },

  broadcast: ({ shape }, inputs) =>
    moved(indexMap(shape, broadcastSteps(at(inputs, 0).shape, shape))),

  tile: ({ repeats }, inputs) => {
    // A tiled axis is the pair (repeat, position); repeats do not move the read.
    const { shape } = at(inputs, 0);
    const strides = stridesOf(shape);
    return moved(
      indexMap(
        shape.flatMap((size, i) => [at(repeats, i), size]),
        strides.flatMap((stride) => [0, stride]),
      ),
    );
  },

  concat: ({ axis }, inputs, outputs) => {
    const { shape, dtype } = at(outputs, 0);
    let begin = 0;
    const maps = inputs.map((input) => {
      const size = at(input.shape, axis);
      begin += size;
      return blockMap(shape, axis, begin - size, size);
    });
    return scattered(maps, () => makeArray(dtype, elementCount(shape)));
  },

  pack: ({ axis }, inputs, outputs) => {
    const { shape, dtype } = at(outputs, 0);
    const maps = inputs.map((_, n) => blockMap(shape, axis, n, 1));
    return scattered(maps, () => makeArray(dtype, elementCount(shape)));
  },

  unpack: ({ axis }, inputs, outputs) => {
    const maps = outputs.map((_, n) => blockMap(at(inputs, 0).shape, axis, n, 1));
    return ([x]) => maps.map((map) => pick(x as TypedArray, map));
  },

  split: ({ axis, sizes }, inputs) => {
    let begin = 0;
    const maps = sizes.map((size) => {
      begin += size;
      return blockMap(at(inputs, 0).shape, axis, begin - size, size);
    });
    return ([x]) => maps.map((map) => pick(x as TypedArray, map));
  },

  slice: ({ begin, size }, inputs) => {
    const { shape } = at(inputs, 0);
    return moved(indexMap(size, stridesOf(shape), flatIndex(shape, begin)));
  },

  stridedSlice: ({ begin, strides }, inputs, outputs) => {
    const { shape } = at(inputs, 0);
    const steps = stridesOf(shape).map((step, i) => step * at(strides, i));
    return moved(indexMap(at(outputs, 0).shape, steps, flatIndex(shape, begin)));
  },

  pad: ({ before, value }, inputs, outputs) => {
    const { shape, dtype } = at(outputs, 0);
    const map = indexMap(at(inputs, 0).shape, stridesOf(shape), flatIndex(shape, before));
    return scattered([map], () => makeArray(dtype, elementCount(shape)).fill(value));
  },

  gather: ({ axis, batchDims }, [table, indices]) => {
    const shape = table?.shape as Shape;
    const where = indices?.shape as Shape;
    const outer = elementCount(shape.slice(0, batchDims));
    const middle = elementCount(shape.slice(batchDims, axis));
    const rows = at(shape, axis);
    const width = elementCount(shape.slice(axis + 1));
    const picks = elementCount(where.slice(batchDims));
    return ([x, ids]) => {
      const source = x as TypedArray;
      const map = new Int32Array(outer * middle * picks * width);
      let write = 0;
      for (let o = 0; o < outer; o++) {
        for (let m = 0; m < middle; m++) {
          for (let p = 0; p < picks; p++) {
            const row = at(ids as TypedArray, o * picks + p);
            if (row < 0 || row >= rows) throw new RangeError(`gather: row ${row} of ${rows}`);
            const start = ((o * middle + m) * rows + row) * width;
            for (let i = 0; i < width; i++) map[write++] = start + i;
          }
        }
      }
      return [pick(source, map)];
    };
  },

  oneHot:
    ({ depth, on, off }) =>
    ([indices]) => {
      const ids = indices as TypedArray;
      const out = new Float32Array(ids.length * depth).fill(off);
      ids.forEach((id, i) => {
        if (id >= 0 && id < depth) out[i * depth + id] = on;
      });
      return [out];
    },

  reverse: ({ axes }, inputs) => {
    const { shape } = at(inputs, 0);
    const strides = stridesOf(shape);
    const start = shape.map((size, i) => (axes.includes(i) ? size - 1 : 0));
    const steps = strides.map((step, i) => (axes.includes(i) ? -step : step));
    return moved(indexMap(shape, steps, flatIndex(shape, start)));
  },
};
