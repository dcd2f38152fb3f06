/** The tables in which accepted rows wait for the lake. */
import {
  type Column,
  EVENT_COLUMNS,
  TABLE_COLUMNS,
  TABLE_NAMES,
  type TableName,
} from '../contracts/columns.ts';
import { EVENT_TYPES, type EventType } from '../contracts/device-log.ts';

/** Columns by which the lake is cut into files. `day` counts days since 1970-01-01. */
const PARTITION_COLUMNS: Column[] = [
  { name: 'day', type: 'INTEGER' },
  { name: 'bucket', type: 'INTEGER' },
];

/** Groups of buckets at most: a table for each, so that they can be sorted side by side. */
const MOST_GROUPS = 8;

/** How many tables an event type has; bucket b is in group b modulo this. */
export const groupsOf = (buckets: number): number => Math.min(buckets, MOST_GROUPS);

export const eventTable = (type: EventType, group: number): string => `event_${type}_${group}`;

export const eventTables = (type: EventType, buckets: number): string[] =>
  Array.from({ length: groupsOf(buckets) }, (_, group) => eventTable(type, group));

export const stagedTable = (table: TableName): string => `table_${table}`;

/** Columns of every table, but for `row_no`, which all have. */
export function stagedColumns(buckets: number): Map<string, Column[]> {
  const tables = new Map<string, Column[]>();
  for (const type of EVENT_TYPES) {
    const columns = [...PARTITION_COLUMNS, ...EVENT_COLUMNS[type]];
    for (const name of eventTables(type, buckets)) tables.set(name, columns);
  }
  for (const table of TABLE_NAMES) tables.set(stagedTable(table), TABLE_COLUMNS[table]);
  return tables;
}

/**
 * Row numbers are in reading order: position of the file, pass over it (a damaged file is read twice),
 * number of its line.
 */
const PASS_ROWS = 2 ** 32;
const FILE_ROWS = 2 * PASS_ROWS;

/** Row number of line 0 of a pass over a file. */
export const firstRowNo = (file: number, pass: 0 | 1): number =>
  file * FILE_ROWS + pass * PASS_ROWS;
/** Number of the pass over a file that a row belongs to. */
export const passOf = (rowNo: number): number => Math.floor(rowNo / PASS_ROWS);
/** Position of the file of a row. */
export const fileOf = (rowNo: number): number => Math.floor(rowNo / FILE_ROWS);
/** SQL: position of the file of a row. */
export const FILE_OF_ROW = `row_no // ${FILE_ROWS}`;
/** SQL: rows of the passes whose first row numbers are given. */
export const inPasses = (firsts: readonly number[]): string =>
  `(row_no // ${PASS_ROWS}) in (${firsts.map((first) => first / PASS_ROWS).join(', ')})`;
