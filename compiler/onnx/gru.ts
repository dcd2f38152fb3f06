/** A recurrence as ONNX's own GRU operator (opset 17). */
import {
  GRU_INPUT,
  type GruMatrices,
  type GruNode,
  gruMatrices,
  withPaddingColumn,
} from '../graph/gru.ts';
import { at, isZero, type Shape } from '../graph/ir.ts';
import type { OnnxCall, OnnxEmitter } from './lower.ts';

/** Blocks of rows [reset, update, candidate] in ONNX's order: update, reset, candidate. */
function reordered(data: Float32Array, blocks: 2 | 3): Float32Array {
  const size = data.length / blocks;
  const block = (i: number): Float32Array => data.subarray(i * size, (i + 1) * size);
  const out = Float32Array.from(data);
  out.set(block(1), 0);
  out.set(block(0), size);
  return out;
}

/** W [1, 3H, D], R [1, 3H, H] and B [1, 6H], whose second half is the state's and empty. */
function weights(emit: OnnxEmitter, matrices: GruMatrices): string[] {
  const { units, width, input, bias, gates, candidate } = matrices;
  const rows = 3 * units;
  const recurrent = new Float32Array(rows * units);
  recurrent.set(reordered(gates, 2));
  recurrent.set(candidate, gates.length);
  const both = new Float32Array(2 * rows);
  both.set(reordered(bias, 3));
  return [
    emit.tensor('float32', [1, rows, width], reordered(input, 3)),
    emit.tensor('float32', [1, rows, units], recurrent),
    emit.tensor('float32', [1, 2 * rows], both),
  ];
}

/** [A, B, …] ↔ [B, A, …]; no data moves where one of them is 1. */
function swapped(emit: OnnxEmitter, name: string, [a = 1, b = 1, ...rest]: Shape): string {
  if (a === 1 || b === 1) return emit.node('Reshape', [name, emit.ints([b, a, ...rest])]);
  return emit.node('Transpose', [name], { perm: [1, 0, 2] });
}

/**
 * ONNX has sequence lengths but no masks. A mask of 0 and 1 becomes a column of the input that
 * closes the update gate on padding, so gaps and empty rows are right too.
 */
export function lowerGru({ emit, node, inputs, names, results }: OnnxCall<GruNode>): void {
  const [batch, steps] = at(inputs, GRU_INPUT.x).shape as [number, number, number];
  const masked = node.attributes.mask !== 'none';
  const plain = gruMatrices(inputs);
  const matrices = masked ? withPaddingColumn(plain) : plain;
  let x = at(names, GRU_INPUT.x);
  if (masked) {
    const one = emit.tensor('float32', [], Float32Array.of(1));
    const off = emit.node('Sub', [one, at(names, GRU_INPUT.mask)]);
    const column = emit.node('Unsqueeze', [off, emit.ints([2])]);
    x = emit.node('Concat', [x, column], { axis: 2 });
  }
  const series = swapped(emit, x, [batch, steps, matrices.width]);
  const h0 = isZero(at(inputs, GRU_INPUT.h0))
    ? []
    : ['', emit.node('Unsqueeze', [at(names, GRU_INPUT.h0), emit.ints([0])])];
  const { units } = matrices;
  const states = emit.node('GRU', [series, ...weights(emit, matrices), ...h0], {
    hidden_size: units,
  }); // [T, 1, B, H]
  if (batch === 1) {
    emit.node('Reshape', [states, emit.ints([batch, steps, units])], {}, results);
    return;
  }
  const flat = emit.node('Squeeze', [states, emit.ints([1])]);
  emit.node('Transpose', [flat], { perm: [1, 0, 2] }, results);
}
