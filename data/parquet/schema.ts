/** Columns of the Parquet files that we write: scalars, structs of them, lists of either; anything may be null. */
import type { ThriftFields, ThriftValue } from './thrift.ts';

/** What a value is; `text` is UTF-8, `date` whole days since 1970, `uint8` 0 … 255. */
export type ValueType = 'int32' | 'uint8' | 'date' | 'int64' | 'double' | 'text';

export interface ColumnSchema {
  name: string;
  type: ValueType;
  list: boolean;
  /** Name within the struct that the column, or each element of its list, is. Members follow each other. */
  member?: string;
}

const PHYSICAL = { int32: 1, uint8: 1, date: 1, int64: 2, double: 5, text: 6 } as const;
const CONVERTED: Partial<Record<ValueType, number>> = { text: 0, date: 6, uint8: 11 };
const OPTIONAL = 1;
const REPEATED = 2;
const CONVERTED_LIST = 3;

export const physicalType = (type: ValueType): number => PHYSICAL[type];

export const pathOf = ({ name, list, member }: ColumnSchema): string[] => [
  ...(list ? [name, 'list', 'element'] : [name]),
  ...(member === undefined ? [] : [member]),
];

/** Definition level of a value that is there. */
export const depthOf = ({ list, member }: ColumnSchema): number =>
  1 + (list ? 2 : 0) + Number(member !== undefined);

const element = (fields: ThriftFields): ThriftValue => ({ struct: fields });

function leaf(name: string, type: ValueType): ThriftValue {
  const converted = CONVERTED[type];
  return element({
    1: { i32: PHYSICAL[type] },
    3: { i32: OPTIONAL },
    4: { text: name },
    6: converted === undefined ? undefined : { i32: converted },
  });
}

const group = (name: string, children: number): ThriftValue =>
  element({ 3: { i32: OPTIONAL }, 4: { text: name }, 5: { i32: children } });

const listOf = (name: string, inner: readonly ThriftValue[]): ThriftValue[] => [
  element({ 3: { i32: OPTIONAL }, 4: { text: name }, 5: { i32: 1 }, 6: { i32: CONVERTED_LIST } }),
  element({ 3: { i32: REPEATED }, 4: { text: 'list' }, 5: { i32: 1 } }),
  ...inner,
];

/** @param columns one scalar, or all members of one struct */
function elementsOf(columns: readonly ColumnSchema[]): ThriftValue[] {
  const { name, type, list, member } = columns[0]!;
  const inner = list ? 'element' : name;
  const value =
    member === undefined
      ? [leaf(inner, type)]
      : [group(inner, columns.length), ...columns.map((one) => leaf(one.member!, one.type))];
  return list ? listOf(name, value) : value;
}

/** The schema as Parquet's flat list of elements, each group before its children. */
export function schemaElements(columns: readonly ColumnSchema[]): ThriftValue[] {
  const byName = new Map<string, ColumnSchema[]>();
  for (const column of columns) {
    byName.set(column.name, [...(byName.get(column.name) ?? []), column]);
  }
  return [
    element({ 4: { text: 'schema' }, 5: { i32: byName.size } }),
    ...[...byName.values()].flatMap(elementsOf),
  ];
}
