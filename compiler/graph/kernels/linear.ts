/** Operations that sum or compare along axes. Sums are kept in double precision. */
import { at, elementCount, makeArray, type Shape, type TypedArray } from '../ir.ts';
import { broadcastSteps, indexMap, type KernelTable, type Prepare, stridesOf } from './types.ts';

const matmul: Prepare<'matmul'> = ({ transposeA, transposeB }, [a, b], outputs) => {
  const { shape } = at(outputs, 0);
  const [m, n] = [at(shape, shape.length - 2), at(shape, shape.length - 1)];
  const shapeA = a?.shape as Shape;
  const shapeB = b?.shape as Shape;
  const k = at(shapeA, shapeA.length - (transposeA ? 2 : 1));
  const batch = shape.slice(0, -2);
  const startsA = indexMap(batch, broadcastSteps(shapeA.slice(0, -2), batch));
  const startsB = indexMap(batch, broadcastSteps(shapeB.slice(0, -2), batch));
  const [rowA, stepA] = transposeA ? [1, m] : [k, 1];
  const [stepB, columnB] = transposeB ? [1, k] : [n, 1];
  return ([left, right]) => {
    const x = left as TypedArray;
    const y = right as TypedArray;
    const out = new Float32Array(elementCount(shape));
    let write = 0;
    // Four columns go together, as in `products` below.
    for (let s = 0; s < startsA.length; s++) {
      const startA = at(startsA, s) * m * k;
      const startB = at(startsB, s) * k * n;
      for (let i = 0; i < m; i++) {
        const from = startA + i * rowA;
        let j = 0;
        for (; j + 4 <= n; j += 4) {
          let [a, b, c, d] = [0, 0, 0, 0];
          let readA = from;
          let readB = startB + j * columnB;
          for (let l = 0; l < k; l++) {
            const value = x[readA] as number;
            a += value * (y[readB] as number);
            b += value * (y[readB + columnB] as number);
            c += value * (y[readB + 2 * columnB] as number);
            d += value * (y[readB + 3 * columnB] as number);
            readA += stepA;
            readB += stepB;
          }
          out[write++] = a;
          out[write++] = b;
          out[write++] = c;
          out[write++] = d;
        }
        for (; j < n; j++) {
          let sum = 0;
          let readA = from;
          let readB = startB + j * columnB;
          for (let l = 0; l < k; l++) {
            sum += (x[readA] as number) * (y[readB] as number);
            readA += stepA;
            readB += stepB;
          }
          out[write++] = sum;
        }
      }
    }
    return [out];
  };
};

/**
 * One row of a dense layer: `out[to + c] = bias[c] + Σ x[from + l] · w[c, l]`, each sum in the order
 * of l. Four columns go together, because one sum alone waits for each of its additions.
 */
function products(
  out: Float32Array,
  to: number,
  x: TypedArray,
  from: number,
  k: number,
  w: TypedArray,
  bias: TypedArray,
): void {
  const n = bias.length;
  let column = 0;
  for (; column + 4 <= n; column += 4) {
    const [first, second, third, fourth] = [
      column * k,
      (column + 1) * k,
      (column + 2) * k,
      (column + 3) * k,
    ];
    let a = bias[column] as number;
    let b = bias[column + 1] as number;
    let c = bias[column + 2] as number;
    let d = bias[column + 3] as number;
    for (let l = 0; l < k; l++) {
      const value = x[from + l] as number;
      a += value * (w[first + l] as number);
      b += value * (w[second + l] as number);
      c += value * (w[third + l] as number);
      d += value * (w[fourth + l] as number);
    }
    out[to + column] = a;
    out[to + column + 1] = b;
    out[to + column + 2] = c;
    out[to + column + 3] = d;
  }
  for (; column < n; column++) {
    let sum = bias[column] as number;
    for (let l = 0; l < k; l++) {
      sum += (x[from + l] as number) * (w[column * k + l] as number);
    }
    out[to + column] = sum;
  }
}

const dense: Prepare<'dense'> = ({ activation }, inputs) => {
  const [n, k] = at(inputs, 1).shape as [number, number];
  return ([input, weights, offsets]) => {
    const [x, w, bias] = [input, weights, offsets] as [TypedArray, TypedArray, TypedArray];
    const rows = x.length / k;
    const out = new Float32Array(rows * n);
    for (let row = 0; row < rows; row++) products(out, row * n, x, row * k, k, w, bias);
    if (activation === 'relu') {
      for (let i = 0; i < out.length; i++) out[i] = Math.max(0, out[i] as number);
    }
    return [out];
  };
};

const softmax: Prepare<'softmax'> = (_, inputs) => {
  const width = at(inputs, 0).shape.at(-1) ?? 1;
  return ([input]) => {
    const x = input as TypedArray;
    const out = new Float32Array(x.length);
    for (let start = 0; start < x.length; start += width) {
      let largest = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < width; i++) largest = Math.max(largest, x[start + i] as number);
      let sum = 0;
      for (let i = 0; i < width; i++) {
        const e = Math.exp((x[start + i] as number) - largest);
        out[start + i] = e;
        sum += e;
      }
      for (let i = 0; i < width; i++) out[start + i] = (out[start + i] as number) / sum;
    }
    return [out];
  };
};

type ReductionName = 'sum' | 'mean' | 'max' | 'min';

function reduction<K extends ReductionName>(name: K): Prepare<K> {
  const extreme = name === 'max' || name === 'min';
  return ({ axes }, inputs, outputs) => {
    const { shape } = at(inputs, 0);
    const { dtype } = at(outputs, 0);
    const strides = stridesOf(shape);
    const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const starts = indexMap(
      kept.map((i) => at(shape, i)),
      kept.map((i) => at(strides, i)),
    );
    const offsets = indexMap(
      axes.map((i) => at(shape, i)),
      axes.map((i) => at(strides, i)),
    );
    return ([input]) => {
      const x = input as TypedArray;
      const out = makeArray(dtype, starts.length);
      for (let i = 0; i < starts.length; i++) {
        const start = starts[i] as number;
        let result = extreme ? at(x, start) : 0;
        for (const offset of offsets) {
          const value = x[start + offset] as number;
          if (name === 'max') result = Math.max(result, value);
          else if (name === 'min') result = Math.min(result, value);
          else result += value;
        }
        out[i] = name === 'mean' ? result / offsets.length : result;
      }
      return [out];
    };
  };
}

const cumulativeSum: Prepare<'cumulativeSum'> = ({ axis, exclusive, reverse }, inputs) => {
  const { shape, dtype } = at(inputs, 0);
  const size = at(shape, axis);
  const step = at(stridesOf(shape), axis);
  return ([input]) => {
    const x = input as TypedArray;
    const out = makeArray(dtype, x.length);
    for (let first = 0; first < x.length; first++) {
      if (Math.floor(first / step) % size !== 0) continue;
      let sum = 0;
      for (let n = 0; n < size; n++) {
        const index = first + step * (reverse ? size - 1 - n : n);
        if (exclusive) out[index] = sum;
        sum += x[index] as number;
        if (!exclusive) out[index] = sum;
      }
    }
    return [out];
  };
};

export const linearKernels: KernelTable<
  'matmul' | 'dense' | 'softmax' | ReductionName | 'cumulativeSum'
> = {
  matmul,
  dense,
  softmax,
  sum: reduction('sum'),
  mean: reduction('mean'),
  max: reduction('max'),
  min: reduction('min'),
  cumulativeSum,
};
