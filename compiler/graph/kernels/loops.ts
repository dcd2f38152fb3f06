/**
 * Loops of the operations that calibration spends its time in. Written out one by one: a loop that
 * calls its arithmetic through a variable is five times slower.
 */
import type { OpName, TypedArray } from '../ir.ts';

/** Element i of the left side is at `mapA[i]`, or at i without a map; the right side likewise. */
export type BinaryLoop = (
  out: TypedArray,
  a: TypedArray,
  b: TypedArray,
  mapA: Int32Array | undefined,
  mapB: Int32Array | undefined,
) => void;

const add: BinaryLoop = (out, a, b, mapA, mapB) => {
  for (let i = 0; i < out.length; i++) {
    out[i] =
      (a[mapA ? (mapA[i] as number) : i] as number) + (b[mapB ? (mapB[i] as number) : i] as number);
  }
};

const subtract: BinaryLoop = (out, a, b, mapA, mapB) => {
  for (let i = 0; i < out.length; i++) {
    out[i] =
      (a[mapA ? (mapA[i] as number) : i] as number) - (b[mapB ? (mapB[i] as number) : i] as number);
  }
};

const multiply: BinaryLoop = (out, a, b, mapA, mapB) => {
  for (let i = 0; i < out.length; i++) {
    out[i] =
      (a[mapA ? (mapA[i] as number) : i] as number) * (b[mapB ? (mapB[i] as number) : i] as number);
  }
};

export const binaryLoops: { readonly [K in OpName]?: BinaryLoop } = { add, subtract, multiply };

export type UnaryLoop = (out: TypedArray, x: TypedArray) => void;

const tanh: UnaryLoop = (out, x) => {
  for (let i = 0; i < out.length; i++) out[i] = Math.tanh(x[i] as number);
};

const sigmoid: UnaryLoop = (out, x) => {
  for (let i = 0; i < out.length; i++) out[i] = 1 / (1 + Math.exp(-(x[i] as number)));
};

export const unaryLoops: { readonly [K in OpName]?: UnaryLoop } = { tanh, sigmoid };
