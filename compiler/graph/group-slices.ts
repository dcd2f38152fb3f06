/** Slices that cut one value into consecutive pieces become one split, or one unpack. */
import { GraphBuilder } from './builder.ts';
import { at, type Graph, type Node, type ValueId, valueById } from './ir.ts';

type Slice = Extract<Node, { op: 'slice' }>;

interface Group {
  source: ValueId;
  axis: number;
  /** By begin. */
  slices: Slice[];
  unpack: boolean;
}

/** The one axis along which a slice does not take everything. */
function cutAxis(graph: Graph, node: Slice): number | undefined {
  const { shape } = valueById(graph, at(node.inputs, 0));
  const cut = shape.flatMap((size, i) => (node.attributes.size[i] === size ? [] : [i]));
  return cut.length === 1 ? cut[0] : undefined;
}

/** Most of the axis, one element each: an unpack may make a few pieces that nobody reads. */
function nearlyUnpacks(slices: Slice[], axis: number, size: number): boolean {
  const single = slices.every(({ attributes }) => attributes.size[axis] === 1);
  return single && slices.length >= 4 && slices.length >= size * 0.75;
}

function tiles(slices: Slice[], axis: number, size: number): boolean {
  let next = 0;
  for (const { attributes } of slices) {
    if (at(attributes.begin, axis) !== next) return false;
    next += at(attributes.size, axis);
  }
  return next === size && slices.length > 1;
}

function findGroups(graph: Graph): Group[] {
  const byCut = new Map<string, { source: ValueId; axis: number; slices: Slice[] }>();
  const readers = new Map<ValueId, Node[]>();
  for (const node of graph.nodes) {
    for (const id of node.inputs) readers.set(id, [...(readers.get(id) ?? []), node]);
    const axis = node.op === 'slice' ? cutAxis(graph, node) : undefined;
    if (node.op !== 'slice' || axis === undefined) continue;
    const source = at(node.inputs, 0);
    const key = `${source} ${axis}`;
    const entry = byCut.get(key) ?? { source, axis, slices: [] };
    entry.slices.push(node);
    byCut.set(key, entry);
  }
  const outputs = new Set(graph.outputs.map((port) => port.value));
  return [...byCut.values()].flatMap(({ source, axis, slices }) => {
    const { shape, dtype } = valueById(graph, source);
    slices.sort((a, b) => at(a.attributes.begin, axis) - at(b.attributes.begin, axis));
    const whole = tiles(slices, axis, at(shape, axis));
    if (!whole && !nearlyUnpacks(slices, axis, at(shape, axis))) return [];
    const single = slices.every(({ attributes }) => attributes.size[axis] === 1);
    const onlyReshaped = slices.every((slice) => {
      const id = at(slice.outputs, 0);
      return !outputs.has(id) && (readers.get(id) ?? []).every(({ op }) => op === 'reshape');
    });
    // TFLite splits no bool; it unpacks them.
    const unpack = single && (onlyReshaped || dtype === 'bool');
    if (!unpack && (!whole || dtype === 'bool')) return [];
    return [{ source, axis, slices, unpack }];
  });
}

/** An equal graph; reshapes that an unpack leaves behind are for the rewrite rules to drop. */
export function groupSlices(graph: Graph): Graph {
  const groups = findGroups(graph);
  if (groups.length === 0) return graph;
  const groupOf = new Map<Node, Group>();
  for (const group of groups) for (const slice of group.slices) groupOf.set(slice, group);

  const builder = new GraphBuilder(graph.name);
  const ids = new Map<ValueId, ValueId>();
  for (const { name, value } of graph.inputs) {
    ids.set(value, builder.input(name, valueById(graph, value)));
  }
  const mapped = (id: ValueId): ValueId => {
    const value = valueById(graph, id);
    return ids.get(id) ?? builder.constant(value, value.data ?? new Float32Array(), value.name);
  };
  const piece = (group: Group, slice: Slice): ValueId => {
    const { axis, slices } = group;
    const source = [mapped(group.source)];
    const sizes = slices.map(({ attributes }) => at(attributes.size, axis));
    const pieces = group.unpack
      ? builder.emitAll({ op: 'unpack', attributes: { axis } }, source)
      : builder.emitAll({ op: 'split', attributes: { axis, sizes } }, source);
    const index = group.unpack ? at(slice.attributes.begin, axis) : slices.indexOf(slice);
    return builder.reshape(at(pieces, index), slice.attributes.size);
  };
  for (const node of graph.nodes) {
    const group = groupOf.get(node);
    const outputs =
      group && node.op === 'slice'
        ? [piece(group, node)]
        : builder.emitAll(node, node.inputs.map(mapped));
    node.outputs.forEach((id, i) => {
      ids.set(id, at(outputs, i));
    });
  }
  return builder.finish(graph.outputs.map(({ name, value }) => ({ name, value: mapped(value) })));
}
