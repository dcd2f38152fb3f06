/** The columns of the lake's event files as leaves, from the contract's columns. */
import { EVENT_COLUMNS } from '../../contracts/columns.ts';
import type { EventType } from '../../contracts/device-log.ts';
import { type ColumnSchema, pathOf, type ValueType } from '../../parquet/schema.ts';

export interface LakeLeaf extends ColumnSchema {
  type: 'text' | 'int32' | 'int64' | 'double';
  /** As Parquet names it. */
  path: string;
  /** Hardly two of its texts are alike: a dictionary would only cost. */
  unique: boolean;
}

const TYPES: Readonly<Record<string, LakeLeaf['type']>> = {
  VARCHAR: 'text',
  INTEGER: 'int32',
  BIGINT: 'int64',
  DOUBLE: 'double',
};

/** What all rows of a file have in common is not read from anywhere. */
const CONSTANT = ['type', 'schema_version'];

const UNIQUE = ['event_id', 'decision_id', 'order_id', 'scores'];

/** Columns that are so in one type only. */
const UNIQUE_IN: Partial<Record<EventType, readonly string[]>> = { request: ['request_id'] };

/** Members of DuckDB's `STRUCT(a VARCHAR, "b" INTEGER)`; undefined for other types. */
export function structMembers(type: string): { name: string; type: string }[] | undefined {
  const members = /^STRUCT\(([^()[\]]*)\)$/.exec(type)?.[1];
  return members?.split(', ').map((member) => {
    const [, name, inner] = /^"?([a-z_]+)"? ([A-Z]+)$/.exec(member)!;
    return { name: name!, type: inner! };
  });
}

function leavesOf(type: EventType, name: string, duckdbType: string): LakeLeaf[] {
  const unique = [...UNIQUE, ...(UNIQUE_IN[type] ?? [])];
  const list = duckdbType.endsWith('[]');
  const inner = list ? duckdbType.slice(0, -2) : duckdbType;
  const members = structMembers(inner) ?? [{ name: undefined, type: inner }];
  return members.map((member) => {
    const schema: ColumnSchema & { type: LakeLeaf['type'] } = {
      ...{ name, list, type: TYPES[member.type]! },
      ...(member.name !== undefined && { member: member.name }),
    };
    return {
      ...schema,
      path: pathOf(schema).join('.'),
      unique: unique.includes(member.name ?? name),
    };
  });
}

/** Leaves that rows differ in, in the order of the contract's columns. */
export const lakeLeaves = (type: EventType): LakeLeaf[] =>
  EVENT_COLUMNS[type]
    .filter(({ name }) => !CONSTANT.includes(name))
    .flatMap((column) => leavesOf(type, column.name, column.type));

const CONSTANT_TYPES: Readonly<Record<string, ValueType>> = {
  type: 'text',
  schema_version: 'int32',
  date: 'date',
  bucket: 'int32',
};

/** A column of a file of the lake; without a path it is the same in all rows. */
export type LakeColumn = ColumnSchema & { path?: string };

/** Columns of a file of the lake, in its order: the contract's, then `date` and `bucket`. */
export function lakeColumns(type: EventType): LakeColumn[] {
  const names = [...EVENT_COLUMNS[type].map(({ name }) => name), 'date', 'bucket'];
  const leaves = lakeLeaves(type);
  return names.flatMap((name): LakeColumn[] => {
    const constant = CONSTANT_TYPES[name];
    if (constant) return [{ name, type: constant, list: false }];
    return leaves.filter((leaf) => leaf.name === name);
  });
}
