/** Fewer reshapes, transposes, copies. */
import { at, elementCount, type Shape, sameShape, type ValueId } from '../ir.ts';
import { isBinary } from '../kernels/elementwise.ts';
import { broadcastShapes } from '../shapes.ts';
import type { Rule } from './rule.ts';

/** reshape(reshape(x)) → reshape(x); a reshape to the own shape is dropped. */
const mergeReshapes: Rule = (node, { builder }) => {
  if (node.op !== 'reshape') return undefined;
  const x = at(node.inputs, 0);
  if (sameShape(builder.shape(x), node.attributes.shape)) return [x];
  const inner = builder.producedBy(x, 'reshape');
  return inner ? [builder.reshape(at(inner.inputs, 0), node.attributes.shape)] : undefined;
};

/** Transposes that cancel, merge, or move only axes of size one. */
const mergeTransposes: Rule = (node, { builder }) => {
  if (node.op !== 'transpose') return undefined;
  const x = at(node.inputs, 0);
  const { permutation } = node.attributes;
  const shape = builder.shape(x);
  const moving = permutation.filter((axis) => at(shape, axis) > 1);
  if (moving.every((axis, i) => i === 0 || axis > at(moving, i - 1))) {
    return [
      builder.reshape(
        x,
        permutation.map((axis) => at(shape, axis)),
      ),
    ];
  }
  const inner = builder.producedBy(x, 'transpose');
  if (!inner) return undefined;
  const merged = permutation.map((axis) => at(inner.attributes.permutation, axis));
  return [builder.emit('transpose', inner.inputs, { permutation: merged })];
};

/** concat(a, concat(b, c)) → concat(a, b, c) on one axis. */
const flattenConcat: Rule = (node, { builder, onlyUse }) => {
  if (node.op !== 'concat') return undefined;
  const { axis } = node.attributes;
  const parts = node.inputs.map((id, i) => {
    const inner = builder.producedBy(id, 'concat');
    return inner && inner.attributes.axis === axis && onlyUse(i) ? inner.inputs : [id];
  });
  if (parts.every((part) => part.length === 1)) return undefined;
  return [builder.emit('concat', parts.flat(), { axis })];
};

/** A tile that repeats axes of size one only is a broadcast, which element-wise operations do. */
const tileToBroadcast: Rule = (node, { builder }) => {
  if (node.op !== 'tile') return undefined;
  const x = at(node.inputs, 0);
  const shape = builder.shape(x);
  const { repeats } = node.attributes;
  if (!repeats.every((n, i) => n === 1 || at(shape, i) === 1)) return undefined;
  return [builder.emit('broadcast', [x], { shape: shape.map((size, i) => size * at(repeats, i)) })];
};

/** An element-wise operation broadcasts its inputs itself. */
const absorbBroadcast: Rule = (node, { builder }) => {
  if (!isBinary(node.op) && node.op !== 'select') return undefined;
  const shape = node.inputs.map((id) => builder.shape(id)).reduce(broadcastShapes);
  for (const [i, id] of node.inputs.entries()) {
    const inner = builder.producedBy(id, 'broadcast');
    if (!inner) continue;
    const inputs: ValueId[] = node.inputs.with(i, at(inner.inputs, 0));
    const without = inputs.map((input) => builder.shape(input)).reduce(broadcastShapes);
    if (sameShape(without, shape)) return builder.emitAll(node, inputs);
  }
  return undefined;
};

/** Axes of size one in front are what broadcasting adds by itself. */
const absorbLeadingOnes: Rule = (node, { builder }) => {
  if (!isBinary(node.op) && node.op !== 'select') return undefined;
  const shape = node.inputs.map((id) => builder.shape(id)).reduce(broadcastShapes);
  const trimmed = (full: Shape): Shape => full.slice(full.findIndex((size) => size !== 1));
  for (const [i, id] of node.inputs.entries()) {
    const inner = builder.producedBy(id, 'reshape');
    const source = inner && at(inner.inputs, 0);
    if (source === undefined || builder.shape(source).length >= builder.shape(id).length) continue;
    if (!sameShape(trimmed(builder.shape(source)), trimmed(builder.shape(id)))) continue;
    const inputs = node.inputs.with(i, source);
    const without = inputs.map((input) => builder.shape(input)).reduce(broadcastShapes);
    if (sameShape(without, shape)) return builder.emitAll(node, inputs);
  }
  return undefined;
};

/** gather with one constant index is a slice. */
const gatherToSlice: Rule = (node, { builder }) => {
  if (node.op !== 'gather' || node.attributes.batchDims > 0) return undefined;
  const [table, indices] = node.inputs as [ValueId, ValueId];
  const { data, shape: indexShape } = builder.get(indices);
  const row = data?.length === 1 ? data[0] : undefined;
  if (row === undefined) return undefined;
  const { axis } = node.attributes;
  const shape = builder.shape(table);
  const slice = builder.emit('slice', [table], {
    begin: shape.map((_, i) => (i === axis ? row : 0)),
    size: shape.map((size, i) => (i === axis ? 1 : size)),
  });
  return [builder.reshape(slice, shape.toSpliced(axis, 1, ...indexShape))];
};

/** Slices of slices. */
const mergeSlices: Rule = (node, { builder }) => {
  if (node.op !== 'slice') return undefined;
  const inner = builder.producedBy(at(node.inputs, 0), 'slice');
  if (!inner) return undefined;
  const begin = node.attributes.begin.map((b, i) => b + at(inner.attributes.begin, i));
  return [builder.emit('slice', inner.inputs, { begin, size: node.attributes.size })];
};

/** Slicing a packed list reads the item itself. */
const sliceOfPack: Rule = (node, { builder }) => {
  if (node.op !== 'slice') return undefined;
  const x = at(node.inputs, 0);
  const pack = builder.producedBy(x, 'pack');
  if (!pack) return undefined;
  const { axis } = pack.attributes;
  const { begin, size } = node.attributes;
  const shape = builder.shape(x);
  const one = shape.map((full, i) => (i === axis ? 1 : full));
  if (elementCount(one) !== elementCount(size) || !sameShape(one, size)) return undefined;
  return [builder.reshape(at(pack.inputs, at(begin, axis)), size)];
};

export const movementRules: readonly Rule[] = [
  mergeReshapes,
  mergeTransposes,
  flattenConcat,
  tileToBroadcast,
  absorbBroadcast,
  absorbLeadingOnes,
  gatherToSlice,
  mergeSlices,
  sliceOfPack,
];
