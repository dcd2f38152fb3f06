/** Matrix products with constant weights become `dense`, which takes bias, scale and relu in. */
import type { GraphBuilder } from '../builder.ts';
import { at, type Node, sameShape, type TypedArray, type ValueId } from '../ir.ts';
import { lastAxisConstant, type Rule, type RuleContext } from './rule.ts';

type Dense = Extract<Node, { op: 'dense' }>;

const swapsLastTwo = (permutation: readonly number[]): boolean => {
  const n = permutation.length;
  return permutation.every((axis, i) => axis === (i < n - 2 ? i : 2 * n - 3 - i));
};

/** matmul(transpose(a), b) reads a transposed. */
const transposeIntoMatmul: Rule = (node, { builder }) => {
  if (node.op !== 'matmul') return undefined;
  const { transposeA, transposeB } = node.attributes;
  const inners = node.inputs.map((id) => {
    const inner = builder.producedBy(id, 'transpose');
    return inner && swapsLastTwo(inner.attributes.permutation) ? at(inner.inputs, 0) : undefined;
  });
  if (inners.every((inner) => inner === undefined)) return undefined;
  const inputs = node.inputs.map((id, i) => inners[i] ?? id);
  return [
    builder.emit('matmul', inputs, {
      transposeA: transposeA !== (inners[0] !== undefined),
      transposeB: transposeB !== (inners[1] !== undefined),
    }),
  ];
};

const matmulToDense: Rule = (node, { builder }) => {
  if (node.op !== 'matmul' || node.attributes.transposeA) return undefined;
  const [x, w] = node.inputs as [ValueId, ValueId];
  if (!builder.isConstant(w) || builder.isConstant(x)) return undefined;
  const shape = builder.shape(w);
  // A weight with batch dimensions of its own is another matrix per example.
  if (shape.slice(0, -2).some((size) => size > 1) || shape.length > builder.shape(x).length) {
    return undefined;
  }
  const matrix = builder.reshape(w, shape.slice(-2));
  const weights = node.attributes.transposeB
    ? matrix
    : builder.emit('transpose', [matrix], { permutation: [1, 0] });
  const n = at(builder.shape(weights), 0);
  const bias = builder.constant({ shape: [n], dtype: 'float32' }, new Float32Array(n));
  return [builder.emit('dense', [x, weights, bias], { activation: 'none' })];
};

/** The linear dense behind the i-th input, when only this node reads it. */
function absorbable(node: Node, i: number, context: RuleContext): Dense | undefined {
  const inner = context.builder.producedBy(at(node.inputs, i), 'dense');
  return inner && inner.attributes.activation === 'none' && context.onlyUse(i) ? inner : undefined;
}

function rebuilt(
  builder: GraphBuilder,
  inner: Dense,
  weights: (old: TypedArray) => TypedArray,
  bias: (old: TypedArray) => TypedArray,
): ValueId {
  const [x, w, b] = inner.inputs as [ValueId, ValueId, ValueId];
  const changed = (id: ValueId, change: (old: TypedArray) => TypedArray): ValueId => {
    const { data, name, shape, dtype } = builder.get(id);
    return builder.constant({ shape, dtype }, change(data as TypedArray), name);
  };
  return builder.emit('dense', [x, changed(w, weights), changed(b, bias)], inner.attributes);
}

/** dense ± c and dense · c, c constant along the last axis. */
const scaleAndShift: Rule = (node, context) => {
  const { builder } = context;
  if (node.op !== 'add' && node.op !== 'subtract' && node.op !== 'multiply') return undefined;
  const shape = node.inputs.map((id) => builder.shape(id));
  for (const i of node.op === 'subtract' ? [0] : [0, 1]) {
    const inner = absorbable(node, i, context);
    const n = at(shape, i).at(-1) ?? 0;
    const other = 1 - i;
    const c = inner && lastAxisConstant(builder, at(node.inputs, other), n);
    if (!inner || !c || at(shape, other).length > at(shape, i).length) continue;
    if (node.op === 'multiply') {
      const k = at(builder.shape(at(inner.inputs, 1)), 1);
      const scaled = (old: TypedArray, width: number): TypedArray =>
        Float32Array.from(old, (value, j) => value * at(c, Math.floor(j / width)));
      return [
        rebuilt(
          builder,
          inner,
          (old) => scaled(old, k),
          (old) => scaled(old, 1),
        ),
      ];
    }
    const sign = node.op === 'add' ? 1 : -1;
    const shifted = (old: TypedArray): TypedArray =>
      Float32Array.from(old, (value, j) => value + sign * at(c, j));
    return [rebuilt(builder, inner, (old) => old, shifted)];
  }
  return undefined;
};

const reluIntoDense: Rule = (node, context) => {
  if (node.op !== 'relu') return undefined;
  const inner = absorbable(node, 0, context);
  return inner && [context.builder.emit('dense', inner.inputs, { activation: 'relu' })];
};

/** dense(reshape(x)) → reshape(dense(x)) while the last axis stays: lets reshapes around it cancel. */
const reshapeAfterDense: Rule = (node, { builder }) => {
  if (node.op !== 'dense') return undefined;
  const [x, w, b] = node.inputs as [ValueId, ValueId, ValueId];
  const inner = builder.producedBy(x, 'reshape');
  const source = inner && at(inner.inputs, 0);
  if (source === undefined || builder.shape(source).at(-1) !== builder.shape(x).at(-1)) {
    return undefined;
  }
  const n = at(builder.shape(w), 0);
  const shape = [...builder.shape(x).slice(0, -1), n];
  return [builder.reshape(builder.emit('dense', [source, w, b], node.attributes), shape)];
};

/** reshape(dense(x)) + c → reshape(dense(x) + c), and relu likewise, so that dense can absorb them. */
const reshapeAfterShift: Rule = (node, context) => {
  const { builder } = context;
  if (node.op !== 'add' && node.op !== 'subtract' && node.op !== 'relu') return undefined;
  const x = at(node.inputs, 0);
  const inner = context.onlyUse(0) ? builder.producedBy(x, 'reshape') : undefined;
  const source = inner && at(inner.inputs, 0);
  if (source === undefined || !builder.producedBy(source, 'dense')) return undefined;
  const shape = builder.shape(x);
  const n = shape.at(-1) ?? 0;
  if (builder.shape(source).at(-1) !== n) return undefined;
  if (node.op === 'relu') return [builder.reshape(builder.emit('relu', [source], {}), shape)];
  const other = at(node.inputs, 1);
  const c = lastAxisConstant(builder, other, n);
  if (!c || builder.shape(other).length > shape.length) return undefined;
  const vector = builder.constant({ shape: [n], dtype: 'float32' }, c, builder.get(other).name);
  const moved = builder.emit(node.op, [source, vector], {});
  return sameShape(builder.shape(moved), builder.shape(source))
    ? [builder.reshape(moved, shape)]
    : undefined;
};

export const denseRules: readonly Rule[] = [
  transposeIntoMatmul,
  matmulToDense,
  reshapeAfterDense,
  reshapeAfterShift,
  scaleAndShift,
  reluIntoDense,
];
