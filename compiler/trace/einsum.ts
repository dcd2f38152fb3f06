/** Einstein sums as transposes, one matrix product and one reshape. */
import type { GraphBuilder } from '../graph/builder.ts';
import { at, elementCount, unsupported, type ValueId } from '../graph/ir.ts';

const refuse = (equation: string, why: string) =>
  unsupported(`tf.einsum('${equation}') cannot be exported: ${why}`, 'write it with tf.matMul');

function transposedTo(builder: GraphBuilder, x: ValueId, from: string, to: string): ValueId {
  if (from === to) return x;
  return builder.emit('transpose', [x], { permutation: [...to].map((c) => from.indexOf(c)) });
}

/** Sums away the letters that neither the other operand nor the result has. */
function withoutOwn(
  builder: GraphBuilder,
  x: ValueId,
  letters: string,
  needed: string,
): [ValueId, string] {
  const axes = [...letters].flatMap((c, i) => (needed.includes(c) ? [] : [i]));
  if (axes.length === 0) return [x, letters];
  const kept = [...letters].filter((c) => needed.includes(c)).join('');
  return [builder.emit('sum', [x], { axes, keepDims: false }), kept];
}

/**
 * One or two operands, no repeated letter within an operand, no ellipsis.
 * @throws EdgeloomError `unsupported-op` for anything else
 */
export function emitEinsum(builder: GraphBuilder, equation: string, inputs: ValueId[]): ValueId {
  const [left, result] = equation.replaceAll(' ', '').split('->');
  const terms = (left ?? '').split(',');
  if (result === undefined || terms.length !== inputs.length || terms.length > 2) {
    throw refuse(equation, 'one or two operands and an explicit result are needed');
  }
  for (const term of terms) {
    if (new Set(term).size !== term.length || term.includes('.')) {
      throw refuse(equation, 'diagonals and ellipses have no counterpart');
    }
  }
  const [termA, termB] = terms as [string, string | undefined];
  if (termB === undefined) {
    const [x, letters] = withoutOwn(builder, at(inputs, 0), termA, result);
    return transposedTo(builder, x, letters, result);
  }
  const [a, lettersA] = withoutOwn(builder, at(inputs, 0), termA, termB + result);
  const [b, lettersB] = withoutOwn(builder, at(inputs, 1), termB, termA + result);
  const letters = (term: string, test: (c: string) => boolean): string =>
    [...term].filter(test).join('');
  const shared = (c: string): boolean => lettersA.includes(c) && lettersB.includes(c);
  const batch = letters(lettersA, (c) => shared(c) && result.includes(c));
  const summed = letters(lettersA, (c) => shared(c) && !result.includes(c));
  const freeA = letters(lettersA, (c) => !shared(c));
  const freeB = letters(lettersB, (c) => !shared(c));
  const sizes = new Map<string, number>();
  [...lettersA].forEach((c, i) => {
    sizes.set(c, at(builder.shape(a), i));
  });
  [...lettersB].forEach((c, i) => {
    sizes.set(c, at(builder.shape(b), i));
  });
  const dims = (part: string): number[] => [...part].map((c) => sizes.get(c) ?? 1);
  const flat = (part: string): number => elementCount(dims(part));
  const matrix = (x: ValueId, from: string, rows: string, columns: string): ValueId =>
    builder.reshape(transposedTo(builder, x, from, batch + rows + columns), [
      ...dims(batch),
      flat(rows),
      flat(columns),
    ]);
  const product = builder.emit(
    'matmul',
    [matrix(a, lettersA, freeA, summed), matrix(b, lettersB, freeB, summed)],
    { transposeA: false, transposeB: true },
  );
  const order = batch + freeA + freeB;
  return transposedTo(builder, builder.reshape(product, dims(order)), order, result);
}
