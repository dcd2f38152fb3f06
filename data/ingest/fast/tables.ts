/** The staged tables of one event type: their Parquet schema, and their columns in memory. */

import { KIND, LEAF, LEAF_KIND, SHAPE, slotAt, TABLE } from './memory.ts';
import type { SchemaNode } from './parquet-file.ts';
import type { FieldPlan, ObjectPlan } from './schema.ts';

/** Rows of a row group. */
const ROWS = 4096;
const TEXT_BYTES = 96 * 1024;
const LIST_BYTES = 768 * 1024;
const LIST_LEVELS = 64 * 1024;
/** Copies run over by up to 15 bytes. */
const SLACK = 64;
const INT32_MAX = 2 ** 31 - 1;

/** Fields that every row has and no column. */
const CONSTANT = ['type', 'schema_version'];

interface Leaf {
  shape: number;
  kind: number;
  slot: number;
  bit: number;
  innerSlot: number;
  innerBit: number;
  innerOptional: number;
  elementSize: number;
  dataBytes: number;
  /** What one row takes at most. */
  rowBytes: number;
  levelBytes: number;
  rowLevels: number;
}

export interface TablePlan {
  schema: SchemaNode[];
  leaves: Leaf[];
}

const typeOf = ({ kind, max }: FieldPlan): NonNullable<SchemaNode['type']> => {
  if (kind === KIND.integer) return max > INT32_MAX ? 'int64' : 'int32';
  return kind === KIND.number ? 'double' : 'text';
};
const kindOf = (type: SchemaNode['type']): number =>
  type === 'text' ? LEAF_KIND.text : type === 'int32' ? LEAF_KIND.int32 : LEAF_KIND.wide;
const bytesOf = (field: FieldPlan): number => (typeOf(field) === 'text' ? 4 + field.max : 8);

const column = (field: FieldPlan, repetition: 'required' | 'optional'): SchemaNode => ({
  name: field.name === 'user_id' ? 'user_key' : field.name,
  repetition,
  type: typeOf(field),
  // Logs come day by day, the lake is cut by day.
  ...(field.name === 'day' ? { ranged: true } : {}),
});

function scalar(field: FieldPlan): { node: SchemaNode; leaves: Leaf[] } {
  const node = column(field, 'optional');
  const rowBytes = bytesOf(field);
  const leaf: Leaf = {
    ...{
      shape: SHAPE.scalar,
      kind: kindOf(node.type),
      slot: slotAt(field.index),
      bit: field.index,
    },
    ...{ innerSlot: 0, innerBit: 0, innerOptional: 0, elementSize: 0 },
    ...{ dataBytes: node.type === 'text' ? TEXT_BYTES : ROWS * 8, rowBytes },
    ...{ levelBytes: ROWS, rowLevels: 1 },
  };
  return { node, leaves: [leaf] };
}

function members(field: FieldPlan, list: boolean): Leaf[] {
  const { fields, recordSize } = field.inner!;
  const most = list ? field.max : 1;
  return fields.map((member) => {
    const [outer] = scalar(member).leaves;
    return {
      ...outer!,
      shape: list ? SHAPE.list : SHAPE.member,
      slot: slotAt(field.index),
      bit: field.index,
      // A text of a list is the element itself; a member stands in a slot of its record.
      innerSlot: field.kind === KIND.texts ? 0 : slotAt(member.index),
      innerBit: member.index,
      innerOptional: member.optional ? 1 : 0,
      elementSize: recordSize,
      dataBytes: list ? LIST_BYTES : outer!.dataBytes,
      rowBytes: most * bytesOf(member),
      levelBytes: list ? LIST_LEVELS : ROWS,
      rowLevels: most,
    };
  });
}

function nested(field: FieldPlan): { node: SchemaNode; leaves: Leaf[] } {
  const { name, inner } = field;
  const children = inner!.fields.map((m) => column(m, m.optional ? 'optional' : 'required'));
  if (field.kind === KIND.object) {
    return { node: { name, repetition: 'optional', children }, leaves: members(field, false) };
  }
  const element: SchemaNode =
    field.kind === KIND.texts
      ? children[0]!
      : { name: 'element', repetition: 'required', children };
  const list: SchemaNode = { name: 'list', repetition: 'repeated', children: [element] };
  const node: SchemaNode = { name, repetition: 'optional', list: true, children: [list] };
  return { node, leaves: members(field, true) };
}

/** @param extra fields that the reader adds to the record */
export function planTable(object: ObjectPlan, extra: readonly FieldPlan[]): TablePlan {
  const parts = [...object.fields, ...extra]
    .filter((field) => !CONSTANT.includes(field.name))
    .map((field) => (field.inner ? nested(field) : scalar(field)));
  return { schema: parts.map(({ node }) => node), leaves: parts.flatMap(({ leaves }) => leaves) };
}

const leafSpace = (leaf: Leaf): { data: number; levels: number } => ({
  data: leaf.dataBytes + leaf.rowBytes + SLACK,
  levels: leaf.levelBytes + leaf.rowLevels + SLACK,
});

/** Places a table; columns lie behind it. */
export class TableSpace {
  readonly address: number;
  readonly plan: TablePlan;
  readonly #base: number;

  constructor(plan: TablePlan, reserve: (bytes: number) => number) {
    this.plan = plan;
    this.address = reserve(TABLE.leaves + LEAF.size * plan.leaves.length);
    const bytes = plan.leaves.reduce((sum, leaf) => {
      const { data, levels } = leafSpace(leaf);
      return sum + data + 2 * levels;
    }, 0);
    this.#base = reserve(bytes);
  }

  /** Writes the description, with empty columns. */
  describe(view: DataView): void {
    const at = this.address;
    view.setInt32(at + TABLE.maxRows, ROWS, true);
    view.setInt32(at + TABLE.leafCount, this.plan.leaves.length, true);
    let next = this.#base;
    this.plan.leaves.forEach((leaf, i) => {
      const to = at + TABLE.leaves + LEAF.size * i;
      for (const name of ['shape', 'kind', 'slot', 'bit', 'innerSlot', 'innerBit'] as const) {
        view.setInt32(to + LEAF[name], leaf[name], true);
      }
      view.setInt32(to + LEAF.innerOptional, leaf.innerOptional, true);
      view.setInt32(to + LEAF.elementSize, leaf.elementSize, true);
      const space = leafSpace(leaf);
      view.setInt32(to + LEAF.dataStart, next, true);
      view.setInt32(to + LEAF.dataFull, next + leaf.dataBytes, true);
      view.setInt32(to + LEAF.levelsStart, next + space.data, true);
      view.setInt32(to + LEAF.levelsFull, next + space.data + leaf.levelBytes, true);
      view.setInt32(to + LEAF.repetition, space.levels, true);
      next += space.data + 2 * space.levels;
    });
    this.clear(view);
  }

  clear(view: DataView): void {
    view.setInt32(this.address + TABLE.rows, 0, true);
    view.setInt32(this.address + TABLE.full, 0, true);
    this.plan.leaves.forEach((_, i) => {
      const at = this.address + TABLE.leaves + LEAF.size * i;
      view.setInt32(at + LEAF.data, view.getInt32(at + LEAF.dataStart, true), true);
      view.setInt32(at + LEAF.levels, view.getInt32(at + LEAF.levelsStart, true), true);
    });
  }
}
